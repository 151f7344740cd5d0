"""What was taken over from a command whose last call of a driver may yet have its effect."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database, clock
from qplug.errors import InstanceInTransition
from qplug.model import Call, Network
from qplug.store.marks import Marks, judged, postponed, take, taker, until
from qplug.store.records import new_epoch, vifs_of_instance
from qplug.store.tables import tombstones
from qplug.store.worker import Worker

LATE = 60.0
"""Seconds after which what a dead worker had sent was done, or never will be."""

LONGEST = 24 * 3600.0
"""Seconds after which a worker counts as dead that nobody can look for."""

judge = judged(tombstones)
take_over = taker(tombstones)
bury = tombstones.insert().values(due=until, created_at=clock())
is_older = tombstones.c.id.in_(sa.bindparam("ids", expanding=True))
suspects_of = sa.select(tombstones.c.id, tombstones.c.suspects).where(is_older)
older = tombstones.delete().where(is_older)
is_mine = sa.and_(
    tombstones.c.id == sa.bindparam("key"), tombstones.c.epoch == sa.bindparam("seen")
)
remove = tombstones.delete().where(is_mine)
leave_for_later = tombstones.update().where(is_mine).values(due=until)
has_rest = sa.select(sa.type_coerce(tombstones.c.created_at, sa.Double) + LONGEST <= clock()).where(
    is_mine
)


@dataclass(frozen=True, kw_only=True)
class Tombstone:
    """What is to be released once more, though it is gone."""

    id: str
    kind: str
    """``vif``, or ``network`` for one that was being made or changed."""
    epoch: int
    attempts: int
    details: Mapping[str, Any]
    """What the store knew of it."""
    final: bool
    """Whether nothing can come after this."""


def bury_vifs(tx: Connection, instance_id: str, suspect: str | None) -> None:
    """Note the vifs of an instance that is taken over.

    :param suspect: the worker from whom; one that gave up itself has nothing under way
    """
    _bury(
        tx,
        suspect,
        {
            one.vif.id: {
                "kind": "vif",
                "project_id": one.vif.project_id,
                "details": {
                    "project_id": one.vif.project_id,
                    "instance_id": one.vif.instance_id,
                    "mac": str(one.vif.mac),
                    "port_id": one.port_id,
                    "network_id": one.network.id,
                    "label": one.network.label,
                    "quantum_project": one.network.quantum_project,
                },
            }
            for one in vifs_of_instance.read(tx, instance=instance_id)
        },
    )


def bury_network(tx: Connection, network: Network, suspect: str | None) -> None:
    """Note a network that is taken over while it is made or changed."""
    details = {
        "project_id": network.project_id,
        "label": network.label,
        "quantum_project": network.quantum_project,
        "adopted": network.adopted,
    }
    stone = {"kind": "network", "project_id": network.project_id, "details": details}
    _bury(tx, suspect, {network.id: stone})


def _bury(tx: Connection, suspect: str | None, stones: Mapping[str, Mapping[str, Any]]) -> None:
    if suspect is None or not stones:
        return
    ids = {"ids": sorted(stones)}
    before = {row.id: json.loads(row.suspects) for row in tx.execute(suspects_of, ids)}
    tx.execute(older, ids)
    for key, stone in stones.items():
        suspects = sorted({suspect, *before.get(key, ())})
        texts = {"details": json.dumps(stone["details"]), "suspects": json.dumps(suspects)}
        tx.execute(bury, {**stone, **texts, "id": key, "epoch": new_epoch(), "seconds": LATE})


class Tombstones:
    """Work that is done once more when it is due."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    def take(
        self, call: Call, key: str, written: Callable[[Tombstone], object] = lambda _: None
    ) -> Tombstone | None:
        """Take one over; ``None`` if it is there no more.

        :param written: called with what will be returned when only the commit is left
        :raises InstanceInTransition: somebody works on it
        """

        def work(tx: Connection) -> Tombstone | None:
            found = tx.execute(judge, {"key": key}).one_or_none()
            if found is None:
                return None
            mark = self._marks.new(call)
            if not self._marks.is_free(found) or not take(tx, take_over, found, mark):
                raise InstanceInTransition(key, "released")
            old = tx.execute(has_rest, {"key": key, "seen": mark.epoch}).scalar_one()
            suspects = map(Worker.parsed, json.loads(found.suspects))
            dead = all(one.is_dead(self._marks.here) for one in suspects)
            stone = Tombstone(
                id=found.id,
                kind=found.kind,
                epoch=mark.epoch,
                attempts=found.attempts,
                details=json.loads(found.details),
                final=bool(old or (dead and found.overdue)),
            )
            written(stone)
            return stone

        return self._database.write(call, work)

    def remove(self, call: Call, stone: Tombstone) -> None:
        """Forget one that was taken, unless it was taken over or buried anew since."""
        mine = {"key": stone.id, "seen": stone.epoch}
        with self._marks.leaving(stone.epoch):
            self._database.write(call, lambda tx: tx.execute(remove, mine))

    def postpone(self, call: Call, stone: Tombstone, failure: str | None) -> None:
        """Keep one for later.

        :param failure: why it could not be released; ``None`` if it was, but may come back
        """
        later = postponed(stone.attempts, failure or "")
        if failure is None:
            later["error"] = None
        change = later | {"key": stone.id, "seen": stone.epoch}
        with self._marks.leaving(stone.epoch):
            self._database.write(call, lambda tx: tx.execute(leave_for_later, change))
