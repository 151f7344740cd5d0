"""Releasing an instance: hidden before the first step, forgotten vif by vif after the last."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.model import Call
from qplug.store.instance_marks import enter, leave_for_later, marked, taken
from qplug.store.marks import Mark, Marks, postponed
from qplug.store.records import Leaving, VifRecord, vifs_of_instance
from qplug.store.vif_rows import delete_released, hide_vifs

Written = Callable[[Leaving], object]


class InstanceReleases:
    """One command at a time releases an instance; nobody is shown it from then on."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    def begin(
        self, call: Call, instance_id: str, written: Written = lambda _: None
    ) -> Leaving | None:
        """Mark an instance and its vifs as ``deleting`` and return them; ``None`` without one.

        One on which nobody works any more is taken over, in whatever state it was left.

        :param written: called with what will be returned when only the commit is left
        :raises InstanceInTransition: it is being built, changed or released by another process
        """

        def work(tx: Connection) -> Leaving | None:
            mark, found = self._marks.new(call), None
            entering = mark.columns() | {"instance": instance_id, "state": "deleting"}
            if not tx.execute(enter, entering).rowcount:
                found = taken(tx, self._marks, instance_id, mark, "deleting")
                if found is None:
                    return None
            return _leaving(tx, instance_id, mark, found, written)

        return self._database.write(call, work)

    def resume(
        self, call: Call, instance_id: str, written: Written = lambda _: None
    ) -> Leaving | None:
        """Take over an instance that another command left ``building`` or ``deleting``.

        :param written: as for :meth:`begin`
        :returns: ``None`` if it is in neither state by now: it may be there again, and used
        :raises InstanceInTransition: somebody works on it
        """
        hidden = ["building", "deleting"]

        def work(tx: Connection) -> Leaving | None:
            mark = self._marks.new(call)
            found = taken(tx, self._marks, instance_id, mark, "deleting", only=hidden)
            return None if found is None else _leaving(tx, instance_id, mark, found, written)

        return self._database.write(call, work)

    def forget(self, call: Call, known: Leaving, left: Sequence[VifRecord], failure: str) -> None:
        """Remove what was released of an instance, and the instance with its last vif.

        :param left: those vifs of which something is left, with the addresses that are
        :param failure: why, if so; what is left is tried again
        """
        kept = {record.vif.id for record in left}
        held = {record.vif.id for record in left if record.allocations}
        ids = {record.vif.id for record in known.vifs}
        mine = marked(known.instance_id, "deleting", known.epoch)
        later = mine | postponed(known.attempts, failure)

        def work(tx: Connection) -> None:
            if left:
                tx.execute(leave_for_later, later)
            delete_released(tx, known.instance_id, gone=ids - kept, freed=ids - held)

        with self._marks.leaving(known.epoch):
            self._database.write(call, work)

    def postpone(self, call: Call, known: Leaving, failure: str) -> None:
        """Leave an instance marked, with all that is not known to be released."""
        mine = marked(known.instance_id, "deleting", known.epoch)
        later = mine | postponed(known.attempts, failure)
        with self._marks.leaving(known.epoch):
            self._database.write(call, lambda tx: tx.execute(leave_for_later, later))


def _leaving(
    tx: Connection, instance_id: str, mark: Mark, found: sa.Row[Any] | None, written: Written
) -> Leaving:
    """Hide the vifs of an instance that is marked as being released, and return them.

    :param found: how it was found, if another command had marked it before
    """
    hide_vifs(tx, instance_id)
    records = vifs_of_instance.read(tx, instance=instance_id)
    leaving = Leaving(
        instance_id=instance_id,
        epoch=mark.epoch,
        attempts=0 if found is None else found.attempts,
        half_built=all(record.port_id is None for record in records),
        vifs=records,
    )
    written(leaving)
    return leaving
