"""From a request to its answer: version, route, body, network, port, plugin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from qplug.http.server import Answer, Request
from qplug_quantum_v1.testing import bodies, faults
from qplug_quantum_v1.testing.formats import rendered, suffix, wants_xml
from qplug_quantum_v1.testing.state import Network, Port, State
from qplug_quantum_v1.testing.views import Views, networks_that_match, ports_that_match

NO_SUCH = "404 Not Found\n\nThe resource could not be found.\n\n   "
SCHEMA = "http://openstack.org/quantum/api/"
SCHEMA_OF_DIABLO = "http://netstack.org/quantum/api/"

Document = dict[str, Any]


def answer(state: State, request: Request) -> Answer:
    """Do what a request wants."""
    first, *rest = _segments(request)
    if first not in state.settings.versions:
        return _versions(state, request)
    exchange = Exchange(state, request, first)
    try:
        if not rest:
            raise faults.Crash
        status, document = exchange.do(rest)
    except faults.Fault as fault:
        diablo = state.settings.diablo
        status, reason, document = faults.document(fault, first, diablo=diablo)
        return exchange.answer(status, document, reason=reason)
    except faults.Unreadable as error:
        return exchange.answer(400, {"Error": {"code": 400, "message": error.message}})
    except faults.NoRoute:
        return Answer(404, NO_SUCH.encode())
    except faults.Crash:
        return Answer(500, b"Traceback (most recent call last): ...", "text/plain")
    return exchange.answer(status, document)


def _segments(request: Request) -> list[str]:
    """Return the path at its slashes, without what the last has behind a dot, if it may have it."""
    segments = [unquote(segment) for segment in request.path.split("/")[1:]]
    if len(segments) > 1 and suffix(request):
        segments[-1] = segments[-1].partition(".")[0]
    return segments


def _versions(state: State, request: Request) -> Answer:
    proposed = "FUTURE" if state.settings.diablo else "PROPOSED"
    url = f"http://{request.headers.get('host', '')}"
    versions = [
        {"id": version, "status": status, "links": [{"href": f"{url}/{version}", "rel": "self"}]}
        for version, status in (("v1.0", "CURRENT"), ("v1.1", proposed))
    ]
    xml = "application/xml" in request.headers.get("accept", "")
    kind = "xml" if xml else "json"
    body = rendered({"versions": versions}, xml=xml, namespace=None)
    return Answer(200, body, f"application/{kind}; charset=UTF-8")


@dataclass
class Exchange:
    """A request below a version."""

    state: State
    request: Request
    version: str

    def do(self, path: list[str]) -> tuple[int, Document | None]:
        """Return status and document of what works."""
        match path:
            case ["extensions"]:
                return self._only("GET", lambda: (200, {"extensions": []}))
            case ["tenants", tenant_id, "networks"]:
                return self._networks(tenant_id)
            case ["tenants", tenant_id, "networks", "detail"]:
                return self._only("GET", lambda: self._list_networks(tenant_id, detail=True))
            case ["tenants", tenant_id, "networks", network_id, *rest]:
                return self._below_network(tenant_id, network_id, rest)
        raise faults.NoRoute

    def answer(self, status: int, document: Document | None, reason: str | None = None) -> Answer:
        """Write it in the format that the request is about."""
        settings, xml = self.state.settings, wants_xml(self.request)
        failed = status >= 400
        kind = f"application/{'xml' if xml else 'json'}{'; charset=UTF-8' if failed else ''}"
        if document is None:
            return Answer(status, b"", None if settings.diablo else kind)
        schema = (SCHEMA_OF_DIABLO if settings.diablo else SCHEMA) + self.version
        namespace = None if settings.diablo and not failed else schema
        return Answer(status, rendered(document, xml=xml, namespace=namespace), kind, reason)

    # --- networks -------------------------------------------------------------------------------

    def _networks(self, tenant_id: str) -> tuple[int, Document | None]:
        if self.request.method == "POST":
            name = self._read("network", "name", required=True) or ""
            return self._created({"network": self._id(self.state.create_network(tenant_id, name))})
        return self._only("GET", lambda: self._list_networks(tenant_id, detail=False))

    def _list_networks(self, tenant_id: str, *, detail: bool) -> tuple[int, Document]:
        networks = self.state.networks(tenant_id)
        found = networks_that_match(networks, self.request.query, self.state.settings)
        show: Callable[[Network], Document] = self._views.network if detail else self._id
        return 200, {"networks": [show(network) for network in found]}

    def _below_network(
        self, tenant_id: str, network_id: str, path: list[str]
    ) -> tuple[int, Document | None]:
        match self.request.method, path:
            case "GET", []:
                network = self.state.network(tenant_id, network_id)
                return 200, {"network": self._views.network(network)}
            case "GET", ["detail"]:
                network = self.state.network(tenant_id, network_id)
                return 200, {"network": self._views.network_detail(network)}
            case "PUT", []:
                name = self._read("network", "name", required=True)
                self.state.network(tenant_id, network_id, updates=True).name = name
                return 204, None
            case "DELETE", []:
                self.state.delete_network(self.state.network(tenant_id, network_id))
                return 204, None
            case "GET", ["ports"] | ["ports", "detail"]:
                network = self.state.network(tenant_id, network_id)
                return self._list_ports(network, detail=len(path) > 1)
            case "POST", ["ports"]:
                state = self._read("port", "state", optional_body=True)
                network = self.state.network(tenant_id, network_id)
                return self._created({"port": self._id(self.state.create_port(network, state))})
            case _, ["ports", port_id, *rest]:
                return self._below_port(tenant_id, network_id, port_id, rest)
        raise faults.NoRoute

    # --- ports ----------------------------------------------------------------------------------

    def _list_ports(self, network: Network, *, detail: bool) -> tuple[int, Document]:
        ports = list(network.ports.values())
        found = ports_that_match(ports, self.request.query, self.state.settings)
        show: Callable[[Port], Document] = self._views.port if detail else self._id
        return 200, {"ports": [show(port) for port in found]}

    def _below_port(
        self, tenant_id: str, network_id: str, port_id: str, path: list[str]
    ) -> tuple[int, Document | None]:
        method = self.request.method
        if (method, path) == ("PUT", []):
            state = self._read("port", "state")
            self.state.update_port(self._port(tenant_id, network_id, port_id)[1], state)
            return 204, None
        if (method, path) == ("PUT", ["attachment"]):
            attachment = self._read("attachment", "id", required=True) or ""
            self.state.attach(*self._port(tenant_id, network_id, port_id), attachment)
            return 204, None
        if (method, path) == ("DELETE", []):
            self.state.delete_port(*self._port(tenant_id, network_id, port_id))
            return 204, None
        if (method, path) == ("DELETE", ["attachment"]):
            self.state.detach(self._port(tenant_id, network_id, port_id)[1])
            return 204, None
        if method == "GET" and path in ([], ["detail"], ["attachment"]):
            return 200, self._shown(self._port(tenant_id, network_id, port_id)[1], path)
        raise faults.NoRoute

    def _shown(self, port: Port, path: list[str]) -> Document:
        if path == ["attachment"]:
            return {"attachment": {"id": port.attachment} if port.attachment else {}}
        return {"port": self._views.port_detail(port) if path else self._views.port(port)}

    def _port(self, tenant_id: str, network_id: str, port_id: str) -> tuple[Network, Port]:
        network = self.state.network(tenant_id, network_id)
        return network, self.state.port(network, port_id)

    # --- what all do ----------------------------------------------------------------------------

    @property
    def _views(self) -> Views:
        return Views(self.state.settings, self.version)

    def _id(self, made: Network | Port) -> Document:
        return {"id": made.id}

    def _created(self, document: Document) -> tuple[int, Document]:
        return (202 if self.version == "v1.1" else 200), document

    def _only(
        self, method: str, do: Callable[[], tuple[int, Document]]
    ) -> tuple[int, Document | None]:
        if self.request.method != method:
            raise faults.NoRoute
        return do()

    def _read(
        self, root: str, parameter: str, *, required: bool = False, optional_body: bool = False
    ) -> str | None:
        return bodies.read(
            self.request,
            self.state.settings,
            root,
            parameter=parameter,
            required=required,
            optional_body=optional_body,
        )
