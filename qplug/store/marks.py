"""What a row says of the work that is done on it, and how it is taken over.

A command writes its epoch, its process and a deadline into the row it works on. Whoever finds one
on which nobody works any more puts its own there, in one statement that asks for the epoch it saw:
of several only one succeeds, and the old worker, should it wake up, cannot end what it began.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from qplug.db import clock
from qplug.model import Call
from qplug.store.records import new_epoch
from qplug.store.worker import Worker, this_worker
from qplug.text import masked

GRACE = 60.0
"""Seconds that a worker has for undoing after its operation's deadline, before others may act."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
"""Seconds between two tries of what could not be finished; each pause is twice the one before."""

ERROR_LENGTH = 2000

until = clock() + sa.bindparam("seconds", type_=sa.Double)
"""A moment from now on, for the column ``due``."""

ENDED: dict[str, Any] = {"worker": None, "due": None, "attempts": 0, "error": None}
"""The columns of a row on which no work is left."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What one command writes into a row, by which it is known to be the one that works on it."""

    epoch: int
    worker: str
    seconds: float

    def columns(self) -> dict[str, Any]:
        """Return the parameters of a statement that has :data:`until` in it."""
        return {"epoch": self.epoch, "worker": self.worker, "seconds": self.seconds}


class Marks:
    """Makes the marks of this process, and judges those of others."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._left: set[int] = set()

    def new(self, call: Call, epoch: int | None = None) -> Mark:
        """Return a mark that lasts until after the deadline of the call."""
        return Mark(
            epoch=new_epoch() if epoch is None else epoch,
            worker=str(self.here),
            seconds=call.remaining() + GRACE,
        )

    @property
    def here(self) -> Worker:
        """The process that asks."""
        return this_worker(self._host)

    @contextmanager
    def leaving(self, epoch: int) -> Iterator[None]:
        """Write inside of this that a command of this process does no more of its work.

        Where that cannot be written, this process knows it all the same.
        """
        try:
            yield
        except BaseException:
            self._left.add(epoch)
            raise

    def is_free(self, row: Row[Any]) -> bool:
        """Say whether nobody works on a row: it has ``worker``, ``epoch`` and ``overdue``."""
        if row.worker is None or row.overdue or row.epoch in self._left:
            return True
        return Worker.parsed(row.worker).is_dead(self.here)


def judged(table: sa.Table) -> sa.Select[Any]:
    """Return the statement that reads of one row what :meth:`Marks.is_free` and a takeover need."""
    return sa.select(table, overdue(table)).where(table.c.id == sa.bindparam("key"))


def overdue(table: sa.Table) -> sa.Label[Any]:
    """Return the column that says whether a row's time is over."""
    return sa.func.coalesce(table.c.due <= clock(), sa.false()).label("overdue")


def taker(table: sa.Table) -> sa.Update:
    """Return the statement that puts a mark in the place of another one, whose epoch was seen.

    Not where that work has ended meanwhile, which leaves its epoch there.
    """
    seen = sa.and_(table.c.id == sa.bindparam("key"), table.c.epoch == sa.bindparam("seen"))
    return table.update().where(seen, table.c.due.is_not(None)).values(due=until)


def take(
    tx: Connection, statement: sa.Update, found: Row[Any], mark: Mark, **columns: object
) -> bool:
    """Take over a row that was found, and say whether nobody else did."""
    change = mark.columns() | {"key": found.id, "seen": found.epoch}
    return tx.execute(statement, change | columns).rowcount > 0


def postponed(attempts: int, error: str) -> dict[str, Any]:
    """Return the parameters of a statement with :data:`until` that leaves a row for later.

    :param attempts: how often it was tried before
    """
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 20))
    jitter = random.uniform(0.9, 1.1)  # noqa: S311  # no secret
    return {
        "worker": None,
        "seconds": pause * jitter,
        "attempts": attempts + 1,
        "error": masked(error)[:ERROR_LENGTH],
    }
