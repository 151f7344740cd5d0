"""The operations of the manager that change something, for being struck again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qplug.api import NetworkApi
from qplug.contracts import KINDS, AddressPairs, SubnetUpdates
from qplug.errors import (
    CidrConflict,
    FixedIpAlreadyInUse,
    FixedIpNotFoundForSpecificInstance,
    LabelInUse,
    NetworkNotFound,
    QplugError,
)
from qplug.model import Capability
from qplug.testing.crash.stage import Opened
from qplug.testing.crash.subject import (
    ADDED,
    BLUE,
    CHOSEN,
    RED,
    SUBJECT,
    add_chosen,
    addresses_of,
    allocate,
    be_there,
    be_there_anew,
    begin_anew,
    change_subnets,
    clear,
    deallocate,
    has_chosen,
    hold_chosen,
    make_red,
    red_network,
    use_and_leave,
)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One that is struck."""

    name: str
    prepare: Callable[[NetworkApi], object]
    """Have all as it was before, whatever is there."""
    act: Callable[[NetworkApi], object]
    stands: Callable[[NetworkApi], bool]
    """Whether it is done."""
    touches: str
    """The one thing that people may see changed by it."""
    again: type[QplugError] | None = None
    """What it raises when it is done already; ``None`` if it may be repeated."""
    kinds: Sequence[str]
    """Of the drivers that it calls, whatever they can do."""
    least: int
    """How many points it has at the least, whatever the drivers."""
    possible: Callable[[Opened], bool] = lambda _: True
    """Whether the drivers can do it at all."""

    def calls(self, opened: Opened) -> Sequence[str]:
        """Return the kinds of the drivers that it calls: all change what a port shows, if any."""
        shows = isinstance(opened.drivers["quantum"], AddressPairs)
        return (*self.kinds, "quantum") if shows else self.kinds

    def __str__(self) -> str:
        """Return the name, for whoever reads which test has failed."""
        return self.name

    def repeat(self, api: NetworkApi) -> None:
        """Do it once more, as somebody does who has not heard that it is done."""
        done = self.stands(api)
        try:
            self.act(api)
        except QplugError as error:
            if not done or self.again is None or not isinstance(error, self.again):
                raise


def changes(opened: Opened) -> bool:
    """Say whether the addresses of a port can change: not where it has pairs for good."""
    quantum = opened.drivers["quantum"]
    fixed = Capability.ADDRESS_PAIRS in quantum.capabilities
    return isinstance(quantum, AddressPairs) or not fixed


def chooses(opened: Opened) -> bool:
    """Say whether addresses can be chosen, and those of a port changed."""
    return changes(opened) and Capability.CHOSEN_ADDRESS in opened.drivers["ipam"].capabilities


OPERATIONS = (
    Operation(
        name="allocate",
        kinds=KINDS,
        prepare=begin_anew,
        act=lambda api: allocate(api, BLUE, RED),
        stands=lambda api: len(addresses_of(api, SUBJECT.id)) == 4,
        touches=SUBJECT.id,
        least=8,
    ),
    Operation(
        name="deallocate",
        kinds=("ipam", "quantum", "mac", "dhcp"),
        prepare=be_there(BLUE, RED),
        act=deallocate,
        stands=lambda api: not addresses_of(api, SUBJECT.id),
        touches=SUBJECT.id,
        least=8,
    ),
    Operation(
        name="network create",
        kinds=("ipam", "quantum", "l3"),
        prepare=clear,
        act=make_red,
        stands=lambda api: red_network(api) is not None,
        touches=RED,
        again=LabelInUse,
        least=6,
    ),
    Operation(
        name="network delete",
        kinds=("ipam", "quantum", "l3", "dhcp"),
        prepare=use_and_leave,
        act=lambda api: api.delete(RED),
        stands=lambda api: red_network(api) is None,
        touches=RED,
        again=NetworkNotFound,
        least=6,
    ),
    Operation(
        name="network set",
        kinds=("ipam", "quantum", "l3", "dhcp"),
        prepare=be_there_anew,
        act=change_subnets,
        stands=lambda api: ADDED in [subnet.cidr for subnet in api.get(RED).subnets],
        touches=RED,
        again=CidrConflict,
        least=6,
        possible=lambda opened: isinstance(opened.drivers["ipam"], SubnetUpdates),
    ),
    Operation(
        name="fixed-ip add",
        kinds=("ipam", "dhcp"),
        prepare=be_there(BLUE),
        act=lambda api: api.add_fixed_ip_to_instance(SUBJECT.id, BLUE),
        stands=lambda api: len(addresses_of(api, SUBJECT.id)) > 2,
        touches=SUBJECT.id,
        least=6,
        possible=changes,
    ),
    Operation(
        name="fixed-ip add of a chosen one",
        kinds=("ipam", "dhcp"),
        prepare=be_there(BLUE, RED),
        act=add_chosen,
        stands=has_chosen,
        touches=SUBJECT.id,
        again=FixedIpAlreadyInUse,
        least=6,
        possible=chooses,
    ),
    Operation(
        name="fixed-ip remove",
        kinds=("ipam", "dhcp"),
        prepare=hold_chosen,
        act=lambda api: api.remove_fixed_ip_from_instance(SUBJECT.id, CHOSEN),
        stands=lambda api: not has_chosen(api),
        touches=SUBJECT.id,
        again=FixedIpNotFoundForSpecificInstance,
        least=6,
        possible=chooses,
    ),
)
