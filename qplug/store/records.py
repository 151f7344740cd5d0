"""What the store holds of an instance, and how it is read in a constant number of statements."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.model import Allocation, Instance, Network, Vif
from qplug.store.rows import instance_of, networks_of, select_networks, vif_of
from qplug.store.tables import allocations, instances, networks, vifs


def new_epoch() -> int:
    """Return a number by which a command knows what it wrote itself, whoever wrote meanwhile."""
    return secrets.randbelow(1 << 30)


@dataclass(frozen=True, kw_only=True)
class VifRecord:
    """A vif with all that is known of it."""

    vif: Vif
    network: Network
    port_id: str | None = None
    allocations: tuple[Allocation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InstanceRecord:
    """An instance, what was asked for it, and its vifs in order."""

    instance: Instance
    request: str
    state: str
    epoch: int
    attempts: int
    """How often it was tried to finish what a command left of it."""
    network_info: str | None
    vifs: tuple[VifRecord, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """An instance that is marked as being released, and by which mark."""

    instance_id: str
    epoch: int
    attempts: int
    """How often that was tried before."""
    vifs: Sequence[VifRecord]
    half_built: bool = False
    """Whether a command was at making it."""


instance_with_id = sa.select(instances).where(instances.c.id == sa.bindparam("instance"))


def read_instance(tx: Connection, instance_id: str) -> InstanceRecord | None:
    """Return the record of an instance in any state; ``None`` if there is none."""
    row = tx.execute(instance_with_id, {"instance": instance_id}).one_or_none()
    if row is None:
        return None
    return InstanceRecord(
        instance=instance_of(row),
        request=row.request,
        state=row.state,
        epoch=row.epoch,
        attempts=row.attempts,
        network_info=row.network_info,
        vifs=tuple(vifs_of_instance.read(tx, instance=instance_id)),
    )


class VifReader:
    """Reads the vifs that meet a condition, whose parameters are given then.

    Its statements are made once, which takes longer than to run them.
    """

    def __init__(self, *where: sa.ColumnElement[bool]) -> None:
        self._vifs = (
            sa.select(vifs, allocations.c.subnet_id, allocations.c.address)
            .select_from(vifs.outerjoin(allocations, allocations.c.vif_id == vifs.c.id))
            .where(*where)
            .order_by(vifs.c.position, vifs.c.id)
        )
        on = sa.select(vifs.c.network_id).where(*where)
        self._networks = select_networks(networks.c.id.in_(on))

    def read(self, tx: Connection, **parameters: str | Sequence[str]) -> Sequence[VifRecord]:
        """Return them in order, with their networks and addresses."""
        rows = tx.execute(self._vifs, parameters).all()
        if not rows:
            return []
        there = {net.id: net for net in networks_of(tx.execute(self._networks, parameters))}
        each = (list(of_one) for _, of_one in groupby(rows, key=lambda row: row.id))
        # A network that is not there was deleted between the two statements.
        return [_vif_record(of_one, there) for of_one in each if of_one[0].network_id in there]


def _vif_record(rows: Sequence[sa.Row[Any]], there: Mapping[str, Network]) -> VifRecord:
    """Return the vif of rows that differ in its addresses."""
    row = rows[0]
    network = there[row.network_id]
    given = [
        Allocation(vif_id=row.id, subnet_id=one.subnet_id, address=one.address)
        for one in rows
        if one.address is not None
    ]
    return VifRecord(
        vif=vif_of(row),
        network=network,
        port_id=row.port_id,
        allocations=in_order(network, given),
    )


vifs_of_instance = VifReader(vifs.c.instance_id == sa.bindparam("instance"))


def in_order(network: Network, given: Sequence[Allocation]) -> tuple[Allocation, ...]:
    """Return the allocations by subnet, IPv4 first, and by address."""
    place = {subnet.id: number for number, subnet in enumerate(network.subnets)}
    return tuple(sorted(given, key=lambda a: (place.get(a.subnet_id, len(place)), a.address)))
