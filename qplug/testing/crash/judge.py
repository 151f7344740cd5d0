"""What does not fit together, seen without any help of the code that is to put it right."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from qplug.model import mac_address
from qplug.store.tables import allocations, instances, networks, subnets, tombstones, vifs
from qplug.testing.crash.world import Row, Service, World


def faults_in(world: World) -> Sequence[str]:
    """Return a sentence for everything that is lost, leaked, double or unfinished."""
    return [*_unfinished(world), *misfits_in(world)]


def misfits_in(world: World) -> Sequence[str]:
    """Return a sentence for everything that is lost, leaked or double."""
    return [
        *_twice(world),
        *_misfits_of_ipam(world),
        *_misfits_of_macs(world),
        *_misfits_of_quantum(world),
        *(fault for network in world.of(networks) for fault in _misfits_of(world, network)),
        *_left_of_gone(world),
    ]


def changes_in(before: World, after: World) -> Sequence[str]:
    """Return what people see otherwise than before: ids of instances, and labels of networks."""
    keys = before.shown.keys() | after.shown.keys()
    return sorted(key for key in keys if before.shown.get(key) != after.shown.get(key))


def _unfinished(world: World) -> Iterator[str]:
    for table in (networks, instances, vifs):
        for row in world.of(table):
            if row.state != "active":
                yield f"{table.name} {row.id} is {row.state}"
    for row in world.of(tombstones):
        yield f"a tombstone of {row.kind} {row.id} is left"
    for work in world.pending:
        yield f"work is pending: {work}"


def _twice(world: World) -> Iterator[str]:
    things: Mapping[str, Iterable[Hashable]] = {
        "address": [(row.network_id, row.address) for row in world.of(allocations)],
        "address of IPAM": [(each.subnet_id, each.address) for each in world.addresses],
        "MAC address": [row.mac for row in world.of(vifs)],
        "port": [row.port_id for row in world.of(vifs)],
        "port of an attachment": [
            (network, port.attachment)
            for network, service in world.services.items()
            for port in service.ports
        ],
    }
    for what, found in things.items():
        for thing, times in Counter(found).items():
            if times > 1:
                yield f"{what} {thing} is there {times} times"


def _misfits_of_ipam(world: World) -> Iterator[str]:
    recorded = {(row.vif_id, row.subnet_id, row.address) for row in world.of(allocations)}
    given = {(each.vif_id, each.subnet_id, each.address) for each in world.addresses}
    for vif, _, address in given - recorded:
        yield f"IPAM leaks {address} of vif {vif}"
    for vif, _, address in recorded - given:
        yield f"IPAM lost {address} of vif {vif}"
    counted = Counter(each.subnet_id for each in world.addresses)
    for subnet, used in world.used.items():
        if used != counted[subnet]:
            yield f"IPAM lists {counted[subnet]} addresses of subnet {subnet}, and counts {used}"
    for network, kept in world.subnets.items():
        wanted = {row.id for row in world.of(subnets) if row.network_id == network}
        if kept != wanted:
            yield f"IPAM keeps subnets {set(kept)} of network {network}, recorded are {wanted}"


def _misfits_of_macs(world: World) -> Iterator[str]:
    if world.macs is not None:
        for vif in set(world.macs) ^ {row.id for row in world.of(vifs)}:
            yield f"vif {vif} is known to only one of store and MAC driver"


def _misfits_of_quantum(world: World) -> Iterator[str]:
    for network in world.in_quantum ^ {row.id for row in world.of(networks)}:
        yield f"network {network} is known to only one of store and Quantum"


def _misfits_of(world: World, network: Row) -> Iterator[str]:
    """Yield what is wrong about a network on its host and in Quantum."""
    service = world.services[network.id]
    here = [row for row in world.of(vifs) if row.network_id == network.id]
    others = [port for port in service.ports if not port.attachment.startswith("gw-")]
    found = {(port.id, port.attachment) for port in others}
    wanted = {(row.port_id, row.id) for row in here}
    if found != wanted:
        yield f"ports on '{network.label}' are {found}, recorded are {wanted}"
    yield from _misfits_of_service(world, network, service, here)


def _misfits_of_service(
    world: World, network: Row, service: Service, here: Sequence[Row]
) -> Iterator[str]:
    label = f"network '{network.label}'"
    mine = [row for row in world.of(subnets) if row.network_id == network.id]
    routed = any(row.version == 4 and row.gateway is not None for row in mine)
    if service.has_nat != routed:
        yield f"{label} has NAT: {service.has_nat}, and should: {routed}"
    gateways = [port for port in service.ports if port.attachment.startswith("gw-")]
    serves = service.answers is not None
    if not (bool(gateways) == service.has_gateway == serves):
        yield (
            f"{label} has {len(gateways)} gateway port(s), a gateway device: "
            f"{service.has_gateway}, DHCP: {serves}"
        )
    told = dict(service.answers or {})
    wanted = {
        mac_address(vif.mac): frozenset(
            row.address for row in world.of(allocations) if row.vif_id == vif.id
        )
        for vif in here
        if vif.mac is not None
    }
    if told != wanted:
        yield f"{label} has DHCP answer {told}, and should {wanted}"


def _left_of_gone(world: World) -> Iterator[str]:
    there = {row.id for row in world.of(networks)}
    for network, service in world.services.items():
        if network not in there and service.is_there:
            yield f"network {network} is gone, but this is left: {service}"
