"""Keeping, counting and forgetting subnets; what that costs depends on no subnet's size."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from netaddr import IPNetwork
from sqlalchemy.engine import Connection

from qplug.errors import CidrConflict, NetworkInUse
from qplug.model import Network, Subnet, SubnetUsage, assignable, overlap
from qplug_ipam_nova.tables import addresses, free, subnets

MANY = 1000
"""More networks than this are cheaper, or alone possible, to count by counting all."""


def create(connection: Connection, network: Network) -> None:
    """Keep the subnets of a network that are not kept yet.

    :raises CidrConflict: one has the id, or an address, of another one that is kept
    """
    ids = [subnet.id for subnet in network.subnets]
    near = sa.or_(subnets.c.network_id == network.id, subnets.c.id.in_(ids))
    kept = [
        _Kept(*row)
        for row in connection.execute(sa.select(*subnets.c["id", "network_id", "cidr"]).where(near))
    ]
    new = _new(network, kept)
    if not new:
        return
    connection.execute(subnets.insert(), [_row(subnet, network) for subnet in new])
    intervals = [row for subnet in new for row in _intervals(subnet)]
    if intervals:
        connection.execute(free.insert(), intervals)


def delete(connection: Connection, network_id: str) -> None:
    """Forget all subnets of a network.

    :raises NetworkInUse: a vif holds an address
    :raises sqlalchemy.exc.IntegrityError: a vif has got one meanwhile
    """
    # Locked first, as whoever inserts an address locks them first, so that neither waits forever.
    kept = sa.select(subnets.c.id).where(subnets.c.network_id == network_id)
    ids = connection.execute(kept.order_by(subnets.c.id).with_for_update()).scalars().all()
    if not ids:
        return
    in_use = sa.select(sa.func.count(addresses.c.vif_id)).where(addresses.c.subnet_id.in_(ids))
    if used := connection.execute(in_use).scalar_one():
        raise NetworkInUse(network_id, used)
    _delete(connection, ids)


def ids_of(connection: Connection, network_id: str) -> frozenset[str]:
    """Return the ids of the subnets that are kept for a network."""
    kept = sa.select(subnets.c.id).where(subnets.c.network_id == network_id)
    return frozenset(connection.execute(kept).scalars())


def usage(
    connection: Connection, network_ids: Collection[str], now: datetime
) -> Sequence[SubnetUsage]:
    """Return how full the subnets of the networks are, by the subnets' ids."""
    few = len(network_ids) <= MANY
    counted = (
        sa.select(
            subnets,
            sa.func.count(addresses.c.vif_id).label("used"),
            sa.func.count(sa.case((addresses.c.rest_end > now, 1))).label("resting"),
        )
        .outerjoin(addresses, addresses.c.subnet_id == subnets.c.id)
        .where(subnets.c.network_id.in_(sorted(network_ids)) if few else sa.true())
        .group_by(*subnets.c)
        .order_by(subnets.c.id)
    )
    wanted = frozenset(network_ids)
    return [_usage(row) for row in connection.execute(counted) if row.network_id in wanted]


def totals(connection: Connection) -> tuple[int, int]:
    """Return how many subnets are kept, and how often the rest of an address was cut short."""
    early = sa.func.coalesce(sa.func.sum(subnets.c.early), 0)
    kept, cut_short = connection.execute(sa.select(sa.func.count(subnets.c.id), early)).one()
    return int(kept), int(cut_short)


@dataclass(frozen=True)
class _Kept:
    id: str
    network_id: str
    cidr: str


def _new(network: Network, kept: list[_Kept]) -> Sequence[Subnet]:
    new = []
    for subnet in network.subnets:
        one = _Kept(subnet.id, network.id, str(subnet.cidr))
        if one not in kept:
            _refuse_conflict(one, network, kept)
            kept.append(one)
            new.append(subnet)
    return new


def _refuse_conflict(one: _Kept, network: Network, kept: Iterable[_Kept]) -> None:
    cidr = IPNetwork(one.cidr)
    for other in kept:
        if other.id == one.id or (
            other.network_id == one.network_id and overlap(IPNetwork(other.cidr), cidr)
        ):
            label = network.label if other.network_id == network.id else other.network_id
            raise CidrConflict(one.cidr, other.cidr, label)


def _row(subnet: Subnet, network: Network) -> dict[str, str | int]:
    size = sum(interval.size for interval in assignable(subnet))
    return {
        "id": subnet.id,
        "network_id": network.id,
        "cidr": str(subnet.cidr),
        "size": str(size),
        "early": 0,
    }


def _intervals(subnet: Subnet) -> Iterator[dict[str, Any]]:
    for interval in assignable(subnet):
        first, last = interval[0], interval[-1]
        yield {"subnet_id": subnet.id, "first": first, "last": last}


def _delete(connection: Connection, ids: Sequence[str]) -> None:
    of_subnets = addresses.c.subnet_id.in_(ids)
    connection.execute(addresses.delete().where(of_subnets, addresses.c.vif_id.is_(None)))
    connection.execute(free.delete().where(free.c.subnet_id.in_(ids)))
    connection.execute(subnets.delete().where(subnets.c.id.in_(ids)))


def _usage(row: sa.Row[Any]) -> SubnetUsage:
    cidr, size = IPNetwork(row.cidr), int(row.size)
    return SubnetUsage(
        subnet_id=row.id,
        cidr=cidr,
        used=row.used,
        resting=row.resting,
        held=0,
        reserved=cidr.size - size,
        free=size - row.used - row.resting,
    )
