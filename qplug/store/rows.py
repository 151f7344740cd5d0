"""Rows to values and back."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from netaddr import EUI, IPAddress, IPNetwork, IPRange
from sqlalchemy.engine import Row

from qplug.model import (
    DriverNames,
    FixedIp,
    Instance,
    Network,
    Route,
    Subnet,
    Vif,
    mac_address,
)
from qplug.store.tables import allocations, networks, subnets, vifs

NO_MAC: EUI = mac_address("00:00:00:00:00:00")
"""Stands for the MAC address of a vif that was never given one; such a vif is only released."""

STORES_OWN = {"owner", "state", "epoch", "network_id", "version", "first", "last"}
NETWORK_COLUMNS = [c.label(f"network_{c.name}") for c in networks.c if c.name not in STORES_OWN]
SUBNET_COLUMNS = [c.label(f"subnet_{c.name}") for c in subnets.c if c.name not in STORES_OWN]


is_shown = sa.or_(networks.c.state == "active", networks.c.state == "updating")
"""Whether a network is shown and used; in other states it is being made or deleted."""


def select_networks(*where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the one statement that reads networks with their subnets, in no order.

    To order rows with long texts MariaDB makes a table on disk, each time.
    """
    return (
        sa.select(*NETWORK_COLUMNS, *SUBNET_COLUMNS)
        .select_from(networks.outerjoin(subnets, subnets.c.network_id == networks.c.id))
        .where(*where)
    )


def networks_of(rows: Iterable[Row[Any]]) -> list[Network]:
    """Return the networks of that statement's rows, in order of creation."""
    heads: dict[str, Row[Any]] = {}
    parts: dict[str, list[Subnet]] = {}
    for row in rows:
        heads.setdefault(row.network_id, row)
        kept = parts.setdefault(row.network_id, [])
        if row.subnet_id is not None:
            kept.append(subnet_of(row))
    ordered = sorted(heads.values(), key=lambda row: (row.network_created_at, row.network_id))
    return [network_of(row, sorted(parts[row.network_id], key=_place)) for row in ordered]


def _place(subnet: Subnet) -> tuple[int, int]:
    return subnet.version, int(subnet.cidr.first)


def network_of(row: Row[Any], parts: Sequence[Subnet]) -> Network:
    """Return a network from a row whose columns start with ``network_``."""
    return Network(
        id=row.network_id,
        label=row.network_label,
        project_id=row.network_project_id,
        quantum_project=row.network_quantum_project,
        priority=row.network_priority,
        host=row.network_host,
        zone=row.network_zone,
        rxtx_base=row.network_rxtx_base,
        mtu=row.network_mtu,
        dns_domain=row.network_dns_domain,
        lease_time=row.network_lease_time,
        adopted=row.network_adopted,
        drivers=DriverNames(
            ipam=row.network_ipam,
            quantum=row.network_quantum,
            mac=row.network_mac,
            l3=row.network_l3,
            dhcp=row.network_dhcp,
        ),
        subnets=tuple(parts),
    )


def network_row(network: Network) -> dict[str, Any]:
    """Return the columns of a network that a caller decides; the rest is the store's."""
    return {
        "id": network.id,
        "label": network.label,
        "project_id": network.project_id,
        "owner": network.project_id or "",
        "quantum_project": network.quantum_project,
        "priority": network.priority,
        "host": network.host,
        "zone": network.zone,
        "rxtx_base": network.rxtx_base,
        "mtu": network.mtu,
        "dns_domain": network.dns_domain,
        "lease_time": network.lease_time,
        "adopted": network.adopted,
        "ipam": network.drivers.ipam,
        "quantum": network.drivers.quantum,
        "mac": network.drivers.mac,
        "l3": network.drivers.l3,
        "dhcp": network.drivers.dhcp,
    }


def subnet_of(row: Row[Any]) -> Subnet:
    """Return a subnet from a row whose columns start with ``subnet_``."""
    return Subnet(
        id=row.subnet_id,
        cidr=IPNetwork(row.subnet_cidr),
        gateway=row.subnet_gateway,
        dhcp_server=row.subnet_dhcp_server,
        pools=_ranges(row.subnet_pools),
        reserved=_ranges(row.subnet_reserved),
        dns=tuple(IPAddress(text) for text in json.loads(row.subnet_dns)),
        routes=tuple(
            Route(cidr=IPNetwork(cidr), gateway=IPAddress(gateway))
            for cidr, gateway in json.loads(row.subnet_routes)
        ),
    )


def bounds(subnet: Subnet) -> tuple[IPAddress, IPAddress]:
    """Return the first and the last address of a subnet."""
    version = subnet.version
    return IPAddress(subnet.cidr.first, version), IPAddress(subnet.cidr.last, version)


def subnet_row(network: Network, subnet: Subnet) -> dict[str, Any]:
    """Return the columns of a subnet."""
    return {
        "id": subnet.id,
        "network_id": network.id,
        "owner": network.project_id or "",
        "version": subnet.version,
        "cidr": str(subnet.cidr),
        "first": bounds(subnet)[0],
        "last": bounds(subnet)[1],
        "gateway": subnet.gateway,
        "dhcp_server": subnet.dhcp_server,
        "pools": _range_texts(subnet.pools),
        "reserved": _range_texts(subnet.reserved),
        "dns": json.dumps([str(address) for address in subnet.dns]),
        "routes": json.dumps([[str(r.cidr), str(r.gateway)] for r in subnet.routes]),
    }


def _ranges(text: str) -> tuple[IPRange, ...]:
    return tuple(IPRange(*pair.split("-")) for pair in json.loads(text))


def _range_texts(ranges: Iterable[IPRange]) -> str:
    return json.dumps(
        [f"{IPAddress(r.first, r.version)}-{IPAddress(r.last, r.version)}" for r in ranges]
    )


def instance_of(row: Row[Any]) -> Instance:
    """Return an instance from a row of its table."""
    return Instance(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        zone=row.zone,
        host=row.host,
        rxtx_factor=row.rxtx_factor,
    )


def instance_row(instance: Instance) -> dict[str, Any]:
    """Return the columns of an instance that a caller decides."""
    return {
        "id": instance.id,
        "project_id": instance.project_id,
        "name": instance.name,
        "zone": instance.zone,
        "host": instance.host,
        "rxtx_factor": instance.rxtx_factor,
    }


def vif_of(row: Row[Any]) -> Vif:
    """Return a vif from a row of its table."""
    return Vif(
        id=row.id,
        network_id=row.network_id,
        instance_id=row.instance_id,
        project_id=row.project_id,
        mac=mac_address(row.mac) if row.mac else NO_MAC,
    )


def select_fixed_ips() -> sa.Select[Any]:
    """Return the statement that reads allocations of vifs people can see."""
    return (
        sa.select(
            allocations,
            vifs.c.instance_id,
            vifs.c.project_id,
            vifs.c.mac,
        )
        .join_from(allocations, vifs, vifs.c.id == allocations.c.vif_id)
        .where(vifs.c.state == "active")
    )


def fixed_ip_of(row: Row[Any]) -> FixedIp:
    """Return a fixed IP from a row of that statement."""
    return FixedIp(
        id=row.id,
        address=row.address,
        network_id=row.network_id,
        subnet_id=row.subnet_id,
        vif_id=row.vif_id,
        instance_id=row.instance_id,
        project_id=row.project_id,
        mac=mac_address(row.mac),
    )
