"""Keeping, counting and forgetting subnets; what that costs depends on no subnet's size."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from netaddr import IPAddress, IPNetwork
from sqlalchemy.engine import Connection

from qplug.errors import CidrConflict, NetworkInUse
from qplug.model import Network, Subnet, SubnetUsage, assignable, bounds, overlap
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
    intervals = [interval_row(s, *run) for s in new for run in bounds(assignable(s))]
    if intervals:
        connection.execute(free.insert(), intervals)


def delete(connection: Connection, network_id: str) -> None:
    """Forget all subnets of a network.

    :raises NetworkInUse: a vif holds an address
    :raises sqlalchemy.exc.IntegrityError: a vif has got one meanwhile
    """
    forget(connection, network_id, [*lock(connection, network_id)])


def lock(connection: Connection, network_id: str) -> Mapping[str, str]:
    """Return what vifs may get of each subnet of a network by its id; nobody changes it meanwhile.

    Locked first, as whoever inserts an address locks them first, so that neither waits forever.
    """
    kept = sa.select(subnets.c.id, subnets.c.assignable).where(subnets.c.network_id == network_id)
    rows = connection.execute(kept.order_by(subnets.c.id).with_for_update())
    return {row.id: row.assignable for row in rows}


def forget(connection: Connection, network_id: str, ids: Sequence[str]) -> None:
    """Forget some subnets of a network that are locked.

    :raises NetworkInUse: a vif holds an address
    :raises sqlalchemy.exc.IntegrityError: a vif has got one meanwhile
    """
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
    few, inside = len(network_ids) <= MANY, addresses.c.assignable == sa.true()
    told: list[sa.ColumnElement[Any]] = [*subnets.c["id", "network_id", "cidr", "size"]]
    counted = (
        sa.select(
            *told,
            sa.func.count(addresses.c.vif_id).label("used"),
            sa.func.count(sa.case((inside, addresses.c.vif_id))).label("inside"),
            sa.func.count(sa.case((sa.and_(inside, addresses.c.rest_end > now), 1))).label(
                "resting"
            ),
        )
        .outerjoin(addresses, addresses.c.subnet_id == subnets.c.id)
        .where(subnets.c.network_id.in_(sorted(network_ids)) if few else sa.true())
        .group_by(*told)
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
    return {
        "id": subnet.id,
        "network_id": network.id,
        "cidr": str(subnet.cidr),
        "early": 0,
        **assignable_columns(subnet),
    }


def assignable_columns(subnet: Subnet) -> dict[str, str]:
    """Return what a subnet's row says of what vifs may get."""
    ranges = assignable(subnet)
    texts = [[str(part[0]), str(part[-1])] for part in ranges]
    return {"assignable": json.dumps(texts), "size": str(sum(part.size for part in ranges))}


def read_assignable(text: str) -> Sequence[tuple[int, int]]:
    """Return what vifs may get as numbers, lowest first."""
    return [(IPAddress(first).value, IPAddress(last).value) for first, last in json.loads(text)]


def interval_row(subnet: Subnet, first: int, last: int) -> dict[str, str | IPAddress]:
    """Return the columns of an interval of never given addresses."""
    return {
        "subnet_id": subnet.id,
        "first": IPAddress(first, subnet.version),
        "last": IPAddress(last, subnet.version),
    }


def _delete(connection: Connection, ids: Sequence[str]) -> None:
    of_subnets = addresses.c.subnet_id.in_(ids)
    connection.execute(addresses.delete().where(of_subnets, addresses.c.vif_id.is_(None)))
    connection.execute(free.delete().where(free.c.subnet_id.in_(ids)))
    connection.execute(subnets.delete().where(subnets.c.id.in_(ids)))


def _usage(row: Any) -> SubnetUsage:
    cidr, size = IPNetwork(row.cidr), int(row.size)
    return SubnetUsage(
        subnet_id=row.id,
        cidr=cidr,
        used=row.used,
        resting=row.resting,
        held=0,
        reserved=cidr.size - size - (row.used - row.inside),
        free=size - row.inside - row.resting,
    )
