"""What makes SQLite a database that several processes write to at once."""

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import asbool

from qplug.db.failures import may_pass

POLL = 0.002
"""Seconds, at most, between two tries to get a lock."""

ROOM = 4 << 20
"""Bytes of a disk that are kept for releasing; an operation and its undo write some 0.2 MB."""


def is_memory(url: URL) -> bool:
    """Say whether the database vanishes with its connection."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def is_missing(url: URL) -> bool:
    """Say whether the database is a file that nobody made yet."""
    path = _file_to_make(url)
    return path is not None and not os.path.exists(path)


def has_room(url: URL) -> bool:
    """Say whether the disk has room for more than releasing; what cannot be asked has."""
    path = _file_to_make(url)
    try:
        disk = os.statvfs(os.path.dirname(os.path.realpath(path))) if path is not None else None
    except OSError:
        return True  # SQLite says in its own words what is wrong with the folder
    return disk is None or disk.f_bavail * disk.f_frsize >= ROOM


def sqlite_engine(url: URL) -> Engine:
    """Return an engine for a file, or for memory that all connections share."""
    memory: dict[str, Any] = {"poolclass": StaticPool} if is_memory(url) else {"max_overflow": -1}
    engine = sa.create_engine(
        url, connect_args={"timeout": 0, "check_same_thread": False}, **memory
    )

    @event.listens_for(engine, "do_connect")
    def create(*_: Any) -> None:
        path = _file_to_make(url)
        if path is not None and not os.path.exists(path):
            _create_private(path)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


def begin(connection: Connection, until: float | None) -> None:
    """Begin what reads; or what writes until then, once no other writer is in its way."""
    if until is None:
        driver(connection).execute("BEGIN").close()
    else:
        when_free(driver(connection), "BEGIN IMMEDIATE", until)


@contextmanager
def schema_change(connection: Connection, until: float) -> Iterator[None]:
    """Prepare a file for a transaction that changes its tables.

    The write-ahead log lets readers and a writer work at once; the file remembers it. Foreign keys
    are off, because SQLite changes most of a table by deleting it, which would cascade; and they
    cannot be switched inside a transaction.
    """
    raw = driver(connection)
    when_free(raw, "PRAGMA journal_mode = WAL", until)
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys = ON")


def when_free(connection: sqlite3.Connection, statement: str, until: float) -> None:
    """Execute a statement as soon as nobody is in its way.

    SQLite can wait by itself, but who waits longest asks least often there: 8 busy writers kept
    one of their number out for seconds. Here all ask equally often.
    """
    while True:
        try:
            connection.execute(statement).close()
            return
        except sqlite3.OperationalError as error:
            if not may_pass(error) or time.monotonic() >= until:
                raise
        time.sleep(random.uniform(0, POLL))  # noqa: S311  # jitter, no secret


def driver(connection: Connection) -> sqlite3.Connection:
    """Return the connection below SQLAlchemy, which would begin a transaction for any statement."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)  # noqa: S101  # for mypy
    return raw


def _file_to_make(url: URL) -> str | None:
    """Return the file that SQLite would make; ``None`` if it makes none."""
    if url.get_backend_name() != "sqlite" or is_memory(url):
        return None
    path, mode = str(url.database), url.query.get("mode", "rwc")
    if not asbool(url.query.get("uri", False)):
        return path
    if mode != "rwc" or path.startswith("file::memory:"):
        return None
    return url2pathname(urlsplit(path).path)


def _create_private(path: str) -> None:
    """Make the file for its owner alone, where a link leads to; SQLite's log files get its mode.

    Never open one that is there: closing it would drop the locks this process has on it.
    """
    try:
        os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        return  # it is there now, or SQLite says in its own words why it cannot open it
