"""Whether drivers hold what the tables say, as it is seen from outside of both."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netaddr import EUI

from qplug.model import Capability, mac_address
from qplug.store.tables import allocations, instances, networks, subnets, tombstones, vifs
from qplug.testing.failing.world import Row, World


def disagreements(world: World) -> Sequence[str]:
    """Return sentences about what is half-done, or else missing, or there without reason."""
    return list(_unfinished(world)) or [*_differing(world), *_half_made_gateways(world)]


def _differing(world: World) -> Iterator[str]:
    wanted, found = _wanted(world), without_gateways(world.outside())
    for what, there in wanted.items():
        if found[what] != there:
            yield f"{what}: the tables say {there}, but there is {found[what]}"


def _unfinished(world: World) -> Iterator[str]:
    for table in (networks, instances, vifs):
        for row in world.rows(table):
            if row["state"] != "active":
                yield f"{table.name} {row['id']} is {row['state']}"
    for row in world.rows(tombstones):
        yield f"{tombstones.name} {row['id']} is there"


def _half_made_gateways(world: World) -> Iterator[str]:
    found, serves = world.outside(), Capability.SERVES
    port = {id_ for id_, there in found["ports"].items() if any(_is_gateway(of) for _, of in there)}
    device, served = set(found["gateways"]), set(found["answers"])
    if serves in world.drivers["l3"].capabilities and device != port:
        yield f"gateways have ports on networks {port}, and devices on {device}"
    if serves in world.drivers["dhcp"].capabilities and served != port:
        yield f"gateways have ports on networks {port}, and DHCP on {served}"


def _is_gateway(attachment: str) -> bool:
    return attachment.startswith("gw-")


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


def without_gateways(holdings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the same without gateways, which are made for a first instance and then stay."""
    ports = {
        id_: [(port, of) for port, of in there if not _is_gateway(of)]
        for id_, there in holdings["ports"].items()
    }
    answers = {id_: told for id_, told in holdings["answers"].items() if told}
    return {**holdings, "ports": ports, "answers": answers, "gateways": ()}


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
    found = without_gateways(world.outside())
    held = {(vif, address) for vif, _, address in found["addresses"]}
    by_mac = {mac_address(vif["mac"]): vif["id"] for vif in world.rows(vifs) if vif["mac"]}
    ports = {of for there in found["ports"].values() for _, of in there}
    told = {
        (by_mac.get(mac), address)
        for answers in found["answers"].values()
        for mac, addresses in answers.items()
        for address in addresses
    }
    return [
        *(f"vif {of} has a port and no address" for of in ports - {vif for vif, _ in held}),
        *(f"vif {of} is told {address}, not its own" for of, address in told - held),
    ]
