"""All work that is unfinished: what commands do just now, what they left, and what waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.model import Call
from qplug.store.marks import Marks, overdue
from qplug.store.tables import instances, networks, tombstones

FIRST = 1000
"""How many of each kind a command looks at before its own work, at most."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A row in between, or a tombstone."""

    kind: str
    """``instance``, ``network``, or ``vif``, which is only ever released once more."""
    id: str
    name: str | None
    project_id: str | None
    state: str
    """``building``, ``updating``, ``deleting``, or ``released`` of a tombstone."""
    worker: str | None
    """The process that works on it, or did; ``None`` if it waits for its next try."""
    is_free: bool
    """Whether nobody works on it: there is no worker, it is dead, or its time is over."""
    is_due: bool
    """Whether it is to be taken up: it is free, and does not wait for a later time."""
    due: datetime
    attempts: int
    error: str | None
    created_at: datetime


class WorkStore:
    """Reads unfinished work of every kind."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    def all(self, call: Call) -> Sequence[Work]:
        """Return all that is unfinished, by the time it is due."""
        return self._found(call, EACH)

    def first(self, call: Call) -> Sequence[Work]:
        """Return what is due first, by that time, though not more than can be looked through."""
        return self._found(call, EACH_FIRST)

    def of(self, call: Call, key: str) -> Sequence[Work]:
        """Return what is unfinished of an id."""
        return self._found(call, EACH_OF_ONE, key=key)

    def _found(
        self, call: Call, queries: Mapping[str, sa.Select[Any]], **parameters: str
    ) -> Sequence[Work]:
        def read(tx: Connection) -> Sequence[Work]:
            return [
                self._work(row)
                for query in queries.values()
                for row in tx.execute(query, parameters)
            ]

        return sorted(self._database.read(call, read), key=lambda work: work.due)

    def _work(self, row: sa.Row[Any]) -> Work:
        is_free = self._marks.is_free(row)
        return Work(
            kind=row.kind,
            id=row.id,
            name=row.name,
            project_id=row.project_id,
            state=row.state,
            worker=row.worker,
            is_free=is_free,
            is_due=bool(row.overdue) or (is_free and row.worker is not None),
            due=row.due,
            attempts=row.attempts,
            error=row.error,
            created_at=row.created_at,
        )


def _query(
    table: sa.Table,
    kind: sa.ColumnElement[Any],
    name: sa.ColumnElement[Any],
    state: sa.ColumnElement[Any],
) -> sa.Select[Any]:
    of_all = ("id", "project_id", "epoch", "worker", "due", "attempts", "error", "created_at")
    told = (kind.label("kind"), name.label("name"), state.label("state"))
    columns = (*(table.c[each] for each in of_all), *told)
    return sa.select(*columns, overdue(table)).where(table.c.due.is_not(None))


TABLES = {"instance": instances, "network": networks, "late": tombstones}
# Made once, which takes longer than to run them.
EACH = {
    "instance": _query(instances, sa.literal("instance"), instances.c.name, instances.c.state),
    "network": _query(networks, sa.literal("network"), networks.c.label, networks.c.state),
    "late": _query(tombstones, tombstones.c.kind, sa.null(), sa.literal("released")),
}
EACH_FIRST = {kind: query.order_by(TABLES[kind].c.due).limit(FIRST) for kind, query in EACH.items()}
EACH_OF_ONE = {
    kind: query.where(TABLES[kind].c.id == sa.bindparam("key")) for kind, query in EACH.items()
}
