"""The instance and the network that operations are struck at, and how they are before them."""

from collections.abc import Callable, Sequence

from netaddr import IPAddress, IPNetwork

from qplug.api import NetworkApi
from qplug.errors import InstanceNotFound, NetworkNotFound
from qplug.manager import SubnetChanges
from qplug.model import Instance, Network, NetworkRequest
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
