"""A database for one test, on the server that the environment names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

VARIABLE = "QPLUG_TEST_DATABASE_URL"
"""The url of a server on which databases may be made; without it tests use SQLite files."""


@contextmanager
def fresh_database(folder: Path) -> Iterator[str]:
    """Yield the url of an empty database, which is gone afterwards.

    Its name is unique, so that the workers of a test run never meet.
    """
    server = os.environ.get(VARIABLE)
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
