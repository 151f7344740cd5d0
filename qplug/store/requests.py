"""What came of requests that were sent over the bus, so that a repeated one is not done twice."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database, clock
from qplug.errors import RequestIdReused, ResultLost
from qplug.model import Call
from qplug.store.claims import settled
from qplug.store.marks import Marks, judged, take, taker, until
from qplug.store.tables import requests
from qplug.store.worker import Worker

LOST = ""
"""The answer of a request that was done, until what came of it is kept."""

AT_ONCE = 1000
"""Rows that are deleted in one transaction."""


@dataclass(frozen=True)
class Begun:
    """The request is this process's to do."""

    epoch: int


@dataclass(frozen=True)
class Answered:
    """The request was done before."""

    answer: str


@dataclass(frozen=True)
class Running:
    """Another process does the request, or this one in another thread."""

    worker: str


class RequestStore:
    """Requests by their ids."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    def begin(self, call: Call, request_id: str, digest: str) -> Begun | Answered | Running:
        """Say whose a request is. One whose process died is given to who asks.

        :param digest: of all that is asked
        :raises RequestIdReused: something else was asked under that id
        :raises ResultLost: it was done, and nobody knows what came of it
        """
        mark = self._marks.new(call)
        known = {"id": request_id, "digest": digest, **mark.columns()}

        def work(tx: Connection) -> Begun | Answered | Running:
            found = tx.execute(_FIND, {"key": request_id}).one_or_none()
            if found is None:
                tx.execute(_ADD, known)
                return Begun(mark.epoch)
            if found.digest != digest:
                raise RequestIdReused(request_id)
            if found.answer:
                return Answered(found.answer)
            if not self._marks.is_free(found):
                return Running(found.worker)
            if found.answer == LOST:
                raise ResultLost(request_id)
            if take(tx, _TAKE, found, mark):
                return Begun(mark.epoch)
            return Running(found.worker)

        return settled(self._database, call, work)

    def end(self, call: Call, request_id: str, epoch: int, answer: str) -> None:
        """Keep what came of a request, unless another process has taken it over."""
        mine = sa.and_(requests.c.id == request_id, requests.c.epoch == epoch)
        change = requests.update().where(mine).values(answer=answer, worker=None, due=None)
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(change))

    def free_dead(self, call: Call) -> int:
        """Let others do what dead processes of this host were doing; return how many requests.

        Those on other hosts cannot see that they are dead, and would wait until their time is over.
        """
        query = sa.select(requests.c.id, requests.c.epoch, requests.c.worker).where(
            requests.c.worker.startswith(f"{self._marks.here.host} ", autoescape=True)
        )
        dead = [
            {"key": row.id, "seen": row.epoch}
            for row in self._database.select(call, query)
            if Worker.parsed(row.worker).is_dead(self._marks.here)
        ]
        if dead:
            self._database.write(call, lambda tx: tx.execute(_FREE, dead))
        return len(dead)

    def forget(self, call: Call, seconds: float) -> int:
        """Delete what came of old requests, and return how many there were.

        :param seconds: how long they are kept
        """
        old = (
            sa.select(requests.c.id)
            .where(requests.c.created_at <= clock() - seconds)
            .order_by(requests.c.created_at)
            .limit(AT_ONCE)
        )
        ids = self._database.read(call, lambda tx: tx.execute(old).scalars().all())
        gone = requests.delete().where(requests.c.id.in_(ids))
        if ids:
            self._database.write(call, lambda tx: tx.execute(gone))
        return len(ids)


def note_done(tx: Connection, call: Call) -> None:
    """Note in the transaction that does a request that it is done, if doing it twice did harm."""
    if call.once is not None:
        tx.execute(_DONE, {"key": call.once})


_FIND = judged(requests)
_DONE = requests.update().where(requests.c.id == sa.bindparam("key")).values(answer=LOST)
_ADD = requests.insert().values(due=until, created_at=clock())
_TAKE = taker(requests)
_FREE = (
    requests.update()
    .where(requests.c.id == sa.bindparam("key"), requests.c.epoch == sa.bindparam("seen"))
    .values(worker=None)
)
