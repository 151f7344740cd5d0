"""A database for one test: a SQLite file, or one on a server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import exc

from qplug.testing.requirements import require

VARIABLE = "QPLUG_TEST_DATABASE_URL"
"""The url of a server on which databases may be made; without it tests use SQLite files."""

SERVERS = {
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mysql+pymysql://root@127.0.0.1:3306/mysql",
}
"""Where tests that are about a server look for it, unless QPLUG_TEST_MARIADB_URL says otherwise."""


def server_url(kind: str) -> str:
    """Return the url of a server that answers, or skip the test."""
    variable = f"QPLUG_TEST_{kind.upper()}_URL"
    url = os.environ.get(variable, SERVERS[kind])
    try:
        _run(sa.create_engine(url, poolclass=sa.NullPool), "SELECT 1")
        answers = True
    except (exc.DBAPIError, ModuleNotFoundError):
        answers = False
    require(answers, f"no {kind} at {sa.make_url(url)!r}; install and start it, or set {variable}")
    return url


@contextmanager
def fresh_database(folder: Path, server: str | None = None) -> Iterator[str]:
    """Yield the url of an empty database, which is gone afterwards.

    Its name is unique, so that the workers of a test run never meet.
    """
    server = server or os.environ.get(VARIABLE)
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


def _run(engine: sa.Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
