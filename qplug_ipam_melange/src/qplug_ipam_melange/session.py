"""What is asked of Melange, and what its answers mean."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oslo_config import cfg

from qplug.errors import QplugError
from qplug.http import Answer, HttpClient
from qplug.model import Call
from qplug_ipam_melange.keystone import tokens_of
from qplug_ipam_melange.options import GROUP

BASE = "v0.1/ipam"
READERS_OWN = (400, 415)
"""What Melange's reader of bodies answers in plain text."""


class Melange:
    """A Melange server, as one process talks to it."""

    def __init__(self, conf: cfg.ConfigOpts.GroupAttr) -> None:
        self._conf = conf
        scheme, host = "https" if conf.tls else "http", conf.host
        host = f"[{host}]" if ":" in host else host
        path = conf.path.strip("/")
        self.url = f"{scheme}://{host}:{conf.port}{path and '/'}{path}"
        self._http = HttpClient(
            conf, name="Melange", group=GROUP, tokens=tokens_of(conf), headers=conf.headers
        )

    def get(self, call: Call, path: str, **query: str | int) -> Mapping[str, Any]:
        """Return what is at a path; tried again as often as the options say.

        :raises ServiceUnreachable: nobody answers in time
        :raises ServiceFailed: the server failed
        :raises ServiceRefused: it says no
        :raises ServiceForbids: a filter says no
        :raises NotTheService: what came is no answer of Melange's
        """
        return self._told(call, "GET", path, params=query)

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
            page = self._told(call, "GET", path, holding=name, params=more)
            yield from page[name]
            links = page.get(f"{name}_links") or ()
            more = next((_query(link["href"]) for link in links if link["rel"] == "next"), {})

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    # --- answers --------------------------------------------------------------------------------

    def _told(
        self, call: Call, method: str, path: str, *, holding: str = "", **what: Any
    ) -> Mapping[str, Any]:
        """Return the document of an answer, which has the list called ``holding``."""
        answer = self._sent(call, method, path, **what)
        told = answer.json()
        if not isinstance(told, dict):
            raise self._http.stranger(answer)
        if holding and not isinstance(told.get(holding), list):
            raise self._http.stranger(answer, f"JSON without '{holding}'")
        return told

    def _sent(self, call: Call, method: str, path: str, **what: Any) -> Answer:
        answer = self._http.exchange(call, method, f"{self.url}/{BASE}/{path}", **what)
        if not answer.ok:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: Answer) -> QplugError:
        detail = _detail(answer)
        if detail is None and answer.status in READERS_OWN:
            detail = answer.text()
        return self._http.refusal(answer, detail)


def _detail(answer: Answer) -> str | None:
    """Return what a fault says; ``None`` if this is none of Melange's."""
    told = answer.json()
    fault = next(iter(told.values()), None) if isinstance(told, dict) else None
    if not isinstance(fault, dict) or "code" not in fault:
        return None
    return str(fault.get("detail") or fault.get("message") or answer.text())


def _query(href: str) -> Mapping[str, str]:
    """Return the query of a link; its host is the one by which a proxy asked."""
    return dict(parse_qsl(urlsplit(href).query))
