"""HTTP with Melange: in time, from as many threads as there are, and with errors of ours."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import urllib3
from oslo_config import cfg
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from qplug.errors import ConfigInvalid
from qplug.model import Call
from qplug_ipam_melange.answers import Answer
from qplug_ipam_melange.errors import MelangeConnectionFailed, MelangeNotTrusted, NotMelange
from qplug_ipam_melange.keystone import Tokens, tokens_of

BASE = "v0.1/ipam"
PAUSE = 1.0
"""Seconds before a GET is tried again, as Nova waited."""
LARGEST = 64 << 20
"""Octets that an answer may have."""


class Melange:
    """A Melange server, as one process talks to it."""

    def __init__(self, conf: cfg.ConfigOpts.GroupAttr) -> None:
        self._conf = conf
        scheme, host = "https" if conf.tls else "http", conf.host
        host = f"[{host}]" if ":" in host else host
        path = conf.path.strip("/")
        self.url = f"{scheme}://{host}:{conf.port}{path and '/'}{path}"
        self._tokens: Tokens | None = tokens_of(conf)
        self._of_process: tuple[int, requests.Session] | None = None

    # --- requests -------------------------------------------------------------------------------

    def get(self, call: Call, path: str, **query: str | int) -> Mapping[str, Any]:
        """Return what is at a path; tried again as often as the options say.

        :raises MelangeConnectionFailed: nobody answers in time
        :raises MelangeBroken: the server failed
        :raises MelangeRefused: it says no
        :raises MelangeForbids: a filter says no
        :raises NotMelange: what came is no answer of Melange's
        """
        attempts = 1 + self._conf.num_retries
        for attempt in range(1, attempts + 1):
            try:
                return self._told(call, "GET", path, params=query)
            except MelangeConnectionFailed as error:
                if attempt == attempts or call.remaining() <= PAUSE:
                    raise MelangeConnectionFailed(error.url, error.reason, attempt) from error
                time.sleep(PAUSE)
        raise AssertionError("there is always a last attempt")

    def post(self, call: Call, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send it once, and return what was made; raises what :meth:`get` does."""
        return self._told(call, "POST", path, json=body)

    def delete(self, call: Call, path: str) -> None:
        """Delete it, once; raises what :meth:`get` does."""
        self._sent(call, "DELETE", path)

    def pages(self, call: Call, path: str, name: str, **query: str) -> Iterator[Mapping[str, Any]]:
        """Yield the elements of a list, asking for a page when the one before is used up."""
        more: Mapping[str, str | int] = {"limit": self._conf.page_size, **query}
        while more:
            page = self.get(call, path, **more)
            yield from self._part(path, page, name)
            links = page.get(f"{name}_links") or ()
            more = next((_query(link["href"]) for link in links if link["rel"] == "next"), {})

    def close(self) -> None:
        """Close the connections of this process."""
        if self._of_process is not None:
            self._of_process[1].close()

    # --- answers --------------------------------------------------------------------------------

    def _told(self, call: Call, method: str, path: str, **what: Any) -> Mapping[str, Any]:
        answer = self._sent(call, method, path, **what)
        if not isinstance(told := answer.json(), dict):
            raise NotMelange(self._asked(method, path), answer.outline())
        return told

    def _part(self, path: str, told: Mapping[str, Any], name: str) -> Any:
        if not isinstance(told.get(name), list):
            raise NotMelange(self._asked("GET", path), f"JSON without '{name}'")
        return told[name]

    def _sent(self, call: Call, method: str, path: str, **what: Any) -> Answer:
        """Send a request once, with a new token if the old one is not believed any more."""
        answer = self._exchange(call, method, path, **what)
        if answer.status == 401 and self._tokens is not None:
            self._tokens.invalidate()
            answer = self._exchange(call, method, path, **what)
        if 200 <= answer.status < 300:
            return answer
        raise answer.refusal(self._asked(method, path))

    def _asked(self, method: str, path: str) -> str:
        return f"{method} {self.url}/{BASE}/{path}"

    # --- the wire -------------------------------------------------------------------------------

    def _exchange(self, call: Call, method: str, path: str, **what: Any) -> Answer:
        with self._translated():
            headers = self._headers(call)
            patience = min(self._conf.timeout, call.remaining())
            if patience <= 0:
                raise MelangeConnectionFailed(self.url, "the time of the operation is over")
            with self._session().request(
                method,
                f"{self.url}/{BASE}/{path}",
                headers=headers,
                timeout=patience,
                allow_redirects=False,
                stream=True,
                **what,
            ) as reply:
                kind = reply.headers.get("Content-Type", "").partition(";")[0]
                return Answer(reply.status_code, kind, self._read(call, reply))

    def _read(self, call: Call, reply: requests.Response) -> bytes:
        """Read to the end, though whoever sends may take its time between octets."""
        parts, length = [], 0
        while part := reply.raw.read1(1 << 16):
            parts.append(part)
            length += len(part)
            if call.remaining() <= 0:
                raise MelangeConnectionFailed(self.url, "its answer came too slowly")
            if length > LARGEST:
                raise NotMelange(reply.url, f"more than {LARGEST} octets")
        return b"".join(parts)

    def _headers(self, call: Call) -> Mapping[str, str]:
        token = {} if self._tokens is None else self._tokens.headers(call, self._session())
        return {"X-Openstack-Request-Id": call.request_id, **token}

    def _session(self) -> requests.Session:
        """Return the connections of this process: those of its parent are the parent's."""
        if self._of_process is None or self._of_process[0] != os.getpid():
            self._of_process = (os.getpid(), _session(self._conf))
        return self._of_process[1]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise MelangeNotTrusted(self.url, _reason(error)) from error
        except (requests.RequestException, HTTPError) as error:
            raise MelangeConnectionFailed(self.url, _reason(error)) from error
        except OSError as error:  # requests says so of a file that it cannot read
            raise ConfigInvalid("of Melange", str(error)) from error


def _session(conf: cfg.ConfigOpts.GroupAttr) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # proxies and passwords come from the configuration, or not at all
    session.verify = False if conf.insecure else conf.cafile or True
    if conf.insecure:  # it was said once, in the configuration
        urllib3.disable_warnings(InsecureRequestWarning)
    if conf.certfile:
        session.cert = (conf.certfile, conf.keyfile) if conf.keyfile else conf.certfile
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "qplug", **conf.headers})
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=conf.connections))
    return session


def _query(href: str) -> Mapping[str, str]:
    """Return the query of a link; its host is the one by which a proxy asked."""
    return dict(parse_qsl(urlsplit(href).query))


def _reason(error: Exception) -> str:
    """Return the innermost reason: the others are of the layers between."""
    while (inner := error.__cause__ or error.__context__) is not None and isinstance(
        inner, Exception
    ):
        error = inner
    return str(error) or type(error).__name__
