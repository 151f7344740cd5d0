"""What a driver keeps of what it does on its host: a small SQLite file that may be lost."""

import fcntl
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from qplug.errors import DatabaseUnavailable, DatabaseUnusable, DeadlineExceeded
from qplug.model import Call

SHORT, LONG = 0.0005, 0.01
"""Seconds between two looks at whether it is our turn: at first, and at most."""


class Turnstile:
    """Lets one process and thread of this host through at a time, by a lock on a file."""

    def __init__(self, path: str) -> None:
        """Make nothing yet.

        :param path: of the file, which may be removed by who is inside
        """
        self.path = path

    @contextmanager
    def turn(self, call: Call) -> Iterator[None]:
        """Be the only one inside.

        :raises DeadlineExceeded: others took their turns until the call's time was over
        :raises DatabaseUnusable: the file cannot be made
        """
        descriptor = self._locked(call)
        try:
            yield
        finally:
            os.close(descriptor)

    def _locked(self, call: Call) -> int:
        """Return the lock file, locked by us and not removed meanwhile."""
        pause = SHORT
        while True:
            descriptor = self._file()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                if not call.remaining():
                    raise DeadlineExceeded(f"waiting for others at {self.path}") from None
                time.sleep(pause)
                pause = min(2 * pause, LONG)
            else:
                if _is_at(self.path, descriptor):
                    return descriptor
                os.close(descriptor)

    def _file(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            with suppress(FileNotFoundError):
                return os.open(self.path, flags, 0o600)
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            return os.open(self.path, flags, 0o600)
        except OSError as error:
            raise DatabaseUnusable(self.path, str(error)) from error


class HostFile:
    """A SQLite file, and the turn of whoever changes what it tells of.

    It outlives processes that are killed. It is not waited for the disk, so that it may be damaged
    when the power fails; then, and with another schema, it begins empty: the store knows all of it.
    """

    def __init__(self, path: str, schema: str) -> None:
        """Nothing is made before the first turn.

        :param schema: statements that make its tables
        """
        self.path = path
        self._turnstile = Turnstile(f"{path}.lock")
        self._schema = schema
        self._version = zlib.crc32(schema.encode()) & 0x7FFFFFFF

    @contextmanager
    def turn(self, call: Call) -> Iterator[sqlite3.Connection]:
        """Be the only one of this host inside; what is not committed when it raises is not done.

        :raises DeadlineExceeded: others took their turns until the call's time was over
        :raises DatabaseUnavailable: the disk is full, or the like
        """
        with self._turnstile.turn(call), self._translated(), closing(self._opened()) as rows:
            yield rows
            rows.commit()

    def exists(self) -> bool:
        """Say whether there has been a turn since it was removed."""
        return os.path.exists(self.path)

    def remove(self) -> None:
        """Remove it; call this inside a turn, as the last thing."""
        self._forget()
        with suppress(FileNotFoundError):
            os.unlink(self._turnstile.path)

    def _opened(self) -> sqlite3.Connection:
        for _ in range(2):
            rows = self._connected()
            try:
                rows.execute("PRAGMA synchronous = OFF")
                if self._is_current(rows):
                    return rows
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    rows.close()
                    raise  # the disk is full, say; nothing that a new file would mend
            rows.close()
            self._forget()
        raise DatabaseUnusable(self.path, "it is damaged as soon as it is made")

    def _connected(self) -> sqlite3.Connection:
        private = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(private)
        rows = sqlite3.connect(self.path, isolation_level="IMMEDIATE", check_same_thread=False)
        rows.row_factory = sqlite3.Row
        return rows

    def _is_current(self, rows: sqlite3.Connection) -> bool:
        (version,) = rows.execute("PRAGMA user_version").fetchone()
        if version == 0 and not rows.execute("SELECT 1 FROM sqlite_master").fetchone():
            rows.executescript(
                f"BEGIN; {self._schema}; PRAGMA user_version = {self._version}; COMMIT;"
            )
            version = self._version
        return bool(version == self._version)

    def _forget(self) -> None:
        for path in (self.path, f"{self.path}-journal"):
            with suppress(FileNotFoundError):
                os.unlink(path)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise DatabaseUnavailable(self.path, str(error)) from error
        except sqlite3.DatabaseError as error:
            self._forget()
            raise DatabaseUnusable(self.path, f"{error}; it begins anew") from error


def _is_at(path: str, descriptor: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
