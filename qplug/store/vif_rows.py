"""Writing the rows of an instance's vifs and their addresses, inside a caller's transaction."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
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

# Statements are made once, which takes longer than to run them.
COLUMNS = ["id", "instance_id", "network_id", "project_id", "position", "mac", "state"]
finished = (
    vifs.update()
    .where(vifs.c.id == sa.bindparam("vif"))
    .values(port_id=sa.bindparam("port"), state="active")
)
of_instance = vifs.c.instance_id == sa.bindparam("instance")
hidden = vifs.update().where(of_instance).values(state="deleting")
new_allocation = allocations.insert()
addresses_gone = allocations.delete().where(
    allocations.c.vif_id.in_(sa.bindparam("ids", expanding=True))
)
vifs_gone = vifs.delete().where(vifs.c.id.in_(sa.bindparam("ids", expanding=True)))
instance_gone = instances.delete().where(
    instances.c.id == sa.bindparam("instance"),
    instances.c.state == "deleting",
    ~sa.exists().where(of_instance),
)


def insert_vifs(tx: Connection, planned: Sequence[Vif]) -> None:
    """Insert vifs on networks that are active, and lock those against being deleted meanwhile.

    :raises NetworkNotFound: one of the networks is no longer active
    :raises MacInUse: one of the MAC addresses is taken
    """
    rows = [_vif_row(*each) for each in enumerate(planned)]
    try:
        made = sum(_insert_on_active(tx, rows[n : n + CHUNK]) for n in range(0, len(rows), CHUNK))
    except IntegrityError as error:
        raise MacInUse(", ".join(str(vif.mac) for vif in planned)) from error
    if made != len(planned):
        raise NetworkNotFound(_inactive(tx, [vif.network_id for vif in planned]))


def _insert_on_active(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    parameters = {f"new_{n}_{name}": row[name] for n, row in enumerate(rows) for name in COLUMNS}
    return tx.execute(_new_on_active(len(rows)), parameters).rowcount


@lru_cache
def _new_on_active(count: int) -> sa.Insert:
    new = sa.union_all(*(_parameters(number) for number in range(count))).subquery("new")
    on_active = (
        sa.select(new)
        .join_from(new, networks, networks.c.id == new.c.network_id)
        .where(is_shown)
        .with_for_update(read=True, of=networks)
    )
    insert = vifs.insert().from_select(COLUMNS, on_active)
    return insert.execution_options(preserve_rowcount=True)


def _parameters(number: int) -> sa.Select[Any]:
    each = (
        sa.bindparam(f"new_{number}_{name}", type_=vifs.c[name].type).label(name)
        for name in COLUMNS
    )
    return sa.select(*each)


def _vif_row(position: int, vif: Vif) -> Mapping[str, Any]:
    return {
        "id": vif.id,
        "instance_id": vif.instance_id,
        "network_id": vif.network_id,
        "project_id": vif.project_id,
        "position": position,
        "mac": None if vif.mac == NO_MAC else str(vif.mac),
        "state": "building",
    }


def _inactive(tx: Connection, network_ids: Sequence[str]) -> str:
    query = sa.select(networks.c.id).where(networks.c.id.in_(network_ids), is_shown)
    active = set(tx.execute(query).scalars())
    return ", ".join(dict.fromkeys(id_ for id_ in network_ids if id_ not in active))


def finish_vifs(tx: Connection, built: Sequence[VifRecord]) -> None:
    """Make vifs active, with their ports."""
    if built:
        tx.execute(finished, [{"vif": one.vif.id, "port": one.port_id} for one in built])


def hide_vifs(tx: Connection, instance_id: str) -> None:
    """Mark the vifs of an instance as ``deleting``."""
    tx.execute(hidden, {"instance": instance_id})


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
        tx.execute(new_allocation, rows)


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
        tx.execute(addresses_gone, {"ids": sorted(freed)})
    if gone:
        tx.execute(vifs_gone, {"ids": sorted(gone)})
    tx.execute(instance_gone, {"instance": instance_id})
