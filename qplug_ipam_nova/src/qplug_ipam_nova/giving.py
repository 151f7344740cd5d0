"""Giving addresses in one transaction; whoever lost a race is told so and tries again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug.errors import FixedIpInvalid, NetworkNotFound
from qplug.model import Network, Vif
from qplug_ipam_nova.choice import Choice, choose, choose_one
from qplug_ipam_nova.outlook import Interval, Outlook, look
from qplug_ipam_nova.races import RaceLost
from qplug_ipam_nova.tables import addresses, free, subnets
from qplug_ipam_nova.wishes import Wish

# Statements are made once, which takes longer than to run them.
line = (
    sa.select(subnets.c.id)
    .where(subnets.c.network_id == sa.bindparam("network"))
    .order_by(subnets.c.id)
    .with_for_update(key_share=True)
)
given = addresses.insert()
added = free.insert()
is_unchanged = sa.and_(
    free.c.subnet_id == sa.bindparam("subnet"),
    free.c.first == sa.bindparam("old_first"),
    free.c.last == sa.bindparam("old_last"),
)
gone = free.delete().where(is_unchanged)
smaller = free.update().where(is_unchanged)
taken = (
    addresses.update()
    .where(
        addresses.c.subnet_id == sa.bindparam("subnet"),
        addresses.c.address == sa.bindparam("known"),
        # Meanwhile it may only have ended sooner.
        addresses.c.rest_end <= sa.bindparam("known_end"),
        addresses.c.assignable == sa.true(),
    )
    .values(rest_end=None)
)


def give(
    connection: Connection, now: datetime, network: Network, vif: Vif, wishes: Sequence[Wish]
) -> Sequence[Choice]:
    """Fulfil every wish whose subnet is kept; who holds addresses gets no others.

    Of wishes for more one is fulfilled, whatever is held.

    :raises RaceLost, sqlalchemy.exc.IntegrityError: a new transaction may have more luck
    """
    outlooks = look(connection, network.id, vif.id, wishes)
    _refuse_forgotten(network, wishes, outlooks)
    choices = _choices(outlooks, network, vif, now)
    _count_early(connection, choices)
    new = [_row(choice, network, vif) for choice in choices if choice.never_given]
    if new:
        connection.execute(given, new)
    for choice in choices:
        _take(connection, choice)
        _take_again(connection, choice, vif)
    return choices


def stand_in_line(connection: Connection, network_id: str) -> None:
    """Wait for all others who stand in line for addresses of the network.

    Whoever lost a race does so. What makes races safe is uniqueness; this only makes them fair.
    Addresses are inserted before anything else is locked, since their foreign key waits for the
    same rows. SQLite has no such lock, and no races either.
    """
    connection.execute(line, {"network": network_id})


def _refuse_forgotten(
    network: Network, wishes: Sequence[Wish], outlooks: Sequence[Outlook]
) -> None:
    if not outlooks:
        raise NetworkNotFound(network.id)
    kept = [outlook.wish for outlook in outlooks]
    for wish in wishes:
        if wish not in kept and wish.address is not None and not wish.derived:
            raise FixedIpInvalid(str(wish.address), f"subnet {wish.subnet.cidr} was deleted")


def _choices(
    outlooks: Sequence[Outlook], network: Network, vif: Vif, now: datetime
) -> Sequence[Choice]:
    if outlooks[0].wish.more:
        return [choose_one(outlooks, network, vif, now)]
    held = [outlook for outlook in outlooks if outlook.held]
    return [choose(outlook, network, vif, now) for outlook in held or outlooks]


def _count_early(connection: Connection, choices: Sequence[Choice]) -> None:
    """Count the rests that are cut short, before any address is locked.

    Who stands in line has locked the subnets first and the addresses next: the other way round
    two would wait for each other, on PostgreSQL for a second before it ends that.
    """
    for subnet_id in sorted(choice.subnet.id for choice in choices if choice.early):
        counted = subnets.update().where(subnets.c.id == subnet_id)
        connection.execute(counted.values(early=subnets.c.early + 1))


def _take(connection: Connection, choice: Choice) -> None:
    """Take the address out of the interval, which leaves none, one or two smaller ones."""
    interval, address = choice.never_given, choice.address
    if interval is None or choice.subnet.derived:
        return
    below = Interval(interval.first, address - 1) if interval.first < address else None
    above = Interval(address + 1, interval.last) if address < interval.last else None
    _replace(connection, choice.subnet.id, interval, below or above)
    if below and above:
        _add(connection, choice.subnet.id, above)


def _replace(connection: Connection, subnet_id: str, old: Interval, new: Interval | None) -> None:
    key = {"subnet": subnet_id, "old_first": old.first, "old_last": old.last}
    if new is None:
        _expect_one(connection.execute(gone, key))
    else:
        _expect_one(connection.execute(smaller, key | {"first": new.first, "last": new.last}))


def _add(connection: Connection, subnet_id: str, new: Interval) -> None:
    row = {"subnet_id": subnet_id, "first": new.first, "last": new.last}
    connection.execute(added, row)


def _take_again(connection: Connection, choice: Choice, vif: Vif) -> None:
    known = choice.released
    if known is None:
        return
    key = {"subnet": choice.subnet.id, "known": known.address, "known_end": known.rest_end}
    _expect_one(connection.execute(taken, key | _owner(choice, vif)))


def _expect_one(result: sa.CursorResult[Any]) -> None:
    if result.rowcount != 1:
        raise RaceLost


def _row(choice: Choice, network: Network, vif: Vif) -> dict[str, str | int | IPAddress | None]:
    return {
        "subnet_id": choice.subnet.id,
        "address": choice.address,
        "network_id": network.id,
        "assignable": True,
        **_owner(choice, vif),
    }


def _owner(choice: Choice, vif: Vif) -> dict[str, str | int | None]:
    return {
        "vif_id": vif.id,
        "slot": choice.slot,
        "instance_id": vif.instance_id,
        "mac": str(vif.mac),
    }
