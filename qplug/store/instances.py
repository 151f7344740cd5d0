"""Records of instances, their vifs and addresses, and the states between two commands."""

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.db import Database
from qplug.errors import (
    FixedIpAlreadyInUse,
    InstanceInTransition,
    InstanceNotFound,
    MacInUse,
    NetworkNotFound,
)
from qplug.model import Allocation, Call, Instance, Vif
from qplug.store.records import InstanceRecord, VifRecord, read_instance
from qplug.store.rows import instance_row
from qplug.store.tables import allocations, instances, networks, vifs

FIRST_EPOCH = 1


class InstanceStore:
    """Instances with their vifs and allocations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, call: Call, instance_id: str) -> InstanceRecord | None:
        """Return the record of an instance in any state; ``None`` if there is none."""
        return self._database.read(call, lambda tx: read_instance(tx, instance_id))

    # --- allocating ---

    def begin(self, call: Call, instance: Instance, request: str, planned: Sequence[Vif]) -> bool:
        """Write an instance and its vifs as ``building``.

        :returns: whether that was done; not when the instance is recorded already
        :raises NetworkNotFound: one of the networks is no longer active
        :raises MacInUse: one of the MAC addresses is taken
        """

        def work(tx: Connection) -> None:
            tx.execute(instances.insert(), instance_row(instance) | _building(call, request))
            if planned:
                _insert_vifs(tx, planned)

        try:
            self._database.write(call, work)
        except IntegrityError:
            if self.owner(call, instance.id) is None:
                raise
            return False
        return True

    def owner(self, call: Call, instance_id: str) -> str | None:
        """Return the project of an instance in any state; ``None`` if there is none."""
        query = sa.select(instances.c.project_id).where(instances.c.id == instance_id)
        return self._database.read(call, lambda tx: tx.execute(query).scalar())

    def set_mac(self, call: Call, vif: Vif) -> None:
        """Record the MAC address of a vif that is being built.

        :raises MacInUse: another vif has it
        """
        change = vifs.update().where(vifs.c.id == vif.id).values(mac=str(vif.mac))
        try:
            self._database.write(call, lambda tx: tx.execute(change))
        except IntegrityError as error:
            raise MacInUse(str(vif.mac)) from error

    def finish(
        self, call: Call, instance_id: str, built: Sequence[VifRecord], network_info: str
    ) -> None:
        """Make an instance active, with what its vifs were given.

        :raises FixedIpAlreadyInUse: the store knows another vif that has one of the addresses
        :raises InstanceInTransition: another process works on it meanwhile
        """

        def work(tx: Connection) -> None:
            _insert_allocations(tx, built)
            _update_ports(tx, built)
            _leave(tx, instance_id, FIRST_EPOCH, network_info=network_info)

        self._changing_addresses(call, work, built)

    # --- changing ---

    def begin_update(self, call: Call, instance_id: str) -> InstanceRecord:
        """Mark an active instance as ``updating`` and return its record as it was.

        :raises InstanceNotFound: there is none, or it is being deallocated
        :raises InstanceInTransition: another process works on it
        """

        def work(tx: Connection) -> InstanceRecord:
            entered = tx.execute(_enter(instance_id, ["active"], "updating")).rowcount
            record = read_instance(tx, instance_id)
            if record is None or record.state == "deleting":
                raise InstanceNotFound(instance_id)
            if not entered:
                raise InstanceInTransition(instance_id, record.state)
            return record

        return self._database.write(call, work)

    def end_update(
        self,
        call: Call,
        instance_id: str,
        epoch: int,
        *,
        added: Sequence[VifRecord] = (),
        removed: Sequence[Allocation] = (),
        network_info: str | None = None,
    ) -> None:
        """Make the instance active again, with addresses added and removed.

        :param epoch: the one of the record that :meth:`begin_update` returned

        :raises FixedIpAlreadyInUse: the store knows another vif that has an added address
        :raises InstanceInTransition: another process works on it meanwhile
        """

        def work(tx: Connection) -> None:
            for gone in removed:
                tx.execute(allocations.delete().where(_is(gone)))
            _insert_allocations(tx, added)
            info = {} if network_info is None else {"network_info": network_info}
            _leave(tx, instance_id, epoch, **info)

        self._changing_addresses(call, work, added)

    def cache_info(self, call: Call, instance_id: str, network_info: str) -> None:
        """Keep the network info of an active instance."""
        change = (
            instances.update()
            .where(instances.c.id == instance_id, instances.c.state == "active")
            .values(network_info=network_info)
        )
        self._database.write(call, lambda tx: tx.execute(change))

    # --- deallocating ---

    def begin_delete(self, call: Call, instance_id: str) -> InstanceRecord | None:
        """Mark an instance and its vifs as ``deleting`` and return its record, if there is one.

        :raises InstanceInTransition: it is being built or changed by another process
        """

        def work(tx: Connection) -> InstanceRecord | None:
            entered = tx.execute(_enter(instance_id, ["active", "deleting"], "deleting")).rowcount
            if entered:
                mine = vifs.c.instance_id == instance_id
                tx.execute(vifs.update().where(mine).values(state="deleting"))
            record = read_instance(tx, instance_id)
            if record is not None and not entered:
                raise InstanceInTransition(instance_id, record.state)
            return record

        return self._database.write(call, work)

    def abandon(self, call: Call, instance_id: str) -> None:
        """Mark an instance that was being built as ``deleting``, when undoing it left something."""

        def work(tx: Connection) -> None:
            tx.execute(_enter(instance_id, ["building", "deleting"], "deleting"))
            mine = vifs.c.instance_id == instance_id
            tx.execute(vifs.update().where(mine).values(state="deleting"))

        self._database.write(call, work)

    def forget(self, call: Call, instance_id: str, vif_ids: Collection[str]) -> None:
        """Remove released vifs with their addresses, and the instance with its last vif."""

        def work(tx: Connection) -> None:
            ids = sorted(vif_ids)
            if ids:
                tx.execute(allocations.delete().where(allocations.c.vif_id.in_(ids)))
                tx.execute(vifs.delete().where(vifs.c.id.in_(ids)))
            left = sa.exists().where(vifs.c.instance_id == instance_id)
            tx.execute(instances.delete().where(instances.c.id == instance_id, ~left))

        self._database.write(call, work)

    def _changing_addresses(
        self, call: Call, work: Callable[[Connection], None], added: Sequence[VifRecord]
    ) -> None:
        try:
            self._database.write(call, work)
        except IntegrityError as error:
            given = ", ".join(str(a.address) for record in added for a in record.allocations)
            raise FixedIpAlreadyInUse(given, "the store has it for another vif") from error


def _building(call: Call, request: str) -> dict[str, Any]:
    return {"request": request, "state": "building", "epoch": FIRST_EPOCH, "created_at": call.now}


def _insert_vifs(tx: Connection, planned: Sequence[Vif]) -> None:
    """Insert vifs on networks that are active, and lock those against being deleted meanwhile."""
    wanted = sa.union_all(*(sa.select(*_vif_columns(*each)) for each in enumerate(planned)))
    new = wanted.subquery("new")
    on_active = (
        sa.select(new)
        .join_from(new, networks, networks.c.id == new.c.network_id)
        .where(networks.c.state == "active")
        .with_for_update(read=True, of=networks)
    )
    try:
        made = tx.execute(vifs.insert().from_select(list(new.c.keys()), on_active))
    except IntegrityError as error:
        raise MacInUse(", ".join(str(vif.mac) for vif in planned)) from error
    if made.rowcount != len(planned):
        raise NetworkNotFound(", ".join(vif.network_id for vif in planned))


def _vif_columns(position: int, vif: Vif) -> list[sa.Label[Any]]:
    row = {
        "id": vif.id,
        "instance_id": vif.instance_id,
        "network_id": vif.network_id,
        "project_id": vif.project_id,
        "position": position,
        "mac": str(vif.mac) if int(vif.mac) else None,
        "state": "building",
    }
    return [sa.literal(value, vifs.c[name].type).label(name) for name, value in row.items()]


def _insert_allocations(tx: Connection, given: Sequence[VifRecord]) -> None:
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


def _update_ports(tx: Connection, built: Sequence[VifRecord]) -> None:
    if built:
        tx.execute(
            vifs.update()
            .where(vifs.c.id == sa.bindparam("key"))
            .values(port_id=sa.bindparam("port"), state="active"),
            [{"key": record.vif.id, "port": record.port_id} for record in built],
        )


def _enter(instance_id: str, states: Sequence[str], state: str) -> sa.Update:
    return (
        instances.update()
        .where(instances.c.id == instance_id, instances.c.state.in_(states))
        .values(state=state, epoch=instances.c.epoch + 1)
    )


def _leave(tx: Connection, instance_id: str, epoch: int, **columns: Any) -> None:
    left = tx.execute(
        instances.update()
        .where(instances.c.id == instance_id, instances.c.epoch == epoch)
        .values(state="active", **columns)
    )
    if not left.rowcount:
        raise InstanceInTransition(instance_id, "taken over by another command")


def _is(allocation: Allocation) -> sa.ColumnElement[bool]:
    return sa.and_(
        allocations.c.vif_id == allocation.vif_id,
        allocations.c.address == allocation.address,
    )
