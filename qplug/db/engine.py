"""Transactions and their retries."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.base import Transaction

from qplug.db.failures import FAILURES, may_pass, name_of, translated
from qplug.db.forks import Gate, at_forks
from qplug.db.migrate import Migrations, ensure, stored, upgrade
from qplug.db.servers import server_engine
from qplug.db.sqlite import has_room, is_memory, is_missing, sqlite_engine
from qplug.db.transactions import transaction
from qplug.errors import DatabaseUnavailable, DatabaseUnusable
from qplug.model import Call

T = TypeVar("T")

ATTEMPTS = 20
"""How often work is tried in a new transaction before the database's word is final."""

PATIENCE = 30.0
"""Seconds that an upgrade by hand tries to get its turn."""

DRIVERS = {
    "sqlite": "write sqlite:///",
    "postgresql": "write postgresql+psycopg:// and install qplug-core[postgresql]",
    "mysql": "write mysql+pymysql:// and install qplug-core[mysql]",
    "mariadb": "write mariadb+pymysql:// and install qplug-core[mysql]",
}


class Database:
    """A database with the tables of one distribution, which are made or checked at first use.

    Opening touches nothing. Several threads may use it, and it survives a fork, after which a
    child has an empty database of its own if it is in memory.
    """

    def __init__(self, url: str, migrations: Migrations) -> None:
        self.migrations = migrations
        self.engine = make_engine(url)
        self.name = name_of(self.engine.url)
        self._checked = False
        # An in-memory SQLite is one connection, so that its transactions must take turns.
        self._turn = threading.RLock() if self.in_memory else None
        self._gate = Gate()
        at_forks(
            self,
            before=Database._before_fork,
            parent=Database._after_fork,
            child=Database._begin_in_child,
        )

    @property
    def in_memory(self) -> bool:
        """Whether everything is lost with this process."""
        return is_memory(self.engine.url)

    def read(self, call: Call, work: Callable[[Connection], T]) -> T:
        """Run work that changes nothing and return what it returns; it sees one moment.

        :raises DatabaseUnavailable, DatabaseUnusable, SchemaTooNew, SchemaTooOld: as ``write``
        """
        return self._retried(call.deadline, lambda: self._work(call, work))

    def select(
        self, call: Call, query: sa.Select[Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[sa.Row[Any]]:
        """Return what one statement finds; it sees one moment without being told to.

        :raises DatabaseUnavailable, DatabaseUnusable, SchemaTooNew, SchemaTooOld: as ``write``
        """

        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(query, parameters).all()

        return self._retried(call.deadline, lambda: self._work(call, work, one_statement=True))

    def write(self, call: Call, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction, commit it and return what it returns.

        ``work`` is run again from its beginning, in a new transaction, when the database reports
        a conflict that may pass; so it must do nothing but use its connection.

        :raises DatabaseUnavailable: no answer, full, read-only, or locked until ``call.deadline``
        :raises DatabaseUnusable: it is no database of ours, or work asked what it does not know
        :raises SchemaTooNew, SchemaTooOld: its tables are not the ones of this release
        :raises sqlalchemy.exc.IntegrityError: a constraint forbids it; the work's own business
        :raises sqlalchemy.exc.DataError: a value does not fit its column; likewise
        """
        return self._retried(call.deadline, lambda: self._work(call, work, until=call.deadline))

    def require_room(self) -> None:
        """Refuse to begin what takes several writes, where taking it back may find no room.

        :raises DatabaseUnavailable: SQLite's disk is all but full
        """
        if not has_room(self.engine.url):
            raise DatabaseUnavailable(
                self.name, "the disk is all but full, and the rest is for releasing; make room"
            )

    def upgrade(self) -> str:
        """Bring the tables to this release and return their revision, on any database.

        :raises SchemaTooNew, DatabaseUnavailable, DatabaseUnusable: as ``write``
        """
        until = time.monotonic() + PATIENCE
        return self._retried(until, lambda: upgrade(self.engine, self.migrations, until))

    def current(self) -> str | None:
        """Return the revision that is there, changing nothing; ``None`` without our tables."""
        if is_missing(self.engine.url):
            return None
        until = time.monotonic() + PATIENCE
        return self._retried(until, lambda: stored(self.engine, self.migrations))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _retried(self, until: float, step: Callable[[], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._gate.passing(), self._turn or nullcontext():
                    return step()
            except (exc.IntegrityError, exc.DataError):
                raise
            except FAILURES as error:
                last = attempt == ATTEMPTS or time.monotonic() >= until
                if last or not may_pass(error):
                    raise translated(error, self.engine.url) from error
            pause = random.uniform(0, 0.005 * 2 ** min(attempt, 6))  # noqa: S311  # jitter, no secret
            time.sleep(max(0.0, min(until - time.monotonic(), pause)))
        raise AssertionError("the last attempt returns or raises")

    def _work(
        self,
        call: Call,
        work: Callable[[Connection], T],
        *,
        until: float | None = None,
        one_statement: bool = False,
    ) -> T:
        if not self._checked:
            ensure(self.engine, self.migrations, call.deadline)
            self._checked = True
        with self.engine.connect() as connection:
            with transaction(connection, until=until, one_statement=one_statement) as begun:
                result = work(connection)
                if until is not None:
                    self._commit(begun)
            return result

    def _commit(self, transaction: Transaction) -> None:
        """Commit once: when the connection breaks now, nobody knows whether it was done."""
        try:
            transaction.commit()
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseUnavailable(
                    self.name, "the connection broke during a commit, which may be done or not"
                ) from error
            raise

    def _before_fork(self) -> None:
        """Close everything: SQLite's locks do not pass to a child, but its note of them does.

        A child would write without any lock, or wait for ever for one that nobody holds.
        """
        self._gate.close()
        if not self.in_memory:
            self.engine.dispose()

    def _after_fork(self) -> None:
        self._gate.open()

    def _begin_in_child(self) -> None:
        self._gate = Gate()
        self.engine.dispose(close=False)
        if self.in_memory:
            self._turn, self._checked = threading.RLock(), False


def _refuse_bare_at(url: str, parsed: URL) -> None:
    """Refuse what would take part of a password for the host or the database, and show it.

    :raises DatabaseUnusable: there is an ``@`` that does not end the password
    """
    if url.count("@") > (parsed.username is not None):
        raise DatabaseUnusable(
            "named by option 'connection'",
            "its value has an '@' that does not stand before the host; write %40 for it",
        )


def make_engine(url: str) -> Engine:
    """Return an engine with our settings.

    :raises DatabaseUnusable: the url is none, or needs a package that is not installed
    """
    try:
        parsed = sa.make_url(url)
        kind = parsed.get_backend_name()
        if kind != "sqlite":
            _refuse_bare_at(url, parsed)
        if kind not in DRIVERS:
            wanted = ", ".join(DRIVERS)
            raise DatabaseUnusable(name_of(parsed), f"'{kind}' is none of {wanted}")
        return sqlite_engine(parsed) if kind == "sqlite" else server_engine(parsed)
    except exc.NoSuchModuleError as error:
        raise DatabaseUnusable(name_of(parsed), f"{error}; {DRIVERS[kind]}") from error
    except ModuleNotFoundError as error:
        raise DatabaseUnusable(name_of(parsed), f"{error}; {DRIVERS[kind]}") from error
    except (exc.ArgumentError, ValueError) as error:
        raise DatabaseUnusable(
            "named by option 'connection'",
            "its value is no URL like sqlite:////var/lib/qplug/qplug.sqlite",
        ) from error
