"""Records of instances, their vifs and addresses, and the states between two commands."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.db import Database
from qplug.errors import FixedIpAlreadyInUse, InstanceInTransition, InstanceNotFound, MacInUse
from qplug.model import Allocation, Call, Instance, Vif
from qplug.store.marks import ENDED, Mark, Marks, judged, postponed, take, taker, until
from qplug.store.records import (
    InstanceRecord,
    Leaving,
    VifRecord,
    read_instance,
    vifs_of_instance,
)
from qplug.store.rows import instance_row
from qplug.store.tables import instances, vifs
from qplug.store.tombstones import bury_vifs
from qplug.store.vif_rows import (
    are_leaving,
    delete_allocation,
    delete_released,
    finish_vifs,
    hide_vifs,
    insert_allocations,
    insert_vifs,
)

LEAVING_POLL = 0.02
"""Seconds, at most, between two looks at an address that another command is about to forget."""

# Statements are made once, which takes longer than to run them.
is_it = instances.c.id == sa.bindparam("instance")
is_marked = sa.and_(
    is_it, instances.c.state == sa.bindparam("was"), instances.c.epoch == sa.bindparam("known")
)
owner_of = sa.select(instances.c.project_id).where(is_it)
judge = judged(instances)
take_over = taker(instances)
new_instance = instances.insert().values(due=until)
leave = instances.update().where(is_marked)
leave_for_later = leave.values(due=until)
enter = instances.update().where(is_it, instances.c.state == "active").values(due=until)
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

    def get(self, call: Call, instance_id: str) -> InstanceRecord | None:
        """Return the record of an instance in any state; ``None`` if there is none."""
        return self._database.read(call, lambda tx: read_instance(tx, instance_id))

    def owner(self, call: Call, instance_id: str) -> str | None:
        """Return the project of an instance in any state; ``None`` if there is none."""
        found = self._database.select(call, owner_of, {"instance": instance_id})
        return found[0].project_id if found else None

    # --- allocating ---

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
            _leave(tx, instance_id, "building", epoch, network_info=network_info)
            insert_allocations(tx, built)
            finish_vifs(tx, built)

        self._changing_addresses(call, work, built)

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

    # --- changing ---

    def begin_update(
        self,
        call: Call,
        instance_id: str,
        epoch: int,
        written: Callable[[], object] = lambda: None,
    ) -> InstanceRecord:
        """Mark an active instance as ``updating`` and return its record.

        :param epoch: by which the same command is to end or cancel it
        :param written: called when only the commit is left
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
            written()
            return record

        self._database.require_room()
        return self._database.write(call, work)

    def end_update(
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

        :param known: the record that :meth:`begin_update` returned
        :param attached: vifs whose ports are other ones by now
        :param network_info: ``None`` keeps what is cached
        :raises FixedIpAlreadyInUse: the store knows another vif that has an added address
        :raises InstanceInTransition: another process works on it meanwhile
        """
        info = {} if network_info is None else {"network_info": network_info}

        def work(tx: Connection) -> None:
            _leave(tx, known.instance.id, "updating", known.epoch, **info)
            for gone in removed:
                delete_allocation(tx, gone)
            insert_allocations(tx, added)
            finish_vifs(tx, attached)

        self._changing_addresses(call, work, added)

    def has_ended(self, call: Call, known: InstanceRecord) -> bool:
        """Say whether the mark that :meth:`begin_update` set is gone."""
        key = _mark(known.instance.id, "updating", known.epoch)
        marked = sa.select(instances.c.id).where(is_marked)
        return self._database.read(call, lambda tx: tx.execute(marked, key).first() is None)

    def cancel_update(self, call: Call, instance_id: str, epoch: int) -> None:
        """Take away the mark that :meth:`begin_update` set, if it did and it is still there."""
        change = _mark(instance_id, "updating", epoch) | {"state": "active"} | ENDED
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(leave, change))

    def postpone_update(
        self, call: Call, instance_id: str, epoch: int, failure: str, attempts: int = 0
    ) -> None:
        """Leave an instance marked, for whoever makes drivers and store agree again.

        :param attempts: how often that was tried before
        """
        change = _mark(instance_id, "updating", epoch) | postponed(attempts, failure)
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(leave_for_later, change))

    def cache_info(self, call: Call, known: InstanceRecord, network_info: str) -> None:
        """Keep the network info of an active instance, unless it changed since it was read."""
        change = _mark(known.instance.id, "active", known.epoch) | {"network_info": network_info}
        self._database.write(call, lambda tx: tx.execute(leave, change))

    # --- deallocating ---

    def begin_delete(
        self,
        call: Call,
        instance_id: str,
        written: Callable[[Leaving], object] = lambda _: None,
    ) -> Leaving | None:
        """Mark an instance and its vifs as ``deleting`` and return them; ``None`` without one.

        One on which nobody works any more is taken over, in whatever state it was left.

        :param written: called with what will be returned when only the commit is left
        :raises InstanceInTransition: it is being built, changed or released by another process
        """
        key = {"instance": instance_id}

        def work(tx: Connection) -> Leaving | None:
            mark, found = self._marks.new(call), None
            if not tx.execute(enter, key | mark.columns() | {"state": "deleting"}).rowcount:
                found = tx.execute(judge, {"key": instance_id}).one_or_none()
                if found is None:
                    return None
                if not self._taken(tx, found, mark, "deleting"):
                    raise InstanceInTransition(instance_id, found.state)
            hide_vifs(tx, instance_id)
            leaving = Leaving(
                instance_id=instance_id,
                epoch=mark.epoch,
                attempts=0 if found is None else found.attempts,
                half_built=found is not None and found.state == "building",
                vifs=vifs_of_instance.read(tx, **key),
            )
            written(leaving)
            return leaving

        return self._database.write(call, work)

    def forget(self, call: Call, known: Leaving, left: Sequence[VifRecord], failure: str) -> None:
        """Remove what was released of an instance, and the instance with its last vif.

        :param left: those vifs of which something is left, with the addresses that are
        :param failure: why, if so; what is left is tried again
        """
        kept = {record.vif.id for record in left}
        held = {record.vif.id for record in left if record.allocations}
        ids = {record.vif.id for record in known.vifs}
        mine = _mark(known.instance_id, "deleting", known.epoch)
        later = mine | postponed(known.attempts, failure)

        def work(tx: Connection) -> None:
            if left:
                tx.execute(leave_for_later, later)
            delete_released(tx, known.instance_id, gone=ids - kept, freed=ids - held)

        with self._marks.leaving(known.epoch):
            self._database.write(call, work)

    def postpone_delete(self, call: Call, known: Leaving, failure: str) -> None:
        """Leave an instance marked, with all that is not known to be released."""
        mine = _mark(known.instance_id, "deleting", known.epoch)
        later = mine | postponed(known.attempts, failure)
        with self._marks.leaving(known.epoch):
            self._database.write(call, lambda tx: tx.execute(leave_for_later, later))

    # --- taking over ---

    def resume_update(self, call: Call, instance_id: str) -> tuple[InstanceRecord, int] | None:
        """Take over an instance that another command left ``updating``.

        :returns: its record and how often it was tried; ``None`` if it is marked no longer
        :raises InstanceInTransition: somebody works on it
        """

        def work(tx: Connection) -> tuple[InstanceRecord, int] | None:
            found = tx.execute(judge, {"key": instance_id}).one_or_none()
            if found is None or found.state != "updating":
                return None
            if not self._taken(tx, found, self._marks.new(call), "updating"):
                raise InstanceInTransition(instance_id, found.state)
            record = read_instance(tx, instance_id)
            return None if record is None else (record, found.attempts)

        return self._database.write(call, work)

    def _taken(self, tx: Connection, found: sa.Row[Any], mark: Mark, state: str) -> bool:
        """Take over an instance on which nobody works, and say whether that was done."""
        if not self._marks.is_free(found):
            return False
        if not take(tx, take_over, found, mark, state=state):
            return False
        if found.state != "deleting":  # who only releases does no harm, however late
            bury_vifs(tx, found.id, found.worker)
        return True

    def _changing_addresses(
        self, call: Call, work: Callable[[Connection], None], added: Sequence[VifRecord]
    ) -> None:
        """Write addresses, once whoever had them before has been forgotten.

        The work asks first for the mark, without which there may be no vif to write them for.

        IPAM takes an address back, and may give it again, before that command writes so here.
        """
        while True:
            try:
                return self._database.write(call, work)
            except IntegrityError as error:
                leaving = self._database.read(call, lambda tx: are_leaving(tx, added))
                if not (leaving and call.remaining()):
                    given = ", ".join(
                        sorted({str(a.address) for one in added for a in one.allocations})
                    )
                    raise FixedIpAlreadyInUse(given, "the store has it for another vif") from error
            time.sleep(random.uniform(0, LEAVING_POLL))  # noqa: S311  # jitter, no secret


def _mark(instance_id: str, state: str, epoch: int) -> dict[str, Any]:
    """Return the parameters of ``is_marked``."""
    return {"instance": instance_id, "was": state, "known": epoch}


def _leave(tx: Connection, instance_id: str, state: str, epoch: int, **columns: Any) -> None:
    change = _mark(instance_id, state, epoch) | {"state": "active"} | ENDED | columns
    if not tx.execute(leave, change).rowcount:
        raise InstanceInTransition(instance_id, "taken over by another command")
