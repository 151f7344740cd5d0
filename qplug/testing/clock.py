"""What the real world brings into a manager, made repeatable."""

import random
from collections.abc import Callable, Iterator
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
    """Those that were committed."""
    rollbacks = 0

    def clear(self) -> None:
        """Forget what was sent so far."""
        super().clear()
        self.transactions = self.rollbacks = 0


@contextmanager
def counted_statements() -> Iterator[Statements]:
    """Note all SQL that this process sends, by whatever engine, and how its transactions end."""
    seen = Statements()

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.upper().startswith(CONTROL):
            seen.append(statement)

    def committed(_: Any) -> None:
        seen.transactions += 1

    def rolled_back(_: Any) -> None:
        seen.rollbacks += 1

    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": note,
        "commit": committed,
        "rollback": rolled_back,
    }
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield seen
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)
