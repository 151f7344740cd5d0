"""Engines, transactions and retries."""

import os
import random
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import StaticPool

from qplug.db.failures import may_pass, name_of, translated, translating
from qplug.db.migrate import Migrations, current, ensure, upgrade
from qplug.errors import DatabaseUnusable
from qplug.model import Call

T = TypeVar("T")

ATTEMPTS = 20
"""How often work is tried in a new transaction before the database's word is final."""

SQLITE_WAIT = 2.0
"""Seconds one transaction waits for SQLite's write lock before it counts as one attempt."""


class Database:
    """A database with the tables of one distribution, which are made or checked at first use.

    Opening touches nothing. Several threads may use it, and it survives a fork.
    """

    def __init__(self, url: str, migrations: Migrations) -> None:
        self.migrations = migrations
        self.engine = make_engine(url)
        self.name = name_of(self.engine.url)
        self._checked = False
        self._checking = threading.Lock()
        # An in-memory SQLite is one connection, so that its transactions must take turns.
        self._turn = threading.RLock() if is_memory(self.engine.url) else None
        _after_fork(self)

    @property
    def in_memory(self) -> bool:
        """Whether everything is lost with this process."""
        return is_memory(self.engine.url)

    def read(self, call: Call, work: Callable[[Connection], T]) -> T:
        """Run work that changes nothing, in one transaction, and return what it returns."""
        return self._run(call, work, write=False)

    def write(self, call: Call, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction and commit it.

        ``work`` is run again from its beginning, in a new transaction, when the database reports
        a conflict that may pass; so it must do nothing but use its connection.

        :raises DatabaseUnavailable: no answer, locked, full or read-only until ``call.deadline``
        :raises DatabaseUnusable: it is no database, or its driver is not installed
        :raises SchemaTooNew, SchemaTooOld: its tables are not the ones of this release
        :raises sqlalchemy.exc.IntegrityError: a constraint forbids it; the work's own business
        """
        return self._run(call, work, write=True)

    def upgrade(self) -> str:
        """Bring the tables to this release and return their revision, on any database."""
        with self._turn or nullcontext(), translating(self.engine.url):
            return upgrade(self.engine, self.migrations)

    def current(self) -> str | None:
        """Return the revision that is there, changing nothing; ``None`` without our tables."""
        with self._turn or nullcontext(), translating(self.engine.url):
            return current(self.engine, self.migrations)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _run(self, call: Call, work: Callable[[Connection], T], *, write: bool) -> T:
        self._check()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(work, write=write)
            except exc.IntegrityError:
                raise
            except exc.DBAPIError as error:
                if attempt == ATTEMPTS or not call.remaining() or not may_pass(error):
                    raise translated(error.orig, self.engine.url) from error
            time.sleep(min(call.remaining(), random.uniform(0, 0.005 * 2 ** min(attempt, 6))))  # noqa: S311  # jitter, no secret
        raise AssertionError("the last attempt returns or raises")

    def _once(self, work: Callable[[Connection], T], *, write: bool) -> T:
        with self._turn or nullcontext(), self.engine.connect() as connection:
            connection.execution_options(qplug_write=write)
            with connection.begin():
                return work(connection)

    def _check(self) -> None:
        if self._checked:
            return
        with self._checking:
            if not self._checked:
                with self._turn or nullcontext(), translating(self.engine.url):
                    ensure(self.engine, self.migrations)
                self._checked = True


def make_engine(url: str) -> Engine:
    """Return an engine with our settings.

    :raises DatabaseUnusable: the url is none, or needs a package that is not installed
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed)
        return sa.create_engine(parsed, isolation_level="READ COMMITTED", pool_pre_ping=True)
    except exc.ArgumentError as error:
        raise DatabaseUnusable(
            "of [database] connection", "it is no URL like sqlite:////var/lib/qplug/qplug.sqlite"
        ) from error
    except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseUnusable(
            name_of(parsed), f"{error}; install qplug-core[postgresql] or qplug-core[mysql]"
        ) from error


def is_memory(url: URL) -> bool:
    """Say whether the database vanishes with its connection."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _sqlite_engine(url: URL) -> Engine:
    memory: dict[str, Any] = {"poolclass": StaticPool} if is_memory(url) else {"max_overflow": -1}
    engine = sa.create_engine(
        url, connect_args={"timeout": SQLITE_WAIT, "check_same_thread": False}, **memory
    )

    @event.listens_for(engine, "do_connect")
    def private(*_: Any) -> None:
        if not is_memory(url):
            _create_private(Path(str(url.database)))

    @event.listens_for(engine, "connect")
    def configure(connection: Any, *_: Any) -> None:
        connection.isolation_level = None  # sqlite3 would else begin and commit by its own rules
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("qplug_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _create_private(path: Path) -> None:
    """Make the file for its owner alone; SQLite gives its log files the same mode."""
    if path.parent.is_dir() and not path.exists():
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError:
            return  # SQLite says in its own words why it cannot open it


def _after_fork(database: Database) -> None:
    """Have a child open connections of its own: shared ones garble what both say."""
    reference = weakref.ref(database)

    def forget() -> None:
        found = reference()
        if found is not None:
            found.engine.dispose(close=False)
            found._checking = threading.Lock()

    os.register_at_fork(after_in_child=forget)
