"""Whether drivers hold what the tables say, as it is seen from outside of both."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netaddr import EUI

from qplug.model import Capability, mac_address
from qplug.store.tables import allocations, instances, networks, subnets, tombstones, vifs
from qplug.testing.failing.world import Row, World

GATEWAY = "gw-"
"""With which the attachments of the ports of gateways begin."""


def disagreements(world: World) -> Sequence[str]:
    """Return sentences about what is half-done, missing, or there without reason."""
    wanted, found = _wanted(world), _found(world)
    differing = [
        f"{what}: the tables say {wanted[what]}, but there is {found[what]}"
        for what in wanted
        if wanted[what] != found[what]
    ]
    return [*_unfinished(world), *differing]


def _unfinished(world: World) -> Iterator[str]:
    for table in (networks, instances, vifs):
        for row in world.rows(table):
            if row["state"] != "active":
                yield f"{table.name} {row['id']} is {row['state']}"
    for row in world.rows(tombstones):
        yield f"{tombstones.name} {row['id']} is there"


def _wanted(world: World) -> Mapping[str, Any]:
    given, there = world.rows(allocations), world.rows(vifs)
    stateless = Capability.STATELESS in world.drivers["mac"].capabilities
    return {
        "addresses": sorted((a["vif_id"], a["subnet_id"], a["address"]) for a in given),
        "subnets": sorted(row["id"] for row in world.rows(subnets)),
        "macs": [] if stateless else sorted(vif["id"] for vif in there),
        "ports": {net["id"]: _ports_of(net, there) for net in world.rows(networks)},
        "answers": _answers(world, given, there),
    }


def _found(world: World) -> Mapping[str, Any]:
    found = world.outside()
    ports = {
        id_: [(port, of) for port, of in there if not of.startswith(GATEWAY)]
        for id_, there in found["ports"].items()
    }
    answers = {id_: told for id_, told in found["answers"].items() if told}
    return {**found, "ports": ports, "answers": answers}


def _ports_of(network: Row, there: Sequence[Row]) -> Sequence[tuple[str, str]]:
    mine = [vif for vif in there if vif["network_id"] == network["id"]]
    return sorted((vif["port_id"], vif["id"]) for vif in mine)


def _answers(
    world: World, given: Sequence[Row], there: Sequence[Row]
) -> Mapping[str, Mapping[EUI, frozenset[Any]]]:
    if Capability.SERVES not in world.drivers["dhcp"].capabilities:
        return {}
    answers: dict[str, dict[EUI, frozenset[Any]]] = {}
    for vif in there:
        mine = frozenset(a["address"] for a in given if a["vif_id"] == vif["id"])
        answers.setdefault(vif["network_id"], {})[mac_address(vif["mac"])] = mine
    return answers


def not_held(world: World) -> Sequence[str]:
    """Return sentences about addresses that a port or DHCP may still use, and IPAM may give."""
    held = {(vif, address) for vif, _, address in world.outside()["addresses"]}
    with_addresses = {vif for vif, _ in held}
    by_mac = {mac_address(vif["mac"]): vif["id"] for vif in world.rows(vifs) if vif["mac"]}
    found = _found(world)
    ports = [of for there in found["ports"].values() for _, of in there]
    told = [
        (by_mac.get(mac), address)
        for answers in found["answers"].values()
        for mac, addresses in answers.items()
        for address in addresses
    ]
    return [
        *(f"vif {of} has a port and no address" for of in ports if of not in with_addresses),
        *(f"vif {of} is told {address}, not its own" for of, address in set(told) - held),
    ]
