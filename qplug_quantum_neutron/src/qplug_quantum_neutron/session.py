"""What is asked of Neutron, and what its answers mean."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from oslo_config import cfg

from qplug.errors import ConfigInvalid, QplugError
from qplug.http import Answer, HttpClient
from qplug.model import Call
from qplug_quantum_neutron.errors import NeutronRefused
from qplug_quantum_neutron.login import Login
from qplug_quantum_neutron.options import GROUP

Query = Mapping[str, str | Sequence[str]]
Thing = Mapping[str, Any]
"""A network, port or subnet, as Neutron shows it."""


class Neutron:
    """A Neutron, as one process talks to it. Safe in threads and after fork."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf[GROUP]
        self._login = Login(conf)
        self._http = HttpClient(self._conf, name="Neutron", group=GROUP, tokens=self._login.tokens)
        self._url = ""

    def url(self, call: Call) -> str:
        """Return where it is; the catalog is asked once, if at all.

        :raises ConfigInvalid: neither the configuration says so nor a catalog
        """
        if not self._url:
            tokens, session = self._login.tokens, self._http.session()
            said = self._login.url or tokens.endpoint(call, session, **self._login.wanted)
            if not said:
                reason = "the catalog has no such network service; set url, or another region_name"
                raise ConfigInvalid(f"[{GROUP}]", reason)
            self._url = said.rstrip("/").removesuffix("/v2.0")
        return self._url

    def get(self, call: Call, kind: str, id_: str) -> Thing | None:
        """Return the network, port or subnet with an id; ``None`` if it does not show.

        :param kind: ``networks``, ``ports`` or ``subnets``
        :raises NeutronRefused: it says no, for the reason that is its ``type``
        :raises ServiceUnreachable: nobody answers in time
        :raises ServiceFailed: the server failed
        :raises ServiceForbids: they do not let us
        :raises NotTheService: what came is no answer of Neutron's
        """
        try:
            answer = self._sent(call, "GET", f"{kind}/{_id(id_)}")
        except NeutronRefused as error:
            if error.status == 404:
                return None
            raise
        return self._thing(answer, kind)

    def find(self, call: Call, kind: str, query: Query) -> Iterator[Thing]:
        """Yield what a query finds, page by page; raises what :meth:`get` does.

        What is deleted meanwhile may be the one that the next page begins behind: then all is
        asked again, and what was yielded before is passed over.
        """
        size = self._conf.page_size
        last: str | None = None
        after: str | None = None
        while True:
            marker = {} if after is None else {"marker": after}
            pages = {"limit": str(size), "sort_key": "id", "sort_dir": "asc", **marker}
            try:
                page = self._page(call, kind, {**query, **pages})
            except NeutronRefused as error:
                if error.status != 404 or after is None:
                    raise
                after = None
                continue
            for each in page:
                if last is None or str(each["id"]) > last:
                    yield each
            if page:
                after = str(page[-1]["id"])
                last = after if last is None else max(last, after)
            if len(page) < size:
                return

    def post(self, call: Call, kind: str, wanted: Thing) -> Thing:
        """Make it, and return what was made; raises what :meth:`get` does."""
        return self._thing(self._sent(call, "POST", kind, json={_singular(kind): wanted}), kind)

    def put(self, call: Call, kind: str, id_: str, wanted: Thing) -> Thing:
        """Change it, and return what it is now; raises what :meth:`get` does."""
        path = f"{kind}/{_id(id_)}"
        return self._thing(self._sent(call, "PUT", path, json={_singular(kind): wanted}), kind)

    def delete(self, call: Call, kind: str, id_: str) -> bool:
        """Delete it, and say whether it was there; raises what :meth:`get` does."""
        try:
            self._sent(call, "DELETE", f"{kind}/{_id(id_)}")
        except NeutronRefused as error:
            if error.status == 404:
                return False
            raise
        return True

    def extensions(self, call: Call) -> frozenset[str]:
        """Return the aliases of what it can do beyond the core of the API."""
        answer = self._sent(call, "GET", "extensions")
        return frozenset(str(each.get("alias")) for each in self._held(answer, "extensions", list))

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    # --- answers --------------------------------------------------------------------------------

    def _page(self, call: Call, kind: str, query: Query) -> list[Thing]:
        answer = self._sent(call, "GET", kind, params=query)
        found: list[Thing] = self._held(answer, kind, list)
        if all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in found):
            return found
        raise self._http.stranger(answer, f"'{kind}' without ids")

    def _thing(self, answer: Answer, kind: str) -> Thing:
        name = _singular(kind)
        found: Thing = self._held(answer, name, dict)
        if isinstance(found.get("id"), str):
            return found
        raise self._http.stranger(answer, f"JSON without an id in '{name}'")

    def _held(self, answer: Answer, key: str, kind: type) -> Any:
        told = answer.json()
        if isinstance(told, dict) and isinstance(told.get(key), kind):
            return told[key]
        found = f"JSON without '{key}'" if isinstance(told, dict) else ""
        raise self._http.stranger(answer, found)

    def _sent(self, call: Call, method: str, path: str, **what: Any) -> Answer:
        answer = self._http.exchange(call, method, f"{self.url(call)}/v2.0/{path}", **what)
        if not answer.ok:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: Answer) -> QplugError:
        told = answer.json()
        fault = told.get("NeutronError") if isinstance(told, dict) else None
        if not isinstance(fault, dict):
            return self._http.refusal(answer, None if fault is None else str(fault))
        detail = " ".join(f"{fault.get('message')} {fault.get('detail') or ''}".split())
        if answer.status in (401, 403) or answer.status >= 500:
            return self._http.refusal(answer, detail)
        name = str(fault.get("type"))
        return NeutronRefused("Neutron", answer.asked, answer.status, detail, name)


def _id(id_: str) -> str:
    return quote(id_, safe="")


def _singular(kind: str) -> str:
    return kind.removesuffix("s")
