"""Giving addresses to one vif.

Melange gives further addresses whenever it is asked, so it must be known whether the vif has any.
The cheapest way to know is to take what only one can have: the vif's interface, which is new to one
of all who make it, or the address that is derived from the vif's MAC.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from netaddr import IPAddress

from qplug.errors import (
    DeadlineExceeded,
    FixedIpAlreadyInUse,
    NetworkNotFound,
    NoMoreFixedIps,
    QplugError,
)
from qplug.model import Allocation, Call, Network, Subnet, Vif, assignable, holds
from qplug_ipam_melange import wire
from qplug_ipam_melange.choices import Choice
from qplug_ipam_melange.errors import InterfaceTaken, MelangeBroken, MelangeRefused
from qplug_ipam_melange.notes import Notes
from qplug_ipam_melange.session import Melange
from qplug_ipam_melange.wire import Given

MAC_DRIVER = "melange"
"""The MAC driver of this package, which makes the interface before an address is asked for."""

GRACE = 1.0
"""Seconds that whoever else gives to the same vif has, before what is missing is added."""
GLANCE = 0.05
"""Seconds between two looks at that."""

Choose = Callable[[], Sequence[Choice]]


class Giving:
    """The addresses of one vif on its network, for the time of one call."""

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

    @property
    def _mac_driver_needs_interface(self) -> bool:
        """Whether the vif has an interface before it has addresses, and after it."""
        return self._network.drivers.mac == MAC_DRIVER

    def give(self, choose: Choose) -> Sequence[Allocation]:
        """Give one address of each subnet, or what the vif has already, whatever is chosen now."""
        try:
            choices = choose()
        except QplugError:
            if held := self.held():
                return self._one_each(held)
            raise
        if not self._mac_driver_needs_interface:
            return self._give_to_new(choices, choose)
        if any(choice.own for choice in choices):
            return self._give_derived(choices, choose)
        return self._give_missing(choices, self.held())

    def add(self, choice: Choice) -> Allocation:
        """Give one address more; one asked for by name that the vif has is given again."""
        try:
            return self._allocation(choice.subnet, self._given(choice))
        except (FixedIpAlreadyInUse, NoMoreFixedIps) as error:
            held = self.held()
            for each in held:
                if isinstance(error, FixedIpAlreadyInUse) and str(each.address) == error.address:
                    return self._allocation(choice.subnet, each)
            if not held and not self._mac_driver_needs_interface:
                self._delete_interface()
            raise

    def held(self) -> Sequence[Given]:
        """Return what the vif holds on the network, in Melange's order.

        :raises NetworkNotFound: Melange has no block of the network
        """
        try:
            return wire.given_in(self._melange.get(self._call, self._path))
        except MelangeRefused as error:
            if wire.says_no_interface(error.detail):
                return []
            raise self._named(error, self._network.subnets) from error

    def put_back(self, given: Given) -> None:
        """Take an address back from whoever has it; it being free is no error."""
        try:
            self._melange.delete(self._call, wire.address_path(self._tenant, given))
        except MelangeRefused as error:
            if error.status != 404:
                raise

    # --- ways to know that the vif has nothing yet ----------------------------------------------

    def _give_to_new(self, choices: Sequence[Choice], choose: Choose) -> Sequence[Allocation]:
        """Make the interface, with all that is asked for by name; for one of all it is new."""
        body = wire.interface_body(self._vif, self._network.id, self._tenant, _firsts(choices))
        try:
            made = self._melange.post(self._call, wire.INTERFACES, body)
        except MelangeRefused as error:
            if wire.says_interface_exists(error.detail):
                return self._give_missing(choose(), self._patiently_held())
            with self._without_interface():  # it was made all the same
                return self._give_after(error, choices)
        except MelangeBroken:
            with self._without_interface():
                raise
        with self._without_interface():
            return self._complete(choices, wire.given_in(made["interface"]))

    def _give_after(self, error: MelangeRefused, choices: Sequence[Choice]) -> Sequence[Allocation]:
        """Go on with an interface whose MAC address is another's, or whose search was unlucky."""
        if error.status not in (400, 409):
            raise self._named(error, [choice.subnet for choice in choices]) from error
        return self._complete(choices, [])

    def _give_derived(self, choices: Sequence[Choice], choose: Choose) -> Sequence[Allocation]:
        """Ask for an address that none but this vif can have."""
        given = self._by_name(_firsts(choices))
        own = [choice.subnet for choice in choices if choice.own]
        with self._returned(given):
            if all(_of(subnet, given) for subnet in own):
                return self._complete(choices, given)
        for each in given:
            self.put_back(each)
        return self._give_missing(choose(), self.held())

    def _patiently_held(self) -> Sequence[Given]:
        """Return what the vif holds, once whoever made its interface had time to go on."""
        end = time.monotonic() + min(GRACE, self._call.remaining())
        while True:
            held = self.held()
            complete = all(_of(subnet, held) for subnet in self._network.subnets)
            if complete or time.monotonic() >= end:
                return held
            time.sleep(GLANCE)

    # --- giving ---------------------------------------------------------------------------------

    def _give_missing(
        self, choices: Sequence[Choice], held: Sequence[Given]
    ) -> Sequence[Allocation]:
        """Add what the vif does not hold, which is nothing or everything as a rule."""
        missing = [choice for choice in choices if not _of(choice.subnet, held)]
        with self._returned([]) as given:
            for choice in missing:
                given.append(self._given(choice))
            return self._one_each([*held, *given])

    def _complete(self, choices: Sequence[Choice], given: Sequence[Given]) -> Sequence[Allocation]:
        """Ask for what was not given at once, and put back what must not be given."""
        good = [each for each in given if self._may_be_given(each)]
        for each in given:
            if each not in good:
                self.put_back(each)
        return self._give_missing(choices, good)

    def _given(self, choice: Choice) -> Given:
        if choice.named is None:
            return self._searched(choice)
        for address in choice.named:
            if given := self._by_name([address]):
                return given[0]
        raise choice.refusal

    def _by_name(self, addresses: Iterable[IPAddress]) -> Sequence[Given]:
        """Return those of the addresses that were free; Melange leaves out the others."""
        body = wire.allocation_body(self._vif, addresses)
        try:
            return wire.given_in(self._melange.post(self._call, self._path, body))
        except MelangeRefused as error:
            raise self._named(error, self._network.subnets) from error

    def _searched(self, choice: Choice) -> Given:
        """Return an address that Melange chose, as soon as it is one that vifs may get."""
        while self._call.remaining() > 0:
            given = self._from_block(choice.subnet)
            if given is not None and self._may_be_given(given):
                return given
            if given is not None:
                self.put_back(given)
        raise DeadlineExceeded("Melange had found an address")

    def _from_block(self, subnet: Subnet) -> Given | None:
        """Return one address more of a subnet; ``None`` if the search should go on from there."""
        path = wire.tenant_path(self._tenant, "ip_blocks", self._block(subnet), "ip_addresses")
        try:
            made = self._melange.post(self._call, path, wire.address_body(self._vif))
        except MelangeRefused as error:
            if error.status == 404:
                self._notes.forget(self._network.id)
                return None
            if error.status == 409 or wire.says_mac_in_use(error.status, error.detail):
                return None
            raise self._named(error, [subnet]) from error
        return wire.given_of(made["ip_address"])

    def _block(self, subnet: Subnet) -> str:
        blocks = self._notes.blocks(self._call, self._network.id)
        if subnet.id not in blocks:
            blocks = self._notes.read(self._call, self._network.id)
        if subnet.id not in blocks:
            raise NetworkNotFound(self._network.id)
        return blocks[subnet.id]

    # --- taking back what was given in vain -----------------------------------------------------

    @contextmanager
    def _returned(self, given: Sequence[Given]) -> Iterator[list[Given]]:
        """Put back what is in the list if anything goes wrong."""
        made = list(given)
        try:
            yield made
        except BaseException:
            for each in made:
                with suppress(QplugError):
                    self.put_back(each)
            raise

    def _delete_interface(self) -> None:
        self._melange.delete(self._call, wire.interface_path(self._vif.id))

    @contextmanager
    def _without_interface(self) -> Iterator[None]:
        """Delete the interface, with what it holds, if anything goes wrong."""
        try:
            yield
        except BaseException:
            with suppress(QplugError):
                self._delete_interface()
            raise

    # --- words ----------------------------------------------------------------------------------

    def _may_be_given(self, given: Given) -> bool:
        return any(holds(assignable(subnet), given.address) for subnet in self._network.subnets)

    def _one_each(self, given: Sequence[Given]) -> Sequence[Allocation]:
        """Return the first that the vif has of each subnet."""
        firsts = [(subnet, _of(subnet, given)) for subnet in self._network.subnets]
        return [self._allocation(subnet, found) for subnet, found in firsts if found is not None]

    def _allocation(self, subnet: Subnet, given: Given) -> Allocation:
        return Allocation(vif_id=self._vif.id, subnet_id=subnet.id, address=given.address)

    def _named(self, error: MelangeRefused, subnets: Sequence[Subnet]) -> QplugError:
        """Return the contract's name for what Melange refused."""
        if wire.says_no_network(error.detail):
            return NetworkNotFound(self._network.id)
        if error.status == 422 and wire.says_full(error.detail):
            cidrs = ", ".join(str(subnet.cidr) for subnet in subnets)
            return NoMoreFixedIps(self._network.label, cidrs)
        if wire.says_interface_exists(error.detail):
            return InterfaceTaken(self._vif.id, self._vif.project_id)
        return error


def _firsts(choices: Sequence[Choice]) -> Sequence[IPAddress]:
    """Take from each choice by name what is asked for first."""
    return [next(choice.named) for choice in choices if choice.named is not None]


def _of(subnet: Subnet, given: Iterable[Given]) -> Given | None:
    """Return the first address that is of a subnet."""
    return next((each for each in given if each.address in subnet.cidr), None)
