"""Listing what is allocated: a vif's addresses at once, all others a page at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.model import Allocation, Call
from qplug_ipam_nova.tables import addresses

PAGE = 1000
BEFORE_ALL = Allocation(vif_id="", subnet_id="", address=IPAddress("0.0.0.0"))  # noqa: S104  # sorts first

Condition = sa.ColumnElement[bool]
COLUMNS = (addresses.c.vif_id, addresses.c.subnet_id, addresses.c.address)


def of_vif(connection: Connection, vif_id: str, network_id: str | None) -> Sequence[Allocation]:
    """Return what a vif holds, by subnet and address."""
    # Sorted here: for the order's sake SQLite would walk through all the network's addresses.
    held = sa.select(*COLUMNS).where(addresses.c.vif_id == vif_id, _of_network(network_id))
    return sorted(_read(connection, held), key=lambda one: (one.subnet_id, one.address))


def pages(database: Database, call: Call, network_id: str | None) -> Iterator[Sequence[Allocation]]:
    """Yield what is allocated by subnet and address; every page is a transaction of its own."""
    matching = sa.and_(addresses.c.vif_id.is_not(None), _of_network(network_id))

    def read(after: Allocation) -> Sequence[Allocation]:
        return database.read(call, lambda tx: _page(tx, matching, after))

    page = read(BEFORE_ALL)
    yield page
    while len(page) == PAGE:
        page = read(page[-1])
        yield page


def _of_network(network_id: str | None) -> Condition:
    return addresses.c.network_id == network_id if network_id is not None else sa.true()


def _page(connection: Connection, matching: Condition, after: Allocation) -> Sequence[Allocation]:
    """Return the next allocations after one.

    Two steps into an index: MariaDB would scan the whole subnet for a comparison of pairs.
    """
    here = sa.and_(addresses.c.subnet_id == after.subnet_id, addresses.c.address > after.address)
    both = sa.union_all(
        _step(sa.and_(matching, here)),
        _step(sa.and_(matching, addresses.c.subnet_id > after.subnet_id)),
    ).subquery()
    first = sa.select(both).order_by(both.c.subnet_id, both.c.address).limit(PAGE)
    return _read(connection, first)


def _step(where: Condition) -> sa.Select[Any]:
    step = (
        sa.select(*COLUMNS)
        .where(where)
        .order_by(addresses.c.subnet_id, addresses.c.address)
        .limit(PAGE)
        .subquery()
    )
    return sa.select(step)


def _read(connection: Connection, query: sa.Select[Any]) -> Sequence[Allocation]:
    rows = connection.execute(query)
    return [Allocation(vif_id=r.vif_id, subnet_id=r.subnet_id, address=r.address) for r in rows]
