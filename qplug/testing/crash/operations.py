"""The operations of the manager that change something, for being struck again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netaddr import IPAddress, IPNetwork

from qplug.api import NetworkApi
from qplug.contracts import KINDS, SubnetUpdates
from qplug.errors import (
    CidrConflict,
    FixedIpAlreadyInUse,
    FixedIpNotFoundForSpecificInstance,
    InstanceNotFound,
    LabelInUse,
    NetworkNotFound,
    QplugError,
)
from qplug.manager import SubnetChanges
from qplug.model import Capability, Instance, Network, NetworkRequest
from qplug.testing.crash.stage import Opened
from qplug.testing.values import PROJECT, network_spec

BLUE, RED = "blue", "red"
"""The network that everybody is on, and the one that only the subject of an operation is on."""

BLUE_CIDRS = ("10.0.0.64/28", "fd00:10::/64")
"""Small, so that an address that is given back is soon somebody else's."""
RED_CIDRS = ("10.0.2.0/24", "fd00:12::/112")
ADDED, RESERVED = IPNetwork("10.0.3.0/24"), "10.0.2.200-10.0.2.210"
CHOSEN = IPAddress("10.0.2.77")

SUBJECT = Instance(id="5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11", project_id=PROJECT)
NEIGHBOUR = Instance(id="4f6a3a52-6a0c-4a43-8f4e-0f6a5d1f2c77", project_id=PROJECT)


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
    """Of the drivers that it calls."""
    least: int
    """How many points it has at the least, whatever the drivers."""
    possible: Callable[[Opened], bool] = lambda _: True
    """Whether the drivers can do it at all."""

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


# --- looking ------------------------------------------------------------------------------------


def addresses_of(api: NetworkApi, instance_id: str) -> Sequence[IPAddress]:
    """Return the addresses that an instance is shown with; none without it."""
    try:
        info = api.get_instance_nw_info(instance_id)
    except InstanceNotFound:
        return []
    return [IPAddress(str(ip.address)) for ip in info.fixed_ips()]


def red_network(api: NetworkApi) -> Network | None:
    """Return the network of the subject, if it is there."""
    try:
        return api.get(RED)
    except NetworkNotFound:
        return None


def has_chosen(api: NetworkApi) -> bool:
    """Say whether the subject has the address that it chose."""
    return CHOSEN in addresses_of(api, SUBJECT.id)


# --- making -------------------------------------------------------------------------------------


def set_up(api: NetworkApi) -> None:
    """Make what is there all the time."""
    api.create(network_spec(*BLUE_CIDRS, label=BLUE, project_id=None))
    api.allocate_for_instance(NEIGHBOUR, [NetworkRequest(network_id=BLUE)])


def make_red(api: NetworkApi) -> None:
    """Make the network of the subject."""
    api.create(network_spec(*RED_CIDRS, label=RED))


def allocate(api: NetworkApi, *labels: str) -> None:
    """Give the subject a vif on each of the networks."""
    requests = [NetworkRequest(network_id=label) for label in labels]
    api.allocate_for_instance(SUBJECT, requests)


def deallocate(api: NetworkApi) -> None:
    """Take back what the subject has."""
    left = api.deallocate_for_instance(SUBJECT.id)
    assert not left, f"vifs {left} are not all deallocated, though nothing fails"


def clear(api: NetworkApi) -> None:
    """Have neither the subject nor its network."""
    deallocate(api)
    if red_network(api) is not None:
        api.delete(RED)


def begin_anew(api: NetworkApi) -> None:
    """Have a network that has served nobody."""
    clear(api)
    make_red(api)


def be_there(*labels: str) -> Callable[[NetworkApi], None]:
    """Return what has the subject on the networks, with an address of each subnet and no other."""

    def prepare(api: NetworkApi) -> None:
        if red_network(api) is None:
            make_red(api)
        if len(addresses_of(api, SUBJECT.id)) != 2 * len(labels):
            deallocate(api)
            allocate(api, *labels)
        if has_chosen(api):  # a driver of the policy ``any`` may have given just that one
            begin_anew(api)
            allocate(api, *labels)

    return prepare


def be_there_anew(api: NetworkApi) -> None:
    """Have a network as it was made, and the subject on it."""
    begin_anew(api)
    allocate(api, RED)


def use_and_leave(api: NetworkApi) -> None:
    """Have a network that has served somebody."""
    be_there_anew(api)
    deallocate(api)


def hold_chosen(api: NetworkApi) -> None:
    """Have the subject with an address of its choice."""
    if not has_chosen(api):
        be_there(BLUE, RED)(api)
        add_chosen(api)


def add_chosen(api: NetworkApi) -> None:
    """Give the subject the address of its choice."""
    api.add_fixed_ip_to_instance(SUBJECT.id, RED, address=CHOSEN)


def change_subnets(api: NetworkApi) -> None:
    """Give the network another subnet, a reservation and a name server."""
    reserved = network_spec(*RED_CIDRS, reserved=[RESERVED]).reserved
    dns = (IPAddress("192.0.2.53"),)
    api.update(RED, SubnetChanges(cidrs=(ADDED,), reserved=reserved, dns=dns))


def chooses(opened: Opened) -> bool:
    """Say whether addresses can be chosen."""
    return Capability.CHOSEN_ADDRESS in opened.drivers["ipam"].capabilities


# --- all of them --------------------------------------------------------------------------------

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
        kinds=("ipam", "quantum", "dhcp"),
        prepare=be_there(BLUE),
        act=lambda api: api.add_fixed_ip_to_instance(SUBJECT.id, BLUE),
        stands=lambda api: len(addresses_of(api, SUBJECT.id)) > 2,
        touches=SUBJECT.id,
        least=6,
    ),
    Operation(
        name="fixed-ip add of a chosen one",
        kinds=("ipam", "quantum", "dhcp"),
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
        kinds=("ipam", "quantum", "dhcp"),
        prepare=hold_chosen,
        act=lambda api: api.remove_fixed_ip_from_instance(SUBJECT.id, CHOSEN),
        stands=lambda api: not has_chosen(api),
        touches=SUBJECT.id,
        again=FixedIpNotFoundForSpecificInstance,
        least=6,
        possible=chooses,
    ),
)
