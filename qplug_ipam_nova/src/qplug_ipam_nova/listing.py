"""Listing what is allocated: a vif's addresses at once, all others a page at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.model import Allocation, Call
from qplug_ipam_nova.subnets import ids_of
from qplug_ipam_nova.tables import addresses

PAGE = 1000
BEFORE_ALL = Allocation(vif_id="", subnet_id="", address=IPAddress("0.0.0.0"))  # noqa: S104  # sorts first

in_use = sa.select(addresses.c.vif_id, addresses.c.subnet_id, addresses.c.address).where(
    addresses.c.vif_id.is_not(None)
)


def of_vif(connection: Connection, vif_id: str, network_id: str | None) -> Sequence[Allocation]:
    """Return what a vif holds, by subnet and address."""
    there = addresses.c.network_id == network_id if network_id is not None else sa.true()
    found = _read(connection, in_use.where(addresses.c.vif_id == vif_id, there))
    return sorted(found, key=lambda one: (one.subnet_id, one.address))


def of_network(database: Database, call: Call, network_id: str) -> Iterator[Allocation]:
    """Yield what is allocated on a network, by subnet and address."""
    for subnet_id in sorted(database.read(call, lambda tx: ids_of(tx, network_id))):
        start = Allocation(vif_id="", subnet_id=subnet_id, address=BEFORE_ALL.address)
        yield from _paged(database, call, start, _rest_of_subnet)


def of_all(database: Database, call: Call) -> Iterator[Allocation]:
    """Yield all that is allocated, by subnet and address."""
    yield from _paged(database, call, BEFORE_ALL, _rest_of_all)


def _paged(
    database: Database,
    call: Call,
    start: Allocation,
    rest: Callable[[Allocation], sa.Select[Any]],
) -> Iterator[Allocation]:
    """Yield page after page; each is a transaction of its own, so that no one waits for us."""

    def read(after: Allocation) -> Sequence[Allocation]:
        return database.read(call, lambda tx: _read(tx, rest(after)))

    page = read(start)
    yield from page
    while len(page) == PAGE:
        page = read(page[-1])
        yield from page


def _rest_of_subnet(after: Allocation) -> sa.Select[Any]:
    here = sa.and_(addresses.c.subnet_id == after.subnet_id, addresses.c.address > after.address)
    return in_use.where(here).order_by(addresses.c.address).limit(PAGE)


def _rest_of_all(after: Allocation) -> sa.Select[Any]:
    """Take two steps into the index: MariaDB would scan the subnet to compare pairs."""
    further = in_use.where(addresses.c.subnet_id > after.subnet_id)
    further = further.order_by(addresses.c.subnet_id, addresses.c.address).limit(PAGE)
    steps = (_rest_of_subnet(after), further)
    both = sa.union_all(*(sa.select(step.subquery()) for step in steps)).subquery()
    return sa.select(both).order_by(both.c.subnet_id, both.c.address).limit(PAGE)


def _read(connection: Connection, query: sa.Select[Any]) -> Sequence[Allocation]:
    rows = connection.execute(query)
    return [Allocation(vif_id=r.vif_id, subnet_id=r.subnet_id, address=r.address) for r in rows]
