"""What the store holds of an instance, and how it is read in a constant number of statements."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.model import Allocation, Instance, Network, Vif
from qplug.store.rows import allocation_of, instance_of, networks_of, select_networks, vif_of
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
    network_info: str | None
    vifs: tuple[VifRecord, ...] = ()


def read_instance(tx: Connection, instance_id: str) -> InstanceRecord | None:
    """Return the record of an instance in any state; ``None`` if there is none."""
    row = tx.execute(sa.select(instances).where(instances.c.id == instance_id)).one_or_none()
    if row is None:
        return None
    return InstanceRecord(
        instance=instance_of(row),
        request=row.request,
        state=row.state,
        epoch=row.epoch,
        network_info=row.network_info,
        vifs=tuple(read_vifs(tx, vifs.c.instance_id == instance_id)),
    )


def read_vifs(tx: Connection, *where: sa.ColumnElement[bool]) -> Sequence[VifRecord]:
    """Return the vifs that match, in order, with their networks and addresses."""
    found = tx.execute(sa.select(vifs).where(*where).order_by(vifs.c.position, vifs.c.id)).all()
    if not found:
        return []
    nets = networks_of(
        tx.execute(select_networks(networks.c.id.in_(sa.select(vifs.c.network_id).where(*where))))
    )
    network_by_id = {network.id: network for network in nets}
    given = _allocations(tx, where)
    return [
        VifRecord(
            vif=vif_of(row),
            network=network_by_id[row.network_id],
            port_id=row.port_id,
            allocations=in_order(network_by_id[row.network_id], given.get(row.id, [])),
        )
        for row in found
        if row.network_id in network_by_id  # else it was deleted between two statements
    ]


def _allocations(
    tx: Connection, where: Sequence[sa.ColumnElement[bool]]
) -> dict[str, list[Allocation]]:
    chosen = sa.select(vifs.c.id).where(*where)
    rows = tx.execute(sa.select(allocations).where(allocations.c.vif_id.in_(chosen)))
    given: dict[str, list[Allocation]] = {}
    for row in rows:
        given.setdefault(row.vif_id, []).append(allocation_of(row))
    return given


def in_order(network: Network, given: Sequence[Allocation]) -> tuple[Allocation, ...]:
    """Return the allocations by subnet, IPv4 first, and by address."""
    place = {subnet.id: number for number, subnet in enumerate(network.subnets)}
    return tuple(sorted(given, key=lambda a: (place.get(a.subnet_id, len(place)), a.address)))
