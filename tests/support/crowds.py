"""A database with a great many rows in it, made by itself from a table of ids and addresses."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from netaddr import IPAddress
from nova_tables import nova_addresses, nova_free
from sqlalchemy.engine import Connection

from qplug.db import Address, identifier
from qplug.model import Network
from qplug.store.tables import allocations, instances, local_ports, networks, subnets, vifs
from qplug.testing.values import NOW

DRIVERS = {"ipam": "nova", "quantum": "local", "mac": "random", "l3": "null", "dhcp": "null"}

seeds = sa.Table(
    "seeds",
    sa.MetaData(),
    sa.Column("id", identifier(), primary_key=True),
    sa.Column("cidr", identifier(43)),
    sa.Column("mac", identifier(17)),
    sa.Column("first", Address),
    sa.Column("last", Address),
    sa.Column("address", Address),
)


def add_networks(tx: Connection, owner: str, count: int) -> None:
    """Add networks of a project, each with a /24 in the store."""
    with _seeded(tx, count, IPAddress("10.0.0.0")):
        _fill(
            tx,
            networks,
            id=seeds.c.id,
            label=seeds.c.id,
            **dict.fromkeys(("project_id", "owner", "quantum_project"), owner),
            **DRIVERS,
            adopted=False,
            state="active",
            epoch=1,
            created_at=NOW,
        )
        _fill(
            tx,
            subnets,
            id=seeds.c.id,
            network_id=seeds.c.id,
            owner=owner,
            version=4,
            cidr=seeds.c.cidr,
            first=seeds.c.first,
            last=seeds.c.last,
            **dict.fromkeys(("pools", "reserved", "dns", "routes"), "[]"),
        )


def use_addresses(tx: Connection, network: Network, count: int) -> None:
    """Give the lowest never given addresses of a network's one subnet to instances."""
    (subnet,) = network.subnets
    here = nova_free.c.subnet_id == subnet.id
    lowest = tx.execute(sa.select(nova_free.c.first).where(here)).scalar_one()
    owner = network.project_id
    with _seeded(tx, count, lowest):
        _fill(
            tx,
            instances,
            id=seeds.c.id,
            project_id=owner,
            rxtx_factor=1.0,
            request="",
            state="active",
            epoch=1,
            created_at=NOW,
        )
        _fill(
            tx,
            vifs,
            id=seeds.c.id,
            instance_id=seeds.c.id,
            network_id=network.id,
            project_id=owner,
            position=0,
            mac=seeds.c.mac,
            port_id=seeds.c.id,
            state="active",
        )
        _fill(
            tx,
            allocations,
            id=seeds.c.id,
            vif_id=seeds.c.id,
            network_id=network.id,
            subnet_id=subnet.id,
            address=seeds.c.address,
        )
        _fill(
            tx,
            local_ports,
            id=seeds.c.id,
            network_id=network.id,
            attachment=seeds.c.id,
            mac=seeds.c.mac,
            instance_id=seeds.c.id,
            address_pairs="[]",
        )
        _fill(
            tx,
            nova_addresses,
            subnet_id=subnet.id,
            address=seeds.c.address,
            network_id=network.id,
            vif_id=seeds.c.id,
            instance_id=seeds.c.id,
            slot=0,
        )
    tx.execute(nova_free.update().where(here).values(first=lowest + count))


class _seeded:  # noqa: N801  # a context manager, named like one
    """Have a table of so many ids, addresses from the first on, and cidrs far away from them."""

    def __init__(self, tx: Connection, count: int, first: IPAddress) -> None:
        self._tx = tx
        self._rows = list(_rows(count, first))

    def __enter__(self) -> None:
        seeds.create(self._tx)
        self._tx.execute(seeds.insert(), self._rows)

    def __exit__(self, *_: object) -> None:
        seeds.drop(self._tx)


def _rows(count: int, first: IPAddress) -> Iterator[dict[str, Any]]:
    for number in range(count):
        net = IPAddress("20.0.0.0") + (number << 8)
        yield {
            "id": f"{count:08x}-0000-4000-8000-{number:012x}",
            "cidr": f"{net}/24",
            "mac": f"02:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
            "first": net,
            "last": net + 255,
            "address": first + number,
        }


def _fill(tx: Connection, table: sa.TableClause, **columns: Any) -> None:
    chosen: Sequence[Any] = [
        value if isinstance(value, sa.Column) else sa.literal(value, table.c[name].type)
        for name, value in columns.items()
    ]
    tx.execute(table.insert().from_select(list(columns), sa.select(*chosen)))
