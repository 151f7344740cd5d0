"""Bringing a database to the schema this release expects."""

import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection, Engine

from qplug.db.failures import name_of, words
from qplug.db.servers import WAIT, take_time
from qplug.db.sqlite import schema_change
from qplug.db.transactions import transaction
from qplug.errors import DatabaseUnavailable, DatabaseUnusable, SchemaTooNew, SchemaTooOld

_alembic = threading.Lock()  # Alembic keeps the migration it runs in module globals


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


def ensure(engine: Engine, migrations: Migrations, until: float) -> None:
    """Make sure that the tables are there and of this release; SQLite upgrades itself.

    :raises SchemaTooNew, SchemaTooOld: they are not
    """
    found = stored(engine, migrations)
    if found == migrations.head:
        return
    if engine.dialect.name == "sqlite":
        upgrade(engine, migrations, until)
        return
    _refuse_newer(found, engine, migrations)
    raise SchemaTooOld(name_of(engine.url), migrations.name, found=found, wanted=migrations.head)


def stored(engine: Engine, migrations: Migrations) -> str | None:
    """Return the revision that is in the database; ``None`` when it has none of the tables."""
    with engine.connect() as connection, transaction(connection):
        return _stored(connection, migrations)


def upgrade(engine: Engine, migrations: Migrations, until: float) -> str:
    """Bring the tables to the head and return its revision.

    Check, migrations and stamp are one transaction where the database can do that (SQLite,
    PostgreSQL), so that one of several first users does it all and a kill undoes it all.

    :raises SchemaTooNew: a newer release was here
    :raises DatabaseUnusable: the file is another program's
    """
    import alembic.command  # noqa: F401  # a quarter of a second that only an upgrade spends, before its turn

    with engine.connect() as connection:
        with transaction(connection):
            _must_be_ours(connection, migrations)
        with _alone(connection, migrations, until), transaction(connection, until=until):
            if _stored(connection, migrations) != migrations.head:
                _must_be_ours(connection, migrations)  # another process was faster
                _run_alembic(connection, migrations)
    return migrations.head


def _stored(connection: Connection, migrations: Migrations) -> str | None:
    if not sa.inspect(connection).has_table(migrations.version_table):
        return None
    table = sa.table(migrations.version_table, sa.column("version_num", sa.String))
    return connection.execute(sa.select(table.c.version_num)).scalar()


def _must_be_ours(connection: Connection, migrations: Migrations) -> None:
    """Refuse a newer release's tables, and a SQLite file that is some other program's."""
    found = _stored(connection, migrations)
    _refuse_newer(found, connection.engine, migrations)
    if found is None and connection.dialect.name == "sqlite":
        tables = sa.inspect(connection).get_table_names()
        if tables and not any(table.startswith("qplug_") for table in tables):
            raise DatabaseUnusable(
                name_of(connection.engine.url),
                f"it has tables of another program ({tables[0]}); name a file of our own",
            )


def _refuse_newer(found: str | None, engine: Engine, migrations: Migrations) -> None:
    if found is not None and found > migrations.head:
        raise SchemaTooNew(
            name_of(engine.url), migrations.name, found=found, wanted=migrations.head
        )


@contextmanager
def _alone(connection: Connection, migrations: Migrations, until: float) -> Iterator[None]:
    """Keep other upgrades out; SQLite's transaction will do that by itself."""
    if connection.dialect.name == "sqlite":
        with schema_change(connection, until):
            yield
        return
    try:
        _lock(connection, migrations.version_table, until)
        take_time(connection)
        yield
    finally:
        connection.invalidate()  # the lock ends with the connection


def _lock(connection: Connection, name: str, until: float) -> None:
    with connection.begin():
        if connection.dialect.name == "postgresql":
            number = zlib.crc32(name.encode())
            connection.execute(sa.select(sa.func.pg_advisory_lock(number)))
            return
        busy = DatabaseUnavailable(name_of(connection.engine.url), "it is being upgraded now")
        while not connection.scalar(sa.select(sa.func.get_lock(name, WAIT))):
            if time.monotonic() >= until:
                raise busy


def _run_alembic(connection: Connection, migrations: Migrations) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.attributes.update(connection=connection, version_table=migrations.version_table)
    for option, value in {
        "script_location": Path(__file__).parent / "alembic",
        "version_locations": migrations.versions,
        "path_separator": "newline",
    }.items():
        config.set_main_option(option, str(value).replace("%", "%%"))
    try:
        with _alembic:
            command.upgrade(config, migrations.head)
    except CommandError as error:
        raise DatabaseUnusable(
            name_of(connection.engine.url), f"{error}; no release made that, restore a backup"
        ) from error
    except exc.DBAPIError as error:
        if connection.dialect.name in ("sqlite", "postgresql"):
            raise
        raise DatabaseUnusable(
            name_of(connection.engine.url),
            f"its upgrade failed ({words(error.orig)}) and MariaDB cannot undo what was done; "
            "restore the backup made before",
        ) from error
