"""Requests to a service, each within the deadline of its call."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from oslo_config import cfg
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from qplug.errors import ConfigInvalid, QplugError
from qplug.http.answers import Answer
from qplug.http.errors import (
    NotTheService,
    ServiceFailed,
    ServiceForbids,
    ServiceNotTrusted,
    ServiceRefused,
    ServiceUnreachable,
)
from qplug.http.tokens import Tokens
from qplug.model import Call

PAUSE = 1.0
"""Seconds before a GET is tried again."""
LARGEST = 64 << 20
"""Octets that an answer may have."""


class HttpClient:
    """A service, as one process talks to it. Safe in threads and after fork.

    :param conf: the group of options that has those of :func:`qplug.http.http_options`
    :param name: what sentences call the service
    :param group: what they call the group
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts.GroupAttr,
        *,
        name: str,
        group: str,
        tokens: Tokens | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._conf = conf
        self._name = name
        self._group = group
        self._tokens = tokens
        self._always = headers or {}
        self._of_process: tuple[int, requests.Session] | None = None

    def exchange(self, call: Call, method: str, url: str, **what: Any) -> Answer:
        """Return the answer to a request, whatever its status.

        A GET that nobody answers is tried again as often as ``num_retries`` says; and a request
        that was refused with 401 once more with a new token, if there are tokens.

        :param what: what ``requests`` takes: json, params, headers
        :raises ServiceUnreachable: nobody answers in time
        :raises ServiceNotTrusted: there is no TLS with it
        :raises NotTheService: the answer has no end
        """
        attempts = 1 + (self._conf.num_retries if method == "GET" else 0)
        for attempt in range(1, attempts + 1):
            try:
                return self._believed(call, method, url, what)
            except ServiceUnreachable as error:
                if attempt == attempts or call.remaining() <= PAUSE:
                    raise ServiceUnreachable(
                        error.service, error.url, error.reason, attempt
                    ) from error
                time.sleep(PAUSE)
        raise AssertionError("there is always a last attempt")

    def refusal(self, answer: Answer, detail: str | None) -> QplugError:
        """Return what a status that is no success means, where the driver has no better name.

        :param detail: what the service says; ``None`` if it does not speak like the service
        """
        if answer.status in (401, 403):
            return ServiceForbids(self._name, self._group, answer.asked, answer.status, detail)
        if answer.status >= 500:
            found = detail or answer.outline()
            return ServiceFailed(self._name, answer.asked, answer.status, found)
        if detail is None:
            return self.stranger(answer)
        return ServiceRefused(self._name, answer.asked, answer.status, detail)

    def stranger(self, answer: Answer, found: str = "") -> NotTheService:
        """Return the error of an answer that is none of the service's.

        :param found: what is wrong with it, such as ``JSON without 'networks'``
        """
        return NotTheService(self._name, self._group, answer.asked, found or answer.outline())

    def session(self) -> requests.Session:
        """Return the connections of this process: those of its parent are the parent's."""
        if self._of_process is None or self._of_process[0] != os.getpid():
            self._of_process = (os.getpid(), _session(self._conf, self._always))
        return self._of_process[1]

    def close(self) -> None:
        """Close the connections of this process."""
        if self._of_process is not None:
            self._of_process[1].close()

    # --- the wire -------------------------------------------------------------------------------

    def _believed(self, call: Call, method: str, url: str, what: Mapping[str, Any]) -> Answer:
        answer = self._sent(call, method, url, **what)
        if answer.status == 401 and self._tokens is not None:
            self._tokens.invalidate()
            answer = self._sent(call, method, url, **what)
        return answer

    def _sent(
        self,
        call: Call,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        **what: Any,
    ) -> Answer:
        with self._translated(url):
            sent = {**self._headers(call), **(headers or {})}
            patience = min(self._conf.timeout, call.remaining())
            if patience <= 0:
                raise self._unreachable(url, "the time of the operation is over")
            with self.session().request(
                method,
                url,
                headers=sent,
                timeout=patience,
                allow_redirects=False,
                stream=True,
                **what,
            ) as reply:
                kind = reply.headers.get("Content-Type", "").partition(";")[0]
                asked = f"{method} {_shown(url)}"
                return Answer(reply.status_code, kind, self._read(call, reply, asked), asked)

    def _read(self, call: Call, reply: requests.Response, asked: str) -> bytes:
        """Read to the end, though whoever sends may take its time between octets."""
        parts, length = [], 0
        while part := reply.raw.read1(1 << 16):
            parts.append(part)
            length += len(part)
            if call.remaining() <= 0:
                raise self._unreachable(reply.url, "its answer came too slowly")
            if length > LARGEST:
                raise NotTheService(self._name, self._group, asked, f"more than {LARGEST} octets")
        return b"".join(parts)

    def _headers(self, call: Call) -> Mapping[str, str]:
        token = {} if self._tokens is None else self._tokens.headers(call, self.session())
        return {"X-Openstack-Request-Id": call.request_id, **token}

    @contextmanager
    def _translated(self, url: str) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError as error:
            reason = _reason(error, url)
            raise ServiceNotTrusted(self._name, self._group, _place(url), reason) from error
        except (requests.RequestException, HTTPError) as error:
            raise self._unreachable(url, _reason(error, url)) from error
        except OSError as error:  # requests says so of a file that it cannot read
            raise ConfigInvalid(f"[{self._group}]", str(error)) from error

    def _unreachable(self, url: str, reason: str) -> ServiceUnreachable:
        return ServiceUnreachable(self._name, _place(url), reason)


def _session(conf: cfg.ConfigOpts.GroupAttr, headers: Mapping[str, str]) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # proxies and passwords come from the configuration, or not at all
    session.verify = False if conf.insecure else conf.cafile or True
    if conf.insecure:  # it was said once, in the configuration
        urllib3.disable_warnings(InsecureRequestWarning)
    if conf.certfile:
        session.cert = (conf.certfile, conf.keyfile) if conf.keyfile else conf.certfile
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "qplug", **headers})
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=conf.connections))
    return session


def _shown(url: str) -> str:
    """Return a URL without the password that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _place(url: str) -> str:
    """Return scheme, host and port: who it is that does not answer."""
    return "/".join(_shown(url).split("/", 3)[:3])


def _reason(error: Exception, url: str) -> str:
    """Return the innermost reason in words: the others are of the layers between."""
    while isinstance(inner := error.__cause__ or error.__context__, Exception):
        error = inner
    if isinstance(error, socket.gaierror):
        return f"there is no host of the name in {_place(url)}"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused, so nothing listens there"
    if isinstance(error, TimeoutError):
        return "it timed out"
    return str(error) or type(error).__name__
