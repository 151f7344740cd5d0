"""What went wrong in the database, in our words; and whether a new transaction may help."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc
from sqlalchemy.engine import URL

from qplug.errors import DatabaseUnavailable, DatabaseUnusable, QplugError

RETRIED_STATES = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock
RETRIED_NUMBERS = {1205, 1213, 1020}  # MariaDB: lock wait timeout, deadlock, record changed
LOST_NUMBERS = {2006, 2013, 2055, 1927}  # MariaDB: server has gone away, connection killed


def name_of(url: URL) -> str:
    """Return what a person calls the database; never its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    return url.render_as_string(hide_password=True)


def may_pass(error: exc.DBAPIError) -> bool:
    """Say whether the same work may succeed in a new transaction."""
    cause = error.orig
    if error.connection_invalidated or getattr(cause, "sqlstate", None) in RETRIED_STATES:
        return True
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    number = cause.args[0] if cause is not None and cause.args else None
    return number in RETRIED_NUMBERS or number in LOST_NUMBERS


@contextmanager
def translating(url: URL) -> Iterator[None]:
    """Raise our errors for those of the database's driver."""
    try:
        yield
    except exc.DBAPIError as error:
        raise translated(error.orig, url) from error
    except sqlite3.Error as error:
        raise translated(error, url) from error


def translated(cause: BaseException | None, url: URL) -> QplugError:
    """Return our error for what the database's driver raised."""
    if isinstance(cause, sqlite3.Error):
        return _sqlite(cause, name_of(url))
    return DatabaseUnavailable(name_of(url), _first_line(cause))


def _sqlite(cause: sqlite3.Error, database: str) -> QplugError:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return DatabaseUnusable(database, f"{cause}; name another file, or restore a backup")
    advice = {
        sqlite3.SQLITE_BUSY: "another process keeps it locked; try again later",
        sqlite3.SQLITE_LOCKED: "another process keeps it locked; try again later",
        sqlite3.SQLITE_READONLY: "it is read-only for this user; make file and folder writable",
        sqlite3.SQLITE_FULL: "the disk is full; make room",
        sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check its folder and permissions",
    }
    return DatabaseUnavailable(database, advice.get(code, _first_line(cause)))


def _first_line(cause: BaseException | None) -> str:
    return (str(cause).strip().splitlines() or ["no reason given"])[0]
