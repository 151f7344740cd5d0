"""Writing the rows of an instance's vifs and their addresses, inside a caller's transaction."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.errors import MacInUse, NetworkNotFound
from qplug.model import Allocation, Vif
from qplug.store.records import VifRecord
from qplug.store.rows import NO_MAC, is_shown
from qplug.store.tables import allocations, instances, networks, vifs

CHUNK = 100
"""How many vifs one statement inserts; SQLite joins at most 500 selections."""


def insert_vifs(tx: Connection, planned: Sequence[Vif]) -> None:
    """Insert vifs on networks that are active, and lock those against being deleted meanwhile.

    :raises NetworkNotFound: one of the networks is no longer active
    :raises MacInUse: one of the MAC addresses is taken
    """
    rows = [sa.select(*_vif_columns(*each)) for each in enumerate(planned)]
    try:
        made = sum(_insert_on_active(tx, rows[n : n + CHUNK]) for n in range(0, len(rows), CHUNK))
    except IntegrityError as error:
        raise MacInUse(", ".join(str(vif.mac) for vif in planned)) from error
    if made != len(planned):
        raise NetworkNotFound(_inactive(tx, [vif.network_id for vif in planned]))


def _insert_on_active(tx: Connection, rows: Sequence[sa.Select[Any]]) -> int:
    new = sa.union_all(*rows).subquery("new")
    on_active = (
        sa.select(new)
        .join_from(new, networks, networks.c.id == new.c.network_id)
        .where(is_shown)
        .with_for_update(read=True, of=networks)
    )
    insert = vifs.insert().from_select(list(new.c.keys()), on_active)
    return tx.execute(insert.execution_options(preserve_rowcount=True)).rowcount


def _vif_columns(position: int, vif: Vif) -> list[sa.Label[Any]]:
    row = {
        "id": vif.id,
        "instance_id": vif.instance_id,
        "network_id": vif.network_id,
        "project_id": vif.project_id,
        "position": position,
        "mac": None if vif.mac == NO_MAC else str(vif.mac),
        "state": "building",
    }
    return [sa.literal(value, vifs.c[name].type).label(name) for name, value in row.items()]


def _inactive(tx: Connection, network_ids: Sequence[str]) -> str:
    query = sa.select(networks.c.id).where(networks.c.id.in_(network_ids), is_shown)
    active = set(tx.execute(query).scalars())
    return ", ".join(dict.fromkeys(id_ for id_ in network_ids if id_ not in active))


def finish_vifs(tx: Connection, built: Sequence[VifRecord]) -> None:
    """Make vifs active, with their ports."""
    if built:
        tx.execute(
            vifs.update()
            .where(vifs.c.id == sa.bindparam("key"))
            .values(port_id=sa.bindparam("port"), state="active"),
            [{"key": record.vif.id, "port": record.port_id} for record in built],
        )


def hide_vifs(tx: Connection, instance_id: str) -> None:
    """Mark the vifs of an instance as ``deleting``."""
    mine = vifs.c.instance_id == instance_id
    tx.execute(vifs.update().where(mine).values(state="deleting"))


def insert_allocations(tx: Connection, given: Sequence[VifRecord]) -> None:
    """Insert the addresses of vifs."""
    rows = [
        {
            "id": str(uuid4()),
            "vif_id": record.vif.id,
            "network_id": record.network.id,
            "subnet_id": allocation.subnet_id,
            "address": allocation.address,
        }
        for record in given
        for allocation in record.allocations
    ]
    if rows:
        tx.execute(allocations.insert(), rows)


def delete_allocation(tx: Connection, gone: Allocation) -> None:
    """Delete one address of a vif."""
    mine = allocations.c.vif_id == gone.vif_id
    tx.execute(allocations.delete().where(mine, allocations.c.address == gone.address))


def delete_released(
    tx: Connection, instance_id: str, *, gone: Collection[str], freed: Collection[str]
) -> None:
    """Delete vifs that are gone and addresses of vifs that are freed; the last vif's instance too.

    The instance is only deleted while it is ``deleting``: its id may be a new one's by now.
    """
    if freed:
        tx.execute(allocations.delete().where(allocations.c.vif_id.in_(sorted(freed))))
    if gone:
        tx.execute(vifs.delete().where(vifs.c.id.in_(sorted(gone))))
    tx.execute(
        instances.delete().where(
            instances.c.id == instance_id,
            instances.c.state == "deleting",
            ~sa.exists().where(vifs.c.instance_id == instance_id),
        )
    )


def are_leaving(tx: Connection, wanted: Sequence[VifRecord]) -> bool:
    """Say whether all that have one of the addresses by now are being changed or released."""
    pairs = [(one.network.id, a.address) for one in wanted for a in one.allocations]
    places = [
        sa.and_(allocations.c.network_id == network_id, allocations.c.address == address)
        for network_id, address in pairs
    ]
    ours = [one.vif.id for one in wanted]
    settled = (
        sa.select(allocations.c.id)
        .join_from(allocations, vifs, vifs.c.id == allocations.c.vif_id)
        .join(instances, instances.c.id == vifs.c.instance_id)
        .where(sa.or_(*places), vifs.c.id.not_in(ours), instances.c.state == "active")
    )
    return tx.execute(settled).first() is None
