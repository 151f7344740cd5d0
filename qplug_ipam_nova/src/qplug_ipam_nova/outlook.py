"""What the tables say about each wish, in one statement for all of them but very many."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug.db import Address
from qplug_ipam_nova.tables import addresses, free, subnets
from qplug_ipam_nova.wishes import Wish

Parameter = sa.BindParameter[Any]


CHUNK = 100
"""How many wishes one statement is about; SQLite joins at most 500 selections."""


@dataclass(frozen=True)
class Interval:
    """Addresses that were never given."""

    first: IPAddress
    last: IPAddress

    def has(self, address: IPAddress) -> bool:
        """Say whether the address is one of them."""
        return bool(self.first <= address <= self.last)


@dataclass(frozen=True)
class Known:
    """An address that was given at least once."""

    address: IPAddress
    vif_id: str | None
    instance_id: str
    rest_end: datetime | None
    assignable: bool
    """Whether it may be given again."""


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


some = free.alias("some")
known = addresses.alias("known")
held = addresses.alias("held")
resting = addresses.alias("resting")

held_by_vif = sa.and_(
    held.c.vif_id == sa.bindparam("vif"),
    held.c.network_id == sa.bindparam("network"),
    held.c.subnet_id == subnets.c.id,
)


def look(
    connection: Connection, network_id: str, vif_id: str, wishes: Sequence[Wish]
) -> Sequence[Outlook]:
    """Return the outlook of each wish whose subnet is kept, in the order of the wishes.

    Every part of the statement is one step into an index, however many addresses there are.
    """
    chunks = (wishes[n : n + CHUNK] for n in range(0, len(wishes), CHUNK))
    return [one for chunk in chunks for one in _look(connection, network_id, vif_id, chunk)]


def _look(
    connection: Connection, network_id: str, vif_id: str, wishes: Sequence[Wish]
) -> Sequence[Outlook]:
    parameters: dict[str, str | IPAddress] = {"vif": vif_id, "network": network_id}
    for n, wish in enumerate(wishes):
        parameters[f"subnet_{n}"] = wish.subnet.id
        if wish.address is not None:
            parameters[f"address_{n}"] = wish.address
    questions = _questions(tuple(wish.address is not None for wish in wishes))
    rows = sorted(connection.execute(questions, parameters), key=lambda row: int(row.wish))
    return [_outlook(wishes[n], tuple(found)) for n, found in groupby(rows, lambda row: row.wish)]


@lru_cache
def _questions(by_name: tuple[bool, ...]) -> sa.CompoundSelect[Any]:
    """Return the statement, which takes longer to build than to run."""
    return sa.union_all(*(_question(n, named) for n, named in enumerate(by_name)))


def _question(n: int, by_name: bool) -> sa.Select[Any]:
    subnet_id = sa.bindparam(f"subnet_{n}", type_=subnets.c.id.type)
    address = sa.bindparam(f"address_{n}", type_=Address)
    first = _first_up_to(subnet_id, address) if by_name else _lowest_first(subnet_id)
    given = address if by_name else _first_to_end_its_rest(subnet_id)
    return (
        sa.select(
            sa.literal_column(str(n)).label("wish"),
            *(free.c.first, free.c.last),
            *(known.c.address, known.c.vif_id, known.c.instance_id, known.c.rest_end),
            known.c.assignable,
            *(held.c.slot, held.c.address.label("held")),
        )
        .select_from(subnets)
        .outerjoin(free, sa.and_(free.c.subnet_id == subnets.c.id, free.c.first == first))
        .outerjoin(known, sa.and_(known.c.subnet_id == subnets.c.id, known.c.address == given))
        .outerjoin(held, held_by_vif)
        .where(subnets.c.id == subnet_id, subnets.c.network_id == sa.bindparam("network"))
    )


def _lowest_first(subnet_id: Parameter) -> sa.ScalarSelect[Any]:
    lowest = sa.select(sa.func.min(some.c.first)).where(some.c.subnet_id == subnet_id)
    return lowest.scalar_subquery()


def _first_up_to(subnet_id: Parameter, address: Parameter) -> sa.ScalarSelect[Any]:
    up_to = sa.and_(some.c.subnet_id == subnet_id, some.c.first <= address)
    return sa.select(sa.func.max(some.c.first)).where(up_to).scalar_subquery()


def _first_to_end_its_rest(subnet_id: Parameter) -> sa.ScalarSelect[Any]:
    return (
        sa.select(resting.c.address)
        .where(
            resting.c.subnet_id == subnet_id,
            resting.c.assignable == sa.true(),
            resting.c.rest_end.is_not(None),
        )
        .order_by(resting.c.rest_end, resting.c.address)
        .limit(1)
        .scalar_subquery()
    )


def _outlook(wish: Wish, rows: Sequence[sa.Row[Any]]) -> Outlook:
    row = rows[0]  # what they differ in is the address held
    given = Known(row.address, row.vif_id, row.instance_id, row.rest_end, row.assignable)
    return Outlook(
        wish=wish,
        interval=None if row.first is None else Interval(row.first, row.last),
        known=None if row.address is None else given,
        held=sorted(_held(rows), key=lambda one: one.slot),
    )


def _held(rows: Iterable[sa.Row[Any]]) -> Iterable[Held]:
    return (Held(row.slot, row.held) for row in rows if row.held is not None)
