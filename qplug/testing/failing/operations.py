"""The operations of the manager that change something, each with what must be there before."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from netaddr import IPAddress, IPNetwork

from qplug.contracts import AddressPairs, SubnetUpdates
from qplug.manager import SubnetChanges
from qplug.model import Capability, Instance, Network
from qplug.store.tables import instances, networks
from qplug.testing.failing.world import World
from qplug.testing.values import PROJECT, network_spec

CIDRS = {"one": ("10.1.0.0/24", "fd00:1::/64"), "two": ("10.2.0.0/24", "fd00:2::/64")}
"""Of the networks that an instance joins, by label; the second one is global."""
WANTED = IPAddress("10.1.0.77")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One that is made to fail."""

    name: str
    prepare: Callable[[World], object]
    """Have what it needs there, given that nothing is."""
    act: Callable[[World], object]
    least: int
    """How many calls of drivers it takes at the least, whatever the drivers."""
    possible: Callable[[World], bool] = lambda _: True
    """Whether the drivers can do that at all."""

    def __str__(self) -> str:
        """Return the name, for whoever reads which test has failed."""
        return self.name


def create(world: World, label: str) -> Network:
    """Make one of the networks."""
    project = PROJECT if label == "one" else None
    return world.admin.create(network_spec(*CIDRS[label], label=label, project_id=project))


def make_networks(world: World) -> None:
    """Make both networks."""
    for label in CIDRS:
        create(world, label)


def allocate(world: World) -> None:
    """Give an instance that is new a vif on each network."""
    world.admin.allocate_for_instance(Instance(id=str(uuid4()), project_id=PROJECT))


def occupy(world: World) -> None:
    """Have both networks, and an instance on them."""
    make_networks(world)
    allocate(world)


def occupy_more(world: World) -> None:
    """Have an instance with an address of its own choice."""
    occupy(world)
    add_wanted(world)


def the_instance(world: World) -> str:
    """Return the id of the one instance there is."""
    (row,) = world.rows(instances)
    return str(row["id"])


def add_wanted(world: World) -> None:
    """Give the instance one address more: as a rule the wanted one."""
    chosen = Capability.CHOSEN_ADDRESS in world.drivers["ipam"].capabilities
    wanted = WANTED if chosen else None
    world.admin.add_fixed_ip_to_instance(the_instance(world), "one", address=wanted)


def change_subnets(world: World) -> None:
    """Give a network another subnet and other pools."""
    pools, cidr = IPNetwork("10.1.0.64/26"), IPNetwork("10.3.0.0/24")
    reserved = network_spec(*CIDRS["one"], reserved=[f"{pools[0]}-{pools[-1]}"]).reserved
    world.admin.update("one", SubnetChanges(cidrs=(cidr,), reserved=reserved))


def clear(world: World) -> None:
    """Take back all that is there, as its users do."""
    for row in world.rows(instances):
        left = world.admin.deallocate_for_instance(row["id"])
        assert not left, f"instance {row['id']} is not all deallocated, though nothing fails"
    for row in world.rows(networks):
        world.admin.delete(row["id"])


def changes_addresses(world: World) -> bool:
    """Say whether the addresses of a vif can change."""
    quantum = world.drivers["quantum"]
    pairs = Capability.ADDRESS_PAIRS in quantum.capabilities
    return not pairs or isinstance(quantum, AddressPairs)


def takes_back_removals(world: World) -> bool:
    """Say whether an address that was removed can be had again."""
    chosen = Capability.CHOSEN_ADDRESS in world.drivers["ipam"].capabilities
    return chosen and changes_addresses(world)


ALLOCATE = Operation(name="allocate", prepare=make_networks, act=allocate, least=4)
DEALLOCATE = Operation(
    name="deallocate",
    prepare=occupy,
    act=lambda world: world.admin.deallocate_for_instance(the_instance(world)),
    least=4,
)
CREATE = Operation(
    name="network create",
    prepare=lambda _: None,
    act=lambda world: create(world, "one"),
    least=2,
)
DELETE = Operation(
    name="network delete",
    prepare=lambda world: create(world, "one"),
    act=lambda world: world.admin.delete("one"),
    least=3,
)
SET = Operation(
    name="network set",
    prepare=occupy,
    act=change_subnets,
    least=1,
    possible=lambda world: isinstance(world.drivers["ipam"], SubnetUpdates),
)
ADD = Operation(
    name="fixed-ip add",
    prepare=occupy,
    act=add_wanted,
    least=1,
    possible=changes_addresses,
)
REMOVE = Operation(
    name="fixed-ip remove",
    prepare=occupy_more,
    act=lambda world: world.admin.remove_fixed_ip_from_instance(the_instance(world), WANTED),
    least=1,
    possible=takes_back_removals,
)

ALL_OR_NOTHING = (ALLOCATE, CREATE, SET, ADD, REMOVE)
"""Those that leave the world as it was when they fail."""
