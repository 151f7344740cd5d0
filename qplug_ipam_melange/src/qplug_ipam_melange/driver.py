"""The IPAM driver ``melange``."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from netaddr import IPAddress
from oslo_config import cfg

from qplug.contracts import ApiRange, IpamDriver
from qplug.errors import AddressRequired, NetworkNotFound, NoMoreFixedIps
from qplug.http.errors import ServiceRefused
from qplug.model import Allocation, Call, Capability, Lease, Network, Vif
from qplug_ipam_melange import refusals, wire
from qplug_ipam_melange.choices import any_of, named, one_each, subnet_of
from qplug_ipam_melange.giving import MAC_DRIVER, Giving
from qplug_ipam_melange.interface import VifInterface
from qplug_ipam_melange.notes import Notes
from qplug_ipam_melange.options import GROUP, OPTS
from qplug_ipam_melange.session import Melange
from qplug_ipam_melange.subnets import Subnets


class MelangeIpam(IpamDriver):
    """Addresses kept by a Melange server; options in ``[ipam_melange]``."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED, Capability.CHOSEN_ADDRESS, Capability.POOLS})
    policy = "any"

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(OPTS, group=GROUP)
        self._conf = conf
        self._melange = Melange(conf[GROUP])
        self._notes = Notes(self._melange, conf[GROUP].site)

    def check(self, call: Call) -> str:
        """Count the subnets that are noted."""
        kept = len(set(self._notes.subnets(call).values()))
        return f"Melange at {self._melange.url} keeps {kept} subnet(s) of '{self._notes.site}'"

    def create_subnets(self, call: Call, network: Network) -> None:
        """Make a block for each subnet, under the project of the network."""
        Subnets(self._melange, self._notes, call, network).create()

    def delete_subnets(self, call: Call, network: Network) -> None:
        """Delete the blocks; Melange would not mind their addresses being in use."""
        Subnets(self._melange, self._notes, call, network).delete()

    def subnet_ids(self, call: Call, network_id: str) -> frozenset[str]:
        """Return the ids of the subnets that have a block."""
        return frozenset(self._notes.read(call, network_id))

    def allocate(
        self, call: Call, network: Network, vif: Vif, wanted: Sequence[IPAddress] = ()
    ) -> Sequence[Allocation]:
        """Give an address of each subnet: Melange chooses those of IPv4 that are not wanted."""
        backend = self._conf.ipam.ipv6_backend
        return self._giving(call, network, vif).give(
            lambda: one_each(network, vif, wanted, backend)
        )

    def deallocate(self, call: Call, network: Network, vif: Vif, *, reuse_delay: float = 0) -> None:
        """Delete the vif's interface, or what it holds if the interface is the MAC driver's."""
        if network.drivers.mac == MAC_DRIVER:
            path = wire.allocations_path(network.quantum_project, network.id, vif.id)
        else:
            path = wire.interface_path(vif.id)
        try:
            self._melange.delete(call, path)
        except ServiceRefused as error:
            if not (refusals.no_interface(error.detail) or refusals.no_network(error.detail)):
                raise

    def add_address(
        self, call: Call, network: Network, vif: Vif, *, wanted: IPAddress | None = None
    ) -> Allocation:
        """Give one address more."""
        giving = self._giving(call, network, vif)
        if wanted is not None:
            return giving.add(named(subnet_of(network, wanted), wanted))
        chosen = [subnet for subnet in network.subnets if not subnet.derived]
        if not chosen:
            raise AddressRequired(network.label, ", ".join(str(s.cidr) for s in network.subnets))
        for subnet in chosen:
            with suppress(NoMoreFixedIps):
                return giving.add(any_of(network, vif, subnet))
        raise NoMoreFixedIps(network.label, ", ".join(str(subnet.cidr) for subnet in chosen))

    def remove_address(
        self, call: Call, network: Network, vif: Vif, address: IPAddress, *, reuse_delay: float = 0
    ) -> None:
        """Take back one address, having looked that it is the vif's."""
        interface = self._interface(call, network, vif)
        with suppress(NetworkNotFound):
            for held in interface.held():
                if held.address == address:
                    interface.put_back(held)

    def allocations(
        self, call: Call, *, network_id: str | None = None, vif_id: str | None = None
    ) -> Iterator[Allocation]:
        """Yield what is allocated of the blocks that are noted; Melange lists all it has."""
        subnets = self._notes.subnets(call, network_id)
        if not subnets:
            return
        for answer in self._melange.pages(call, wire.ALLOCATED, "ip_addresses"):
            given = wire.given_of(answer)
            subnet_id = subnets.get(given.block_id)
            if subnet_id is None or given.interface_id == subnet_id:
                continue
            if vif_id in (None, given.interface_id):
                yield Allocation(
                    vif_id=given.interface_id, subnet_id=subnet_id, address=given.address
                )

    def lease_ended(self, call: Call, lease: Lease) -> None:
        """Do nothing: how long an address rests is Melange's to know."""

    def close(self) -> None:
        """Close the connections."""
        self._melange.close()

    def _giving(self, call: Call, network: Network, vif: Vif) -> Giving:
        return Giving(self._interface(call, network, vif), call, network, vif)

    def _interface(self, call: Call, network: Network, vif: Vif) -> VifInterface:
        return VifInterface(self._melange, self._notes, call, network, vif)
