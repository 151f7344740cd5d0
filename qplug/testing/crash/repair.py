"""What another process does about work that one has left, or is kept from doing."""

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.api import NetworkApi
from qplug.store.tables import instances, networks, tombstones
from qplug.testing.crash.operations import Operation
from qplug.testing.crash.stage import Stage
from qplug.testing.processes import in_child
from qplug.testing.values import call

RELEASED = "released"
"""The state of what is only released once more, in case of late work."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Remedy = Callable[[Stage, NetworkApi, Operation], None]


def applied(stage: Stage, operation: Operation, *remedies: Remedy) -> None:
    """Apply remedies in a new process, one after the other."""

    def work() -> None:
        with stage.opened() as opened:
            for remedy in remedies:
                remedy(stage, opened.api, operation)

    ended = in_child(work)
    assert ended.status == 0, ended.said


def finish(stage: Stage, api: NetworkApi, operation: Operation) -> None:
    """Finish what is unfinished."""
    api.retry_pending()


def repeat(stage: Stage, api: NetworkApi, operation: Operation) -> None:
    """Do the same once more, as a user does; it succeeds like the first time."""
    operation.repeat(api)
    assert operation.stands(api), f"'{operation}' is repeated, and not done"
    left = [work for work in api.get_pending() if work.state != RELEASED]
    assert not left, f"'{operation}' is repeated, and {left} is left"


def wait_in_vain(stage: Stage, api: NetworkApi, operation: Operation) -> None:
    """See that what a process may yet do that stands still is not forgotten."""
    before = _tombstones(stage)
    let_a_minute_pass(stage)
    finish(stage, api, operation)
    assert _tombstones(stage) == before, "late work of a process is not waited for that may do it"


def let_a_minute_pass(stage: Stage) -> None:
    """Have all tombstones due by the database's clock, and not by waiting."""
    stage.tables.write(call(), lambda tx: tx.execute(tombstones.update().values(due=LONG_AGO)))


def let_time_end(stage: Stage, worker: int) -> None:
    """Have the deadline of a process passed by the database's clock, and not by waiting."""

    def work(tx: Connection) -> None:
        for table in (instances, networks):
            is_its = table.c.worker.contains(f" {worker} ")
            tx.execute(table.update().where(is_its).values(due=LONG_AGO))

    stage.tables.write(call(), work)


def _tombstones(stage: Stage) -> frozenset[str]:
    rows = stage.tables.select(call(), sa.select(tombstones.c.id))
    return frozenset(row.id for row in rows)
