"""What is asked of Quantum, and what its answers mean."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from oslo_config import cfg

from qplug.errors import QplugError
from qplug.http import Answer, HttpClient
from qplug.model import Call
from qplug_quantum_v1.errors import QuantumRefused, VersionNotServed
from qplug_quantum_v1.faults import Refusal, detail_of, fault_of
from qplug_quantum_v1.options import GROUP

Thing = Mapping[str, Any]
"""A network or port, as Quantum shows it."""


class Quantum:
    """A Quantum server, as one process talks to it. Safe in threads and after fork."""

    def __init__(self, conf: cfg.ConfigOpts.GroupAttr) -> None:
        scheme, host = "https" if conf.tls else "http", conf.host
        host = f"[{host}]" if ":" in host else host
        path = conf.path.strip("/")
        self.version = str(conf.api_version)
        self.url = f"{scheme}://{host}:{conf.port}{path and '/'}{path}"
        self._http = HttpClient(conf, name="Quantum", group=GROUP, headers=conf.headers)

    def get(self, call: Call, project_id: str, *path: str, holding: str) -> Thing:
        """Return what an answer has under the key ``holding``.

        :param path: below the project, each part as it is
        :raises QuantumRefused: it says no, for the reason that is its ``fault``
        :raises VersionNotServed: the server speaks other versions
        :raises ServiceUnreachable: nobody answers in time
        :raises ServiceFailed: the server failed
        :raises ServiceForbids: a filter says no
        :raises NotTheService: what came is no answer of Quantum's
        """
        answer = self._sent(call, "GET", project_id, path)
        found = self._held(answer, holding)
        if not isinstance(found, dict) or not _are_things(found.get("ports", [])):
            raise self._http.stranger(answer, f"a '{holding}' that is none")
        return found

    def find(
        self, call: Call, project_id: str, *path: str, holding: str, **query: str
    ) -> Sequence[Thing]:
        """Return the list that an answer has under ``holding``; raises what :meth:`get` does."""
        answer = self._sent(call, "GET", project_id, path, params=query)
        found = self._held(answer, holding)
        if not _are_things(found):
            raise self._http.stranger(answer, f"'{holding}' without ids")
        things: Sequence[Thing] = found
        return things

    def post(self, call: Call, project_id: str, *path: str, body: Mapping[str, Any]) -> str:
        """Make what the body says, and return its id, which is all that is told.

        Raises what :meth:`get` does.
        """
        (root,) = body
        answer = self._sent(call, "POST", project_id, path, json=body)
        made = self._held(answer, root)
        if not isinstance(made, dict) or not isinstance(made.get("id"), str):
            raise self._http.stranger(answer, f"JSON without an id in '{root}'")
        return str(made["id"])

    def put(self, call: Call, project_id: str, *path: str, body: Mapping[str, Any]) -> None:
        """Set what the body says; raises what :meth:`get` does."""
        self._done(self._sent(call, "PUT", project_id, path, json=body))

    def delete(self, call: Call, project_id: str, *path: str) -> None:
        """Delete it; raises what :meth:`get` does."""
        self._done(self._sent(call, "DELETE", project_id, path))

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    # --- answers --------------------------------------------------------------------------------

    def _sent(
        self, call: Call, method: str, project_id: str, path: Sequence[str], **what: Any
    ) -> Answer:
        below = "/".join(quote(part, safe="") for part in ("tenants", project_id, *path))
        url = f"{self.url}/{self.version}/{below}.json"
        if any("/" in part or "." in part for part in path):
            # What is behind a dot is taken for a format and cut off: this would be another's id.
            raise QuantumRefused("Quantum", f"{method} {url}", 404, "no id", Refusal.NO_NETWORK)
        answer = self._http.exchange(call, method, url, **what)
        if not answer.ok:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: Answer) -> QplugError:
        detail, fault = detail_of(answer), fault_of(answer)
        if detail is not None and answer.status < 500 and answer.status not in (401, 403):
            return QuantumRefused("Quantum", answer.asked, answer.status, detail, fault)
        return self._http.refusal(answer, detail)

    def _held(self, answer: Answer, key: str) -> Any:
        told = answer.json()
        if isinstance(told, dict) and key in told:
            return told[key]
        raise self._stranger(answer, f"JSON without '{key}'" if isinstance(told, dict) else "")

    def _done(self, answer: Answer) -> None:
        if answer.body:
            raise self._stranger(answer, "")

    def _stranger(self, answer: Answer, found: str) -> QplugError:
        """Return the error of a success that is none: an unknown version is told the others."""
        told = answer.json()
        versions = told.get("versions") if isinstance(told, dict) else None
        if not isinstance(versions, list):
            return self._http.stranger(answer, found)
        said = [each for each in versions if isinstance(each, dict)]
        served = [str(each.get("id")) for each in said if each.get("status") != "FUTURE"]
        if self.version in served:
            return self._http.stranger(answer, "a list of versions, as if the path were wrong")
        return VersionNotServed(self.url, self.version, served)


def _are_things(found: Any) -> bool:
    """Say whether it is a list of what has an id, and perhaps something attached."""
    return isinstance(found, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("id"), str)
        and isinstance(each.get("attachment", {}), dict)
        for each in found
    )
