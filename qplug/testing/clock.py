"""What the real world brings into a manager, made repeatable."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.engine import Engine

from qplug.testing.values import NOW

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SET TRANSACTION")


class Clock:
    """A clock that stands still until it is turned; calling it tells the time."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time, aware and in UTC."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Turn it forward."""
        self.now += timedelta(seconds=seconds)


class Ids:
    """Makes uuids that are the same in every run and never repeat in one."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def __call__(self) -> str:
        """Return a random-looking uuid."""
        return str(UUID(int=self._random.getrandbits(128), version=4))


class Statements(list[str]):
    """The SQL sent since it was last cleared, without what only begins and ends transactions."""

    transactions = 0

    def clear(self) -> None:
        """Forget what was sent so far."""
        super().clear()
        self.transactions = 0


@contextmanager
def counted_statements() -> Iterator[Statements]:
    """Note all SQL that this process sends, by whatever engine, and how many transactions."""
    seen = Statements()

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.upper().startswith(CONTROL):
            seen.append(statement)

    def ended(_: Any) -> None:
        seen.transactions += 1

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "commit", ended)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        event.remove(Engine, "commit", ended)
