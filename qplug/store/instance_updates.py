"""Changing an instance: marked while it is done, and recorded as the last step."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.errors import InstanceInTransition, InstanceNotFound
from qplug.model import Allocation, Call
from qplug.store.addresses import write_addresses
from qplug.store.instance_marks import (
    end,
    enter,
    is_marked,
    leave,
    leave_for_later,
    marked,
    taken,
)
from qplug.store.marks import ENDED, Marks, postponed
from qplug.store.records import InstanceRecord, VifRecord, read_instance
from qplug.store.requests import note_done
from qplug.store.tables import instances
from qplug.store.vif_rows import delete_allocation, finish_vifs, insert_allocations

has_mark = sa.select(instances.c.id).where(is_marked)


class InstanceUpdates:
    """One command at a time changes an instance; it is shown meanwhile, as it was."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    def begin(
        self,
        call: Call,
        instance_id: str,
        epoch: int,
        written: Callable[[InstanceRecord], object] = lambda _: None,
    ) -> InstanceRecord:
        """Mark an active instance as ``updating`` and return its record.

        :param epoch: by which the same command is to end or cancel it
        :param written: called with what will be returned when only the commit is left
        :raises InstanceNotFound: there is none, or it is being deallocated
        :raises InstanceInTransition: another process works on it
        """

        def work(tx: Connection) -> InstanceRecord:
            mark = self._marks.new(call, epoch).columns() | {"state": "updating"}
            entered = tx.execute(enter, {"instance": instance_id} | mark).rowcount
            record = read_instance(tx, instance_id)
            if record is None or record.state == "deleting":
                raise InstanceNotFound(instance_id)
            if not entered:
                raise InstanceInTransition(instance_id, record.state)
            written(record)
            return record

        self._database.require_room()
        return self._database.write(call, work)

    def end(
        self,
        call: Call,
        known: InstanceRecord,
        *,
        added: Sequence[VifRecord] = (),
        removed: Sequence[Allocation] = (),
        attached: Sequence[VifRecord] = (),
        network_info: str | None = None,
    ) -> None:
        """Make the instance active again, with addresses added and removed.

        :param known: the record that :meth:`begin` or :meth:`resume` returned
        :param attached: vifs whose ports are other ones by now
        :param network_info: ``None`` keeps what is cached
        :raises FixedIpAlreadyInUse: the store knows another vif that has an added address
        :raises InstanceInTransition: another process works on it meanwhile
        """
        info = {} if network_info is None else {"network_info": network_info}

        def work(tx: Connection) -> None:
            end(tx, known.instance.id, "updating", known.epoch, **info)
            note_done(tx, call)
            for gone in removed:
                delete_allocation(tx, gone)
            insert_allocations(tx, added)
            finish_vifs(tx, attached)

        write_addresses(self._database, call, work, added)

    def has_ended(self, call: Call, instance_id: str, epoch: int) -> bool:
        """Say whether the mark that :meth:`begin` set is gone."""
        key = marked(instance_id, "updating", epoch)
        return self._database.read(call, lambda tx: tx.execute(has_mark, key).first() is None)

    def cancel(self, call: Call, instance_id: str, epoch: int) -> None:
        """Take away the mark that :meth:`begin` set, if it did and it is still there."""
        change = marked(instance_id, "updating", epoch) | {"state": "active"} | ENDED
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(leave, change))

    def postpone(
        self, call: Call, instance_id: str, epoch: int, failure: str, attempts: int = 0
    ) -> None:
        """Leave an instance marked, for whoever makes drivers and store agree again.

        :param attempts: how often that was tried before
        """
        change = marked(instance_id, "updating", epoch) | postponed(attempts, failure)
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(leave_for_later, change))

    def resume(
        self,
        call: Call,
        instance_id: str,
        written: Callable[[InstanceRecord], object] = lambda _: None,
    ) -> InstanceRecord | None:
        """Take over an instance that another command left ``updating``.

        :param written: as for :meth:`begin`
        :returns: its record; ``None`` if it is marked no longer
        :raises InstanceInTransition: somebody works on it
        """

        def work(tx: Connection) -> InstanceRecord | None:
            mark = self._marks.new(call)
            if taken(tx, self._marks, instance_id, mark, "updating", only=["updating"]) is None:
                return None
            record = read_instance(tx, instance_id)
            if record is not None:
                written(record)
            return record

        return self._database.write(call, work)
