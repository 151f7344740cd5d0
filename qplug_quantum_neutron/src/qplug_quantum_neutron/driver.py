"""The Quantum driver ``neutron``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from netaddr import IPAddress
from oslo_config import cfg

from qplug.contracts import AddressMirror, AddressPairs, ApiRange, QuantumDriver
from qplug.errors import AttachedTwice, NetworkBusy, NetworkNotFound, QplugError
from qplug.model import AddressPair, Call, Capability, Port, PortRequest, Subnet
from qplug_quantum_neutron.errors import (
    AddressTaken,
    MacTaken,
    NeutronRefused,
    PortNotBound,
    QuotaExceeded,
    TooOld,
)
from qplug_quantum_neutron.options import GROUP, OPTS
from qplug_quantum_neutron.ports import fixed_ips, mac_of, security, shown_port, wanted_port
from qplug_quantum_neutron.session import Neutron, Thing
from qplug_quantum_neutron.subnets import Mirrored

NEEDED = ("allowed-address-pairs", "binding", "port-security", "standard-attr-description")


class NeutronQuantum(QuantumDriver, AddressPairs, AddressMirror):
    """Networks and ports at Neutron; options in ``[quantum_neutron]``.

    A project may use its own networks, those that are shared, and those of the default project.
    """

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED, Capability.ADDRESS_PAIRS})

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(OPTS, group=GROUP)
        self._conf = conf
        self._neutron = Neutron(conf)

    def check(self, call: Call) -> str:
        """See that all extensions are there that the driver needs.

        :raises TooOld: one is not
        """
        url = self._neutron.url(call)
        missing = sorted(set(NEEDED) - self._neutron.extensions(call))
        if missing:
            raise TooOld(url, missing)
        project = str(self._conf.quantum.default_project)
        query = {"tenant_id": project, "fields": "id"}
        found = sum(1 for _ in self._neutron.find(call, "networks", query))
        return f"Neutron at {url} has {found} network(s) of project '{project}'"

    def close(self) -> None:
        """Close the connections."""
        self._neutron.close()

    # --- networks -------------------------------------------------------------------------------

    def create_network(
        self, call: Call, project_id: str, label: str, *, key: str, zone: str | None = None
    ) -> str:
        """Make a network that is marked with the key, unless there is one.

        :raises QuotaExceeded: the project may have no more
        """
        if found := self.network_by_key(call, project_id, key):
            return found
        wanted = {"name": label, "tenant_id": project_id, "description": f"{self._site} {key}"}
        with _named(project_id, label):
            return str(self._neutron.post(call, "networks", wanted)["id"])

    def network_by_key(self, call: Call, project_id: str, key: str) -> str | None:
        """Look for the mark."""
        query = {"tenant_id": project_id, "description": f"{self._site} {key}", "fields": "id"}
        found = next(self._neutron.find(call, "networks", query), None)
        return None if found is None else str(found["id"])

    def delete_network(self, call: Call, project_id: str, network_id: str) -> bool:
        """Delete a network of the project's own, with its subnets."""
        network = self._neutron.get(call, "networks", network_id)
        if network is None or _owner(network) != project_id:
            return False
        try:
            return self._neutron.delete(call, "networks", network_id)
        except NeutronRefused as error:
            if error.type != "NetworkInUse":
                raise
            query = {"network_id": network_id, "fields": "id"}
            ports = sum(1 for _ in self._neutron.find(call, "ports", query))
            raise NetworkBusy(network_id, ports) from error

    def network_exists(self, call: Call, project_id: str, network_id: str) -> bool:
        """Say whether the project may use it."""
        return self._seen(call, project_id, network_id) is not None

    def network_name(self, call: Call, project_id: str, network_id: str) -> str:
        """Return its name."""
        return str(self._network(call, project_id, network_id)["name"])

    def networks(self, call: Call, project_id: str) -> Iterator[str]:
        """Yield the ids of the project's networks that are marked."""
        query = {"tenant_id": project_id, "fields": ["id", "description"]}
        for each in self._neutron.find(call, "networks", query):
            if str(each.get("description") or "").startswith(f"{self._site} "):
                yield str(each["id"])

    # --- ports ----------------------------------------------------------------------------------

    def attach_port(
        self, call: Call, project_id: str, network_id: str, request: PortRequest
    ) -> str:
        """Make a port, which is attached by that, and bound to the host if there is one.

        :raises QuotaExceeded: the project may have no more
        :raises MacTaken: another port has the MAC address
        :raises AddressTaken: addresses are shown, and another port has one of them
        :raises PortNotBound: Neutron cannot connect it to the host
        """
        network, options = self._network(call, project_id, network_id), self._conf[GROUP]
        shows = options.mirror_addresses and bool(network.get("subnets"))
        wanted = wanted_port(
            project_id,
            network_id,
            request,
            site=options.site,
            binds=options.bind_ports,
            shows=shows,
        )
        try:
            with _named(project_id, network_id):
                made = self._neutron.post(call, "ports", wanted)
        except NeutronRefused as error:
            if error.type != "MacAddressInUse":
                raise
            return self._attached(call, project_id, network_id, request, error)
        if made.get("binding:vif_type") == "binding_failed":
            unbound = PortNotBound(network_id, str(request.host))
            try:
                self._neutron.delete(call, "ports", str(made["id"]))
            except QplugError as left:
                unbound.add_note(f"port '{made['id']}' stays in Neutron: {left}")
            raise unbound
        return str(made["id"])

    def detach_port(self, call: Call, project_id: str, network_id: str, port_id: str) -> bool:
        """Delete the port."""
        found = self._port(call, project_id, network_id, port_id)
        return found and self._neutron.delete(call, "ports", port_id)

    def port_by_attachment(
        self, call: Call, project_id: str, network_id: str, attachment: str
    ) -> str | None:
        """Look for a marked port of that name."""
        query = {"name": attachment, "tenant_id": project_id, "fields": "id"}
        found = [
            str(each["id"])
            for each in self._neutron.find(call, "ports", {**query, **self._ours(network_id)})
        ]
        if len(found) > 1:
            raise AttachedTwice(network_id, attachment, found)
        return found[0] if found else None

    def ports(self, call: Call, project_id: str, network_id: str) -> Iterator[Port]:
        """Yield those that are marked, and have the name of an attachment."""
        self._network(call, project_id, network_id)
        fields = ["id", "name", "allowed_address_pairs", "fixed_ips"]
        query = {**self._ours(network_id), "fields": fields}
        for each in self._neutron.find(call, "ports", query):
            if each.get("name"):
                yield shown_port(each)

    def set_address_pairs(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        port_id: str,
        pairs: Sequence[AddressPair],
    ) -> None:
        """Replace the pairs; without any, groups go with the port's security."""
        if not self._port(call, project_id, network_id, port_id):
            raise NetworkNotFound(network_id, project_id)
        off: Thing = {} if pairs else {"allowed_address_pairs": [], "security_groups": []}
        with _named(project_id, network_id):
            self._neutron.put(call, "ports", port_id, {**security(pairs), **off})

    # --- what is shown of addresses -------------------------------------------------------------

    def mirror_subnets(
        self, call: Call, project_id: str, network_id: str, subnets: Sequence[Subnet]
    ) -> None:
        """Have Neutron show them, if it is to."""
        if self._conf[GROUP].mirror_addresses:
            network = self._network(call, project_id, network_id)
            Mirrored(self._neutron, call, network, self._site).become(subnets)

    def mirror_addresses(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        port_id: str,
        addresses: Sequence[IPAddress],
    ) -> None:
        """Have Neutron show them, if it is to and has subnets that they can be of."""
        if not self._conf[GROUP].mirror_addresses:
            return
        network = self._network(call, project_id, network_id)
        if not self._port(call, project_id, network_id, port_id):
            raise NetworkNotFound(network_id, project_id)
        if network.get("subnets"):
            with _named(project_id, network_id):
                self._neutron.put(call, "ports", port_id, {"fixed_ips": fixed_ips(addresses)})

    # --- inside ---------------------------------------------------------------------------------

    def _seen(self, call: Call, project_id: str, network_id: str) -> Thing | None:
        """Return a network that the project may use; an administrator is shown all others too."""
        network = self._neutron.get(call, "networks", network_id)
        if network is None or network.get("shared"):
            return network
        usable = (project_id, str(self._conf.quantum.default_project))
        return network if _owner(network) in usable else None

    def _network(self, call: Call, project_id: str, network_id: str) -> Thing:
        if network := self._seen(call, project_id, network_id):
            return network
        raise NetworkNotFound(network_id, project_id)

    @property
    def _site(self) -> str:
        return str(self._conf[GROUP].site)

    def _ours(self, network_id: str) -> dict[str, str]:
        return {"network_id": network_id, "description": self._site}

    def _port(self, call: Call, project_id: str, network_id: str, port_id: str) -> bool:
        """Say whether the project has the port on the network."""
        where = {"network_id": network_id, "tenant_id": project_id}
        query = {"id": port_id, "fields": "id", **where}
        return any(True for _ in self._neutron.find(call, "ports", query))

    def _attached(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        request: PortRequest,
        error: NeutronRefused,
    ) -> str:
        """Return the port that the attachment has already, with its MAC address."""
        found = self.port_by_attachment(call, project_id, network_id, request.attachment)
        if found is None:
            mac = str(mac_of(network_id, request))
            raise MacTaken(mac, network_id, error.detail) from error
        return found


def _owner(network: Thing) -> str:
    return str(network.get("tenant_id") or network.get("project_id"))


@contextmanager
def _named(project_id: str, network: str) -> Iterator[None]:
    """Raise what a refusal means, if there is a better name for it."""
    try:
        yield
    except NeutronRefused as error:
        if error.status == 404:
            raise NetworkNotFound(network, project_id) from error
        if error.type == "OverQuota":
            raise QuotaExceeded(project_id, error.detail) from error
        if error.type == "IpAddressAlreadyAllocated":
            raise AddressTaken(network, error.detail) from error
        raise
