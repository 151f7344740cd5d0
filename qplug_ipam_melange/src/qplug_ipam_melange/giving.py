"""Giving addresses to one vif.

Melange gives further addresses whenever it is asked, so it must be known whether the vif has any.
The cheapest way to know is to take what only one can have: the vif's interface, which is new to one
of all who make it, or the address that is derived from the vif's MAC.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from netaddr import IPAddress

from qplug.errors import DeadlineExceeded, FixedIpAlreadyInUse, NoMoreFixedIps, QplugError
from qplug.http.errors import ServiceFailed, ServiceRefused
from qplug.model import Allocation, Call, Network, Subnet, Vif, assignable, holds
from qplug_ipam_melange import refusals
from qplug_ipam_melange.choices import Choice
from qplug_ipam_melange.interface import VifInterface
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

    def __init__(self, interface: VifInterface, call: Call, network: Network, vif: Vif) -> None:
        self._interface = interface
        self._call = call
        self._network = network
        self._vif = vif
        self._interface_stays = network.drivers.mac == MAC_DRIVER

    def give(self, choose: Choose) -> Sequence[Allocation]:
        """Give one address of each subnet, or what the vif has already, whatever is chosen now."""
        try:
            choices = choose()
        except QplugError:
            if held := self._interface.held():
                return self._one_each(held)
            raise
        if not self._interface_stays:
            return self._give_to_new(choices, choose)
        if any(choice.own for choice in choices):
            return self._give_derived(choices, choose)
        return self._give_missing(choices, self._interface.held())

    def add(self, choice: Choice) -> Allocation:
        """Give one address more; one asked for by name that the vif has is given again."""
        try:
            return self._allocation(choice.subnet, self._given(choice))
        except (FixedIpAlreadyInUse, NoMoreFixedIps) as error:
            held = self._interface.held()
            for each in held:
                if isinstance(error, FixedIpAlreadyInUse) and str(each.address) == error.address:
                    return self._allocation(choice.subnet, each)
            if not held and not self._interface_stays:
                with suppress(QplugError):
                    self._interface.delete()  # Melange made it to hold what it did not give
            raise

    # --- ways to know that the vif has nothing yet ----------------------------------------------

    def _give_to_new(self, choices: Sequence[Choice], choose: Choose) -> Sequence[Allocation]:
        """Make the interface, with all that is asked for by name; for one of all it is new."""
        try:
            given = self._interface.make(_firsts(choices))
        except ServiceRefused as error:
            if refusals.interface_exists(error.detail):
                return self._give_missing(choose(), self._patiently_held())
            with self._without_interface():  # it was made all the same
                return self._give_after(error, choices)
        except ServiceFailed:
            with self._without_interface():
                raise
        with self._without_interface():
            return self._complete(choices, given)

    def _give_after(self, error: ServiceRefused, choices: Sequence[Choice]) -> Sequence[Allocation]:
        """Go on with an interface whose MAC address is another's, or whose search was unlucky."""
        if error.status not in (400, 409):
            subnets = [choice.subnet for choice in choices]
            raise self._interface.named(error, subnets) from error
        return self._complete(choices, [])

    def _give_derived(self, choices: Sequence[Choice], choose: Choose) -> Sequence[Allocation]:
        """Ask for an address that none but this vif can have."""
        given = self._interface.given(_firsts(choices))
        own = [choice.subnet for choice in choices if choice.own]
        with self._returned(given):
            if all(_of(subnet, given) for subnet in own):
                return self._complete(choices, given)
            for each in given:
                self._interface.put_back(each)
        return self._give_missing(choose(), self._interface.held())

    def _patiently_held(self) -> Sequence[Given]:
        """Return what the vif holds, once whoever made its interface had time to go on."""
        end = time.monotonic() + min(GRACE, self._call.remaining())
        while True:
            held = self._interface.held()
            complete = all(_of(subnet, held) for subnet in self._network.subnets)
            if complete or time.monotonic() >= end:
                return held
            time.sleep(GLANCE)

    # --- giving ---------------------------------------------------------------------------------

    def _complete(self, choices: Sequence[Choice], given: Sequence[Given]) -> Sequence[Allocation]:
        """Ask for what was not given at once, and put back what must not be given."""
        good = [each for each in given if self._may_be_given(each)]
        for each in given:
            if each not in good:
                self._interface.put_back(each)
        return self._give_missing(choices, good)

    def _give_missing(
        self, choices: Sequence[Choice], held: Sequence[Given]
    ) -> Sequence[Allocation]:
        """Add what the vif does not hold, which is nothing or everything as a rule."""
        with self._returned([]) as given:
            for choice in choices:
                if not _of(choice.subnet, held):
                    given.append(self._given(choice))
            return self._one_each([*held, *given])

    def _given(self, choice: Choice) -> Given:
        if choice.named is None:
            return self._searched(choice.subnet)
        for address in choice.named:
            if given := self._interface.given([address]):
                return given[0]
        raise choice.refusal

    def _searched(self, subnet: Subnet) -> Given:
        """Return an address that Melange chose, as soon as it is one that vifs may get."""
        while self._call.remaining() > 0:
            given = self._interface.given_any(subnet)
            if given is not None and self._may_be_given(given):
                return given
            if given is not None:
                self._interface.put_back(given)
        raise DeadlineExceeded("Melange had found an address")

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
                    self._interface.put_back(each)
            raise

    @contextmanager
    def _without_interface(self) -> Iterator[None]:
        """Delete the interface, with what it holds, if anything goes wrong."""
        try:
            yield
        except BaseException:
            with suppress(QplugError):
                self._interface.delete()
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


def _firsts(choices: Sequence[Choice]) -> Sequence[IPAddress]:
    """Take from each choice by name what is asked for first."""
    return [next(choice.named) for choice in choices if choice.named is not None]


def _of(subnet: Subnet, given: Iterable[Given]) -> Given | None:
    """Return the first address that is of a subnet."""
    return next((each for each in given if each.address in subnet.cidr), None)
