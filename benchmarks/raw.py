"""A database through its own Python driver, as durable and isolated as qplug asks for."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

SETTINGS = {
    "sqlite": ["PRAGMA foreign_keys = ON", "PRAGMA synchronous = FULL"],
    "postgresql": ["SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED"],
    "mysql": ["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"],
}


class Raw:
    """One connection of ``sqlite3``, ``psycopg`` or ``pymysql``; no SQLAlchemy, nothing of ours."""

    def __init__(self, url: str) -> None:
        parsed = sa.make_url(url)
        self.kind = parsed.get_backend_name()
        dialect = parsed.get_dialect()()
        arguments, options = dialect.create_connect_args(parsed)
        self._connection: Any = dialect.import_dbapi().connect(*arguments, **options)
        if self.kind == "sqlite":
            self._connection.isolation_level = None  # sqlite3 would else begin by its own rules
        self._cursor = self._connection.cursor()
        for setting in SETTINGS[self.kind]:
            self._cursor.execute(setting)
        self._connection.commit()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin and commit; the servers' drivers begin with the first statement."""
        if self.kind == "sqlite":
            self._cursor.execute("BEGIN IMMEDIATE")
        yield
        self._connection.commit()

    def execute(self, statement: str, parameters: Any = ()) -> int:
        """Run a statement and return how many rows it changed."""
        self._cursor.execute(statement, parameters)
        return int(self._cursor.rowcount)

    def row(self, statement: str) -> Any:
        """Return the first row a statement finds, or none."""
        self._cursor.execute(statement)
        return self._cursor.fetchone()

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert very many rows, the quick way."""
        names = ", ".join(columns)
        if self.kind == "postgresql":
            with self._cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["?" if self.kind == "sqlite" else "%s"] * len(columns))
        self._cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(rows))  # noqa: S608  # our own names

    def analyze(self) -> None:
        """Do at once what a server's housekeeping would do amid the rounds."""
        if self.kind == "postgresql":
            with self.transaction():
                self.execute("ANALYZE")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
