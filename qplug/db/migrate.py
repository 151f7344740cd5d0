"""Bringing a database to the schema this release expects."""

import random
import sqlite3
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from qplug.db.failures import name_of
from qplug.errors import DatabaseUnusable, SchemaTooNew, SchemaTooOld

WRITE_AHEAD_ATTEMPTS = 200
"""Tries of a few hundredths of a second each: several first users take turns."""


@dataclass(frozen=True, kw_only=True)
class Migrations:
    """Where a distribution's tables come from.

    A package named under the entry point group ``qplug.migrations`` holds one as ``MIGRATIONS``,
    and beside it ``versions/``: Alembic files whose revisions sort, ``0001``, ``0002`` ...
    """

    name: str
    """The entry point's name, and the group with the option ``connection``; ``core`` is ours."""
    package: str
    head: str
    """The newest revision, said here so that Alembic need not be imported to know it."""

    @property
    def version_table(self) -> str:
        """The table with the revision that is in the database."""
        return f"qplug_{self.name}_version"

    @property
    def versions(self) -> Path:
        """The folder of the Alembic files."""
        return Path(str(import_module(self.package).__file__)).parent / "versions"


def ensure(engine: Engine, migrations: Migrations) -> None:
    """Make sure that the tables are there and of this release; SQLite upgrades itself.

    :raises SchemaTooNew, SchemaTooOld: they are not
    """
    found = current(engine, migrations)
    if found == migrations.head:
        return
    if found is not None and found > migrations.head:
        raise SchemaTooNew(
            name_of(engine.url), migrations.name, found=found, wanted=migrations.head
        )
    if engine.dialect.name != "sqlite":
        raise SchemaTooOld(
            name_of(engine.url), migrations.name, found=found, wanted=migrations.head
        )
    upgrade(engine, migrations)


def current(engine: Engine, migrations: Migrations) -> str | None:
    """Return the revision that is in the database; ``None`` when it has none of the tables."""
    with engine.connect() as connection, connection.begin():
        return _stored(connection, migrations)


def upgrade(engine: Engine, migrations: Migrations) -> str:
    """Bring the tables to the head and return its revision.

    Check, migrations and stamp are one transaction where the database can do that (SQLite,
    PostgreSQL), so that one of several first users does it all and a kill undoes it all.

    :raises SchemaTooNew: a newer release was here
    """
    if engine.dialect.name == "sqlite":
        _write_ahead(engine)
    with engine.connect() as connection:
        connection.execution_options(qplug_write=True)
        with connection.begin():
            found = _stored(connection, migrations)
            if found is not None and found > migrations.head:
                raise SchemaTooNew(
                    name_of(engine.url), migrations.name, found=found, wanted=migrations.head
                )
            if found != migrations.head:
                _refuse_strangers(connection)
                _run_alembic(connection, migrations)
    return migrations.head


def _stored(connection: Connection, migrations: Migrations) -> str | None:
    if not sa.inspect(connection).has_table(migrations.version_table):
        return None
    table = sa.table(migrations.version_table, sa.column("version_num", sa.String))
    return connection.execute(sa.select(table.c.version_num)).scalar()


def _refuse_strangers(connection: Connection) -> None:
    """Refuse to make tables in a SQLite file that is some other program's."""
    if connection.dialect.name != "sqlite":
        return
    tables = sa.inspect(connection).get_table_names()
    if tables and not any(table.startswith("qplug_") for table in tables):
        raise DatabaseUnusable(
            name_of(connection.engine.url),
            f"it holds tables of another program ({tables[0]}); name a file of our own",
        )


def _write_ahead(engine: Engine) -> None:
    """Let readers and a writer work at once; the file remembers it.

    SQLite does not wait for other users here, it fails at once; so this asks again.
    """
    raw = engine.raw_connection()
    try:
        for attempt in range(1, WRITE_AHEAD_ATTEMPTS + 1):
            try:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or attempt == WRITE_AHEAD_ATTEMPTS:
                    raise
                time.sleep(random.uniform(0.005, 0.05))  # noqa: S311  # jitter, no secret
    finally:
        raw.close()


def _run_alembic(connection: Connection, migrations: Migrations) -> None:
    from alembic import command  # a quarter of a second that only an upgrade spends
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(migrations.versions))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = migrations.version_table
    command.upgrade(config, "head")
