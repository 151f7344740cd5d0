"""What the tables say about each wish, in one statement for all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug_ipam_nova.tables import addresses, free, subnets
from qplug_ipam_nova.wishes import Wish


@dataclass(frozen=True)
class Interval:
    """Addresses that were never given."""

    first: IPAddress
    last: IPAddress


@dataclass(frozen=True)
class Known:
    """An address that was given at least once."""

    address: IPAddress
    vif_id: str | None
    instance_id: str
    rest_end: datetime | None


@dataclass(frozen=True)
class Held:
    """An address of the vif that wishes."""

    slot: int
    address: IPAddress


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a subnet that is kept has for a wish."""

    wish: Wish
    interval: Interval | None
    """The one with the address wished for, or else the lowest."""
    known: Known | None
    """The address wished for, or else the resting one whose rest ended or ends first."""
    held: Sequence[Held]
    """By slot."""


def look(
    connection: Connection, network_id: str, vif_id: str, wishes: Sequence[Wish]
) -> Sequence[Outlook]:
    """Return the outlook of each wish whose subnet is kept, in the order of the wishes.

    Every part of the statement is one step into an index, however many addresses there are.
    """
    if not wishes:
        return []
    questions = [_question(n, wish, network_id, vif_id) for n, wish in enumerate(wishes)]
    rows = sorted(connection.execute(sa.union_all(*questions)), key=lambda row: int(row.wish))
    return [_outlook(wishes[n], tuple(found)) for n, found in groupby(rows, lambda row: row.wish)]


def _question(number: int, wish: Wish, network_id: str, vif_id: str) -> sa.Select[Any]:
    known, held = addresses.alias("known"), addresses.alias("held")
    here = subnets.c.id
    return (
        sa.select(
            sa.literal(number).label("wish"),
            free.c.first,
            free.c.last,
            *(known.c.address, known.c.vif_id, known.c.instance_id, known.c.rest_end),
            *(held.c.slot, held.c.address.label("held")),
        )
        .select_from(subnets)
        .outerjoin(free, sa.and_(free.c.subnet_id == subnets.c.id, free.c.first == _interval(wish)))
        .outerjoin(
            known, sa.and_(known.c.subnet_id == subnets.c.id, known.c.address == _known(wish))
        )
        .outerjoin(held, _held_by(held, vif_id, network_id))
        .where(here == wish.subnet.id, subnets.c.network_id == network_id)
    )


def _held_by(held: sa.FromClause, vif_id: str, network_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        held.c.vif_id == vif_id,
        held.c.network_id == network_id,
        held.c.subnet_id == subnets.c.id,
    )


def _interval(wish: Wish) -> sa.ScalarSelect[Any]:
    some = free.alias("some")
    of_subnet = some.c.subnet_id == wish.subnet.id
    if wish.address is None:
        return sa.select(sa.func.min(some.c.first)).where(of_subnet).scalar_subquery()
    up_to = sa.and_(of_subnet, some.c.first <= wish.address)
    return sa.select(sa.func.max(some.c.first)).where(up_to).scalar_subquery()


def _known(wish: Wish) -> sa.ScalarSelect[Any] | IPAddress:
    if wish.address is not None:
        return wish.address
    resting = addresses.alias("resting")
    return (
        sa.select(resting.c.address)
        .where(resting.c.subnet_id == wish.subnet.id, resting.c.rest_end.is_not(None))
        .order_by(resting.c.rest_end, resting.c.address)
        .limit(1)
        .scalar_subquery()
    )


def _outlook(wish: Wish, rows: Sequence[sa.Row[Any]]) -> Outlook:
    row = rows[0]  # what they differ in is the address held
    known = Known(row.address, row.vif_id, row.instance_id, row.rest_end)
    return Outlook(
        wish=wish,
        interval=None if row.first is None else Interval(row.first, row.last),
        known=None if row.address is None else known,
        held=_held(rows),
    )


def _held(rows: Iterable[sa.Row[Any]]) -> Sequence[Held]:
    held = (Held(row.slot, row.held) for row in rows if row.held is not None)
    return sorted(held, key=lambda one: one.slot)
