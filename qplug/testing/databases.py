"""A database for one test: a SQLite file, or one on a server.

``pytestmark = every_database`` lets the tests of a module run on each kind, those on servers with
the marker ``integration``. Other tests use SQLite, or what QPLUG_TEST_DATABASE names.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from qplug.config import load_config
from qplug.db.installed import installed
from qplug.testing.requirements import require

VARIABLE = "QPLUG_TEST_DATABASE"
"""The kind of database that tests use which say nothing; without it SQLite."""

SERVERS = {
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mysql+pymysql://root@127.0.0.1:3306/mysql",
}
"""Where tests that are about a server look for it, unless QPLUG_TEST_MARIADB_URL says otherwise."""

KINDS = ("sqlite", *SERVERS)

on_servers = pytest.mark.parametrize("database_kind", SERVERS)
"""The mark of tests that are about servers; ``database_url`` is on one after the other."""

every_database = pytest.mark.parametrize(
    "database_kind",
    ["sqlite", *(pytest.param(kind, marks=pytest.mark.integration) for kind in SERVERS)],
)
"""The mark of tests that run on each kind; all of them use ``database_url``, or what needs it."""

LOCKED = 10
"""Seconds to empty a table that a test left locked; then the test fails."""


def server_url(kind: str) -> str:
    """Return the url of a server that answers, or skip the test."""
    variable = f"QPLUG_TEST_{kind.upper()}_URL"
    url = os.environ.get(variable, SERVERS[kind])
    sentence = f"no {kind} at {sa.make_url(url)!r}; install and start it, or set {variable}"
    require(_answers(url), sentence)
    return url


@cache
def _answers(url: str) -> bool:
    try:
        _run(sa.create_engine(url, poolclass=sa.NullPool), "SELECT 1")
    except (exc.DBAPIError, ModuleNotFoundError):
        return False
    return True


def default_kind() -> str:
    """Return the kind of database for tests that do not say one."""
    kind = os.environ.get(VARIABLE, "sqlite")
    if kind not in KINDS:
        pytest.fail(f"{VARIABLE} is '{kind}'; set it to one of {', '.join(KINDS)}", pytrace=False)
    return kind


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[str]:
    """Yield the url of an empty database of that kind, which is gone afterwards."""
    with fresh_database(folder, None if kind == "sqlite" else server_url(kind)) as url:
        yield url


@contextmanager
def fresh_database(folder: Path, server: str | None = None) -> Iterator[str]:
    """Yield the url of an empty database on a server, or a SQLite file; it is gone afterwards.

    Its name is unique, so that the workers of a test run never meet.
    """
    if server is None:
        yield f"sqlite:///{folder / 'qplug.sqlite'}"
        return
    name = f"qplug_test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    _run(engine, f"CREATE DATABASE {name}")
    try:
        yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if engine.dialect.name == "postgresql" else ""
        _run(engine, f"DROP DATABASE {name}{force}")
        engine.dispose()


def make_tables(url: str) -> None:
    """Make the tables of everything that is installed, as an operator does on a server."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("QPLUG_CONFIG", os.devnull)
        conf = load_config()
    conf.set_override("connection", url, "database")
    with installed(conf) as databases:
        for database in databases:
            database.upgrade()


class ServerDatabases:
    """One database on each server, with all tables, for the tests of a process in turn.

    To make one takes half a second, to empty it a hundredth.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[str, sa.Engine, sa.MetaData]] = {}
        self._closing = ExitStack()

    @contextmanager
    def lend(self, kind: str) -> Iterator[str]:
        """Yield the url of one whose tables are empty, and empty them again afterwards."""
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        url, engine, tables = self._made[kind]
        yield url
        _empty(engine, tables)

    def _make(self, kind: str) -> tuple[str, sa.Engine, sa.MetaData]:
        url = self._closing.enter_context(fresh_database(Path(), server_url(kind)))
        make_tables(url)
        engine, tables = sa.create_engine(url, pool_pre_ping=True), sa.MetaData()
        self._closing.callback(engine.dispose)
        tables.reflect(engine)
        return url, engine, tables

    def close(self) -> None:
        """Remove them all."""
        self._closing.close()


def _empty(engine: sa.Engine, tables: sa.MetaData) -> None:
    limits = {
        "postgresql": f"SET lock_timeout = '{LOCKED}s'",
        "mysql": f"SET lock_wait_timeout = {LOCKED}, innodb_lock_wait_timeout = {LOCKED}",
    }
    with engine.begin() as connection:
        connection.exec_driver_sql(limits[engine.dialect.name])
        for table in reversed(tables.sorted_tables):
            if not table.name.endswith("_version"):
                connection.execute(table.delete())


def _run(engine: sa.Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
