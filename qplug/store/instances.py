"""Records of instances, and how they are made."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.db import Database
from qplug.errors import MacInUse
from qplug.model import Call, Instance, Vif
from qplug.store.addresses import write_addresses
from qplug.store.instance_marks import end, is_it, leave, marked
from qplug.store.marks import Marks, postponed, until
from qplug.store.records import InstanceRecord, VifRecord, read_instance
from qplug.store.rows import instance_row
from qplug.store.tables import instances, vifs
from qplug.store.vif_rows import (
    delete_released,
    finish_vifs,
    hide_vifs,
    insert_allocations,
    insert_vifs,
)

# Statements are made once, which takes longer than to run them.
owner_of = sa.select(instances.c.project_id).where(is_it)
new_instance = instances.insert().values(due=until)
give_up = (
    instances.update()
    .where(is_it, instances.c.epoch == sa.bindparam("known"))
    # It may be active: a commit whose answer was lost counts as failed.
    .where(sa.or_(instances.c.state == "building", instances.c.state == "active"))
    .values(state="deleting", due=until)
)


class InstanceStore:
    """Instances with their vifs and allocations."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    # --- reading ---

    def get(self, call: Call, instance_id: str) -> InstanceRecord | None:
        """Return the record of an instance in any state; ``None`` if there is none."""
        return self._database.read(call, lambda tx: read_instance(tx, instance_id))

    def owner(self, call: Call, instance_id: str) -> str | None:
        """Return the project of an instance in any state; ``None`` if there is none."""
        found = self._database.select(call, owner_of, {"instance": instance_id})
        return found[0].project_id if found else None

    def cache_info(self, call: Call, known: InstanceRecord, network_info: str) -> None:
        """Keep the network info of an active instance, unless it changed since it was read."""
        change = marked(known.instance.id, "active", known.epoch) | {"network_info": network_info}
        self._database.write(call, lambda tx: tx.execute(leave, change))

    # --- making ---

    def begin(
        self,
        call: Call,
        instance: Instance,
        request: str,
        planned: Sequence[Vif],
        epoch: int,
        written: Callable[[], object] = lambda: None,
    ) -> bool:
        """Write an instance and its vifs as ``building``.

        :param epoch: by which the same command is to finish or abandon it
        :param written: called when only the commit is left
        :returns: whether that was done; not when the instance was recorded already
        :raises NetworkNotFound: one of the networks is no longer active
        :raises MacInUse: one of the MAC addresses is taken
        """

        def work(tx: Connection) -> None:
            building = {"state": "building", "request": request, "created_at": call.now}
            mark = self._marks.new(call, epoch)
            tx.execute(new_instance, instance_row(instance) | building | mark.columns())
            insert_vifs(tx, planned)
            written()

        self._database.require_room()
        try:
            self._database.write(call, work)
        except IntegrityError:
            return False
        return True

    def set_mac(self, call: Call, vif: Vif) -> None:
        """Record the MAC address of a vif that is being built.

        :raises MacInUse: another vif has it
        """
        change = vifs.update().where(vifs.c.id == vif.id).values(mac=str(vif.mac))
        try:
            self._database.write(call, lambda tx: tx.execute(change))
        except IntegrityError as error:
            raise MacInUse(str(vif.mac)) from error

    def forget_mac(self, call: Call, vif_id: str) -> None:
        """Have no MAC address recorded for a vif that is being released."""
        change = vifs.update().where(vifs.c.id == vif_id).values(mac=None)
        self._database.write(call, lambda tx: tx.execute(change))

    def finish(
        self,
        call: Call,
        instance_id: str,
        epoch: int,
        built: Sequence[VifRecord],
        network_info: str,
    ) -> None:
        """Make an instance active, with what its vifs were given.

        :raises FixedIpAlreadyInUse: the store knows another vif that has one of the addresses
        :raises InstanceInTransition: another process works on it meanwhile
        """

        def work(tx: Connection) -> None:
            end(tx, instance_id, "building", epoch, network_info=network_info)
            insert_allocations(tx, built)
            finish_vifs(tx, built)

        write_addresses(self._database, call, work, built)

    def abandon(self, call: Call, instance_id: str, epoch: int, failure: str | None) -> None:
        """Give up an instance that could not be built: forget it, or hide what is left of it.

        One that this command has not written, or that was taken over, is let alone.

        :param failure: why something is left, which is tried again; ``None`` if nothing is
        """
        later = postponed(0, failure or "")

        def work(tx: Connection) -> None:
            if not tx.execute(give_up, {"instance": instance_id, "known": epoch} | later).rowcount:
                return
            hide_vifs(tx, instance_id)
            if failure is None:
                mine = sa.select(vifs.c.id).where(vifs.c.instance_id == instance_id)
                ids = tx.execute(mine).scalars().all()
                delete_released(tx, instance_id, gone=ids, freed=ids)

        with self._marks.leaving(epoch):
            self._database.write(call, work)
