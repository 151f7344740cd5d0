"""Something that strikes the database at every moment of an operation in turn."""

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


class Moments:
    """Strikes once at one of the moments, which are counted from 0 on.

    They are before a statement is sent, before a commit is, and after one was done.

    :param strike: what is done then, to the connection that is in use
    """

    def __init__(self, strike: Callable[[Any], object]) -> None:
        self._strike = strike
        self._left = -1
        self._struck = False

    def each_of(self, act: Callable[[], T]) -> Iterator[T | Unavailable]:
        """Do something, struck at each of its moments in turn, and yield its outcome.

        What is not Unavailable passes. The last time nothing strikes it, and it must succeed.
        """
        for number in range(MANY):
            self._left, self._struck = number, False
            outcome: T | Unavailable
            try:
                outcome = act()
            except Unavailable as error:
                outcome = error
            self._left = -1
            if not self._struck:
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
            connection.cursor().execute("SELECT 1")  # the driver's own words, if it lost the answer

    def _moment(self, connection: Any) -> bool:
        self._left -= 1
        if self._left != -1:
            return False
        self._struck = True
        self._strike(connection.driver_connection)
        return True


@contextmanager
def moments(strike: Callable[[Any], object]) -> Iterator[Moments]:
    """Yield what strikes operations of this process, and stop it."""
    found = Moments(strike)
    event.listen(Engine, "before_cursor_execute", found.before_statement)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DefaultDialect, "do_commit", lambda _, connection: found.commit(connection))
        try:
            yield found
        finally:
            event.remove(Engine, "before_cursor_execute", found.before_statement)


@contextmanager
def killer(url: URL) -> Iterator[Callable[[Any], None]]:
    """Yield what has a server end a connection, as when it restarts."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")

    def kill(connection: Any) -> None:
        if engine.name == "postgresql":
            statement = f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)"
        else:
            statement = f"KILL {connection.thread_id()}"
        raw = engine.raw_connection()  # its statements are no moments
        raw.cursor().execute(statement)
        raw.close()

    yield kill
    engine.dispose()
