"""Connections that a server ends, at every moment of an operation in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.engine.default import DefaultDialect

from qplug.errors import Unavailable

T = TypeVar("T")

FEW, MANY = 10, 200
"""Every operation has more moments than the one, and less than the other."""


class Killer:
    """Ends whatever connection is in use at one moment, counted from 0 on.

    Moments are before a statement is sent, before a commit is, and after one was done, so that its
    answer is lost.
    """

    def __init__(self, url: URL) -> None:
        self._admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        self._left = -1
        self.killed = 0

    def each_moment_of(self, act: Callable[[], T]) -> Iterator[T | Unavailable]:
        """Do something with its connection ended at each moment in turn, and yield its outcome.

        What is not Unavailable passes. The last time nothing happens to it, and it must succeed.
        """
        for number in range(MANY):
            self._left, before = number, self.killed
            outcome: T | Unavailable
            try:
                outcome = act()
            except Unavailable as error:
                outcome = error
            self._left = -1
            if self.killed == before:
                assert not isinstance(outcome, Unavailable)
                assert number > FEW
                return
            yield outcome
        raise AssertionError("there is no end of moments")

    def before_statement(self, connection: sa.Connection, *_: object) -> None:
        """Count a statement that is about to be sent."""
        self._moment(connection.connection)

    def commit(self, connection: Any) -> None:
        """Count a commit, do it, and count it again."""
        self._moment(connection)
        connection.commit()
        if self._moment(connection):
            connection.cursor().execute("SELECT 1")  # the driver's own words for a lost answer

    def _moment(self, connection: Any) -> bool:
        self._left -= 1
        if self._left != -1:
            return False
        self.kill(connection.driver_connection)
        return True

    def kill(self, connection: Any) -> None:
        """Have the server end a connection."""
        self.killed += 1
        if self._admin.name == "postgresql":
            statement = f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)"
        else:
            statement = f"KILL {connection.thread_id()}"
        raw = self._admin.raw_connection()  # not counted
        raw.cursor().execute(statement)
        raw.close()

    def close(self) -> None:
        self._admin.dispose()


@contextmanager
def killing(url: URL) -> Iterator[Killer]:
    """Yield what ends connections of this process, and stop it."""
    killer = Killer(url)
    event.listen(Engine, "before_cursor_execute", killer.before_statement)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DefaultDialect, "do_commit", lambda _, used: killer.commit(used))
        try:
            yield killer
        finally:
            event.remove(Engine, "before_cursor_execute", killer.before_statement)
            killer.close()
