"""What went wrong in the database, in our words; and whether a new transaction may help."""

import os
import sqlite3

from sqlalchemy import exc
from sqlalchemy.engine import URL

from qplug.errors import DatabaseUnavailable, DatabaseUnusable, QplugError

FAILURES = (exc.DBAPIError, exc.TimeoutError, sqlite3.Error)
"""What a transaction raises; bare errors come from where SQLAlchemy does not look."""

RETRIED_STATES = {"40001", "40P01", "55P03"}  # PostgreSQL: serialization, deadlock, lock timeout
RETRIED_NUMBERS = {1205, 1213, 1020}  # MariaDB: lock wait timeout, deadlock, record changed

READ_ONLY_STATES = {"25006"}
READ_ONLY_NUMBERS = {1290, 1792, 1836}  # the server, the transaction, the server as it starts
READ_ONLY = "it is read-only, as a replica is; let option 'connection' name the one that is not"

FULL_STATES = {"53100"}
FULL_NUMBERS = {1021, 1114}  # the disk, the table's space
FULL = "the disk is full; make room"


def name_of(url: URL) -> str:
    """Return what a person calls the database; never its password, nor options that may be one."""
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    return url.set(query={}).render_as_string(hide_password=True)


def may_pass(error: BaseException) -> bool:
    """Say whether the same work may succeed in a new transaction."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return _code(cause) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    if isinstance(error, exc.TimeoutError) or getattr(error, "connection_invalidated", False):
        return True
    return getattr(cause, "sqlstate", None) in RETRIED_STATES or _number(cause) in RETRIED_NUMBERS


def translated(error: BaseException, url: URL) -> QplugError:
    """Return our error for what a transaction raised."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, url)
    if isinstance(error, exc.TimeoutError):
        return DatabaseUnavailable(name_of(url), "all its connections are in use; try again later")
    return _of_server(error, cause, url)


def words(cause: BaseException | None) -> str:
    """Return the first line of what the database's driver says."""
    text = str(cause.args[1]) if cause is not None and len(cause.args) == 2 else str(cause)
    return (text.strip().splitlines() or ["no reason given"])[0]


def _of_server(error: BaseException, cause: BaseException | None, url: URL) -> QplugError:
    state, number = getattr(cause, "sqlstate", None), _number(cause)
    if state in READ_ONLY_STATES or number in READ_ONLY_NUMBERS:
        return DatabaseUnavailable(name_of(url), READ_ONLY)
    if state in FULL_STATES or number in FULL_NUMBERS:
        return DatabaseUnavailable(name_of(url), FULL)
    kind = DatabaseUnusable if isinstance(error, exc.ProgrammingError) else DatabaseUnavailable
    return kind(name_of(url), words(cause))


def _of_sqlite(cause: sqlite3.Error, url: URL) -> QplugError:
    code, database = _code(cause), name_of(url)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return DatabaseUnusable(database, f"{cause}; name another file, or restore a backup")
    if code == sqlite3.SQLITE_ERROR:
        return DatabaseUnusable(database, str(cause))
    advice = {
        sqlite3.SQLITE_BUSY: "another process keeps it locked; try again later",
        sqlite3.SQLITE_LOCKED: "another process keeps it locked; try again later",
        sqlite3.SQLITE_READONLY: "it is read-only for this user; make file and folder writable",
        sqlite3.SQLITE_FULL: FULL,
        sqlite3.SQLITE_CANTOPEN: _cannot_open(database),
    }
    return DatabaseUnavailable(database, advice.get(code, words(cause)))


def _cannot_open(path: str) -> str:
    folder = os.path.dirname(os.path.abspath(path))  # not pathlib, which raises what is forbidden
    if os.path.isdir(path):
        return "it is a folder; name a file"
    if not os.path.isdir(folder):
        return f"there is no folder {folder}, or it is closed to this user; make it, or open it"
    return "the file cannot be opened; let this user read and write it and its folder"


def _cause(error: BaseException) -> BaseException | None:
    return getattr(error, "orig", error)


def _code(cause: sqlite3.Error) -> int:
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF


def _number(cause: BaseException | None) -> object:
    """Return MariaDB's number of the error; PyMySQL raises pairs of number and text."""
    return cause.args[0] if cause is not None and len(cause.args) == 2 else None
