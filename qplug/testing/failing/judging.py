"""What is otherwise than before, and what is not held though it may be in use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qplug.model import Port, mac_address
from qplug.store.tables import vifs
from qplug.testing.crash.world import TABLES, Service, World

CHANGED_BY_LOOKING = {"epoch", "network_info"}


def changes(before: World, after: World) -> Sequence[str]:
    """Return sentences about what tables and drivers have now and had not before, or lost."""
    then, now = _holdings(before), _holdings(after)
    return [
        f"{what}: there was {then.get(what)}, and there is {now.get(what)}"
        for what in sorted(then.keys() | now.keys())
        if then.get(what) != now.get(what)
    ]


def _holdings(world: World) -> Mapping[str, Any]:
    rows = {
        table.name: [
            {name: value for name, value in row._mapping.items() if name not in CHANGED_BY_LOOKING}
            for row in world.of(table)
        ]
        for table in TABLES
    }
    services = {
        f"service of network {id_}": _told_apart(one)
        for id_, one in world.services.items()
        if one.is_there
    }
    return {
        **{name: _sorted(found) for name, found in rows.items()},
        **services,
        "addresses": _sorted(world.addresses),
        "subnets": {id_: kept for id_, kept in world.subnets.items() if kept},
        "networks in Quantum": world.in_quantum,
        "MAC addresses": world.macs and sorted(world.macs),
    }


def _told_apart(service: Service) -> object:
    return replace(service, ports=sorted(service.ports, key=lambda port: port.id))


def _sorted(things: Any) -> Sequence[str]:
    return sorted(map(str, things))


def not_held(world: World) -> Sequence[str]:
    """Return sentences about addresses that a port or DHCP may still use, and IPAM may give."""
    held = {(each.vif_id, each.address) for each in world.addresses}
    ports = {of for service in world.services.values() for of in _attachments(service.ports)}
    told = set(_told(world))
    return [
        *(f"vif {of} has a port and no address" for of in ports - {vif for vif, _ in held}),
        *(f"vif {of} is told {address}, not its own" for of, address in told - held),
    ]


def _attachments(ports: Sequence[Port]) -> Iterator[str]:
    for port in ports:
        if not port.attachment.startswith("gw-"):
            yield port.attachment


def _told(world: World) -> Iterator[tuple[str | None, Any]]:
    by_mac = {mac_address(row.mac): row.id for row in world.of(vifs) if row.mac}
    for service in world.services.values():
        for mac, addresses in (service.answers or {}).items():
            for address in addresses:
                yield by_mac.get(mac), address
