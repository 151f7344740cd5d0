"""Changing the subnets of a network while vifs hold addresses of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug.db import Address
from qplug.model import Network, Subnet, merge, subtract
from qplug_ipam_nova.subnets import (
    assignable_columns,
    create,
    forget,
    interval_row,
    lock,
    read_assignable,
)
from qplug_ipam_nova.tables import addresses, free, subnets

Run = tuple[int, int]


def update(connection: Connection, network: Network) -> None:
    """Keep exactly the network's subnets, and let vifs have of each what it says now.

    :raises NetworkInUse: a vif holds an address of one that is to be forgotten
    :raises CidrConflict: as for :func:`create`
    """
    kept = lock(connection, network.id)
    wanted = {subnet.id for subnet in network.subnets}
    forget(connection, network.id, [id_ for id_ in kept if id_ not in wanted])
    create(connection, network)
    for subnet in network.subnets:
        if subnet.id in kept:
            _move_limits(connection, subnet, read_assignable(kept[subnet.id]))


def _move_limits(connection: Connection, subnet: Subnet, before: Sequence[Run]) -> None:
    """Move the limits of what vifs may get; only what lies between old and new ones is looked at.

    Nobody takes a never given address meanwhile: who inserts one waits for the subnet's row.
    """
    columns = assignable_columns(subnet)
    now = read_assignable(columns["assignable"])
    if now == before:
        return
    closed, opened = subtract(before, now), subtract(now, before)
    _mark(connection, subnet, closed, assignable=False)
    _mark(connection, subnet, opened, assignable=True)
    never_given = now if subnet.derived else _never_given(connection, subnet, closed, opened)
    connection.execute(free.delete().where(free.c.subnet_id == subnet.id))
    if never_given:
        connection.execute(free.insert(), [interval_row(subnet, *run) for run in never_given])
    connection.execute(subnets.update().where(subnets.c.id == subnet.id).values(**columns))


def _mark(connection: Connection, subnet: Subnet, runs: Sequence[Run], *, assignable: bool) -> None:
    if runs:
        lowest, highest = (
            sa.bindparam("lowest", type_=Address),
            sa.bindparam("highest", type_=Address),
        )
        inside = addresses.c.address.between(lowest, highest)
        mark = addresses.update().where(addresses.c.subnet_id == subnet.id, inside)
        ends = ([IPAddress(value, subnet.version) for value in run] for run in runs)
        rows = [{"lowest": first, "highest": last} for first, last in ends]
        connection.execute(mark.values(assignable=assignable), rows)


def _never_given(
    connection: Connection, subnet: Subnet, closed: Sequence[Run], opened: Sequence[Run]
) -> Sequence[Run]:
    here = free.c.subnet_id == subnet.id
    rows = connection.execute(sa.select(free.c.first, free.c.last).where(here))
    left = subtract(((row.first.value, row.last.value) for row in rows), closed)
    known = _known(connection, subnet, opened) if opened else []
    return merge([*left, *subtract(opened, known)])


def _known(connection: Connection, subnet: Subnet, runs: Sequence[Run]) -> Sequence[Run]:
    """Return the addresses among the runs that were given once, be they at rest or in use."""
    span = interval_row(subnet, runs[0][0], runs[-1][1])
    found = connection.execute(
        sa.select(addresses.c.address).where(
            addresses.c.subnet_id == subnet.id,
            addresses.c.address.between(span["first"], span["last"]),
        )
    )
    return [(address.value, address.value) for address in found.scalars()]
