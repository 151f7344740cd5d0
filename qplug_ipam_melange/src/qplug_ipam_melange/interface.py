"""The interface of one vif at Melange: what it holds, is given, and gives back."""

from collections.abc import Iterable, Sequence

from netaddr import IPAddress

from qplug.errors import NetworkNotFound, NoMoreFixedIps, QplugError
from qplug.http.errors import ServiceRefused
from qplug.model import Call, Network, Subnet, Vif
from qplug_ipam_melange import refusals, wire
from qplug_ipam_melange.errors import InterfaceTaken
from qplug_ipam_melange.notes import Notes
from qplug_ipam_melange.session import Melange
from qplug_ipam_melange.wire import Given


class VifInterface:
    """One request a method, for the time of one call; errors are the contract's.

    Whatever Melange refuses of :meth:`make`, it may have made the interface all the same.
    """

    def __init__(
        self, melange: Melange, notes: Notes, call: Call, network: Network, vif: Vif
    ) -> None:
        self._melange = melange
        self._notes = notes
        self._call = call
        self._network = network
        self._vif = vif
        self._tenant = network.quantum_project
        self._path = wire.allocations_path(self._tenant, network.id, vif.id)
        self._looked_again = False

    def make(self, addresses: Iterable[IPAddress]) -> Sequence[Given]:
        """Make the interface with those of the addresses that are free, or with Melange's choice.

        :raises ServiceRefused: it is there already, or there is something else in the way
        """
        body = wire.interface_body(self._vif, self._network.id, self._tenant, addresses)
        made = self._melange.post(self._call, wire.INTERFACES, body)
        return wire.given_in(made["interface"])

    def delete(self) -> None:
        """Delete the interface, with all that it holds."""
        self._melange.delete(self._call, wire.interface_path(self._vif.id))

    def held(self) -> Sequence[Given]:
        """Return what the interface holds on the network, in Melange's order.

        :raises NetworkNotFound: Melange has no block of the network
        """
        try:
            return wire.given_in(self._melange.get(self._call, self._path))
        except ServiceRefused as error:
            if refusals.no_interface(error.detail):
                return []
            raise self.named(error, self._network.subnets) from error

    def given(self, addresses: Iterable[IPAddress]) -> Sequence[Given]:
        """Give it those of the addresses that are free; Melange leaves out the others."""
        body = wire.allocation_body(self._vif, addresses)
        try:
            return wire.given_in(self._melange.post(self._call, self._path, body))
        except ServiceRefused as error:
            raise self.named(error, self._network.subnets) from error

    def given_any(self, subnet: Subnet) -> Given | None:
        """Give it one address more of a subnet; ``None`` if the search should go on from there."""
        path = wire.tenant_path(self._tenant, "ip_blocks", self._block(subnet), "ip_addresses")
        try:
            made = self._melange.post(self._call, path, wire.address_body(self._vif))
        except ServiceRefused as error:
            if error.status == 404 and not self._looked_again:
                self._looked_again = True  # the network may have been made anew, elsewhere
                self._notes.forget(self._network.id)
                return None
            if error.status == 409 or refusals.mac_in_use(error.status, error.detail):
                return None
            raise self.named(error, [subnet]) from error
        return wire.given_of(made["ip_address"])

    def put_back(self, given: Given) -> None:
        """Take an address back from whoever has it; it being free is no error."""
        try:
            self._melange.delete(self._call, wire.address_path(self._tenant, given))
        except ServiceRefused as error:
            if error.status != 404:
                raise

    def named(self, error: ServiceRefused, subnets: Sequence[Subnet]) -> QplugError:
        """Return the contract's name for what Melange refused of some subnets."""
        if refusals.no_network(error.detail):
            return NetworkNotFound(self._network.id)
        if error.status == 422 and refusals.full(error.detail):
            cidrs = ", ".join(str(subnet.cidr) for subnet in subnets)
            return NoMoreFixedIps(self._network.label, cidrs)
        if refusals.interface_exists(error.detail):
            return InterfaceTaken(self._vif.id, self._vif.project_id)
        return error

    def _block(self, subnet: Subnet) -> str:
        blocks = self._notes.blocks(self._call, self._network.id)
        if subnet.id not in blocks:
            blocks = self._notes.read(self._call, self._network.id)
        if subnet.id not in blocks:
            raise NetworkNotFound(self._network.id)
        return blocks[subnet.id]
