"""How many rows a database reads for something, as it says itself."""

import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

STEPS_OF_A_ROW = 10
"""SQLite counts its machine's steps; reading a row takes it about as many."""

OTHERS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid()"
)
READ = {
    "postgresql": "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables",
    "mysql": "SELECT coalesce(sum(rows_read), 0) FROM information_schema.table_statistics "
    "WHERE table_schema = database()",
}


class Reading:
    """Counts the rows that are read in one database, by whatever connection.

    :param settle: has everybody close what they have open, since PostgreSQL counts late
    """

    def __init__(self, engine: Engine, settle: Callable[[], None]) -> None:
        self._engine = engine
        self._settle = settle
        self._steps = 0
        self._known: Set[int] = frozenset()
        if engine.dialect.name == "postgresql":
            settle()
            with engine.connect() as connection:
                self._known = self._others(connection)

    def of(self, act: Callable[[], object]) -> int:
        """Return how many rows are read while something is done."""
        if self._engine.dialect.name == "sqlite":
            return self._steps_of(act) // STEPS_OF_A_ROW
        before = self._read()
        act()
        return self._read() - before

    def _read(self) -> int:
        self._settle()
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                self._wait(connection)
            return int(connection.exec_driver_sql(READ[self._engine.dialect.name]).scalar_one())

    def _wait(self, connection: sa.Connection) -> None:
        until = time.monotonic() + 30
        while self._others(connection) - self._known:
            assert time.monotonic() < until, "a connection stays open, whose rows nobody counted"
            connection.rollback()
            time.sleep(0.02)
        connection.rollback()

    def _others(self, connection: sa.Connection) -> Set[int]:
        return set(connection.exec_driver_sql(OTHERS).scalars())

    def _steps_of(self, act: Callable[[], object]) -> int:
        self._steps = 0
        event.listen(Engine, "before_cursor_execute", self._watch)
        try:
            act()
        finally:
            event.remove(Engine, "before_cursor_execute", self._watch)
        return self._steps

    def _watch(self, _: object, cursor: object, *__: object) -> None:
        def step() -> None:
            self._steps += 1

        cursor.connection.set_progress_handler(step, 1)  # type: ignore[attr-defined]  # sqlite3's


@contextmanager
def statistics_of_tables(engine: Engine) -> Iterator[None]:
    """Have MariaDB count the rows it reads, which it else does not."""
    if engine.dialect.name != "mysql":
        yield
        return
    with engine.connect() as connection:
        before = connection.exec_driver_sql("SELECT @@GLOBAL.userstat").scalar_one()
        connection.exec_driver_sql("SET GLOBAL userstat = 1")
        yield
        connection.exec_driver_sql(f"SET GLOBAL userstat = {before}")


def analyze(engine: Engine) -> None:
    """Have PostgreSQL look at the tables, without whose statistics it guesses badly."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
