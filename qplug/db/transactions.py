"""How transactions begin."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection
from sqlalchemy.engine.base import Transaction

from qplug.db import servers, sqlite


@contextmanager
def transaction(
    connection: Connection, *, until: float | None = None, one_statement: bool = False
) -> Iterator[Transaction]:
    """Begin a transaction, and commit it unless something fails inside of this.

    It is no event of SQLAlchemy's that begins it: an engine that has such events asks for them at
    every statement, a tenth of the time that an allocation takes.

    :param until: how long a writer may wait to begin; without it nothing is written
    :param one_statement: whether one is all that is read, so that it sees one moment anyway
    """
    with connection.begin() as begun:
        if connection.dialect.name == "sqlite":
            sqlite.begin(connection, until)
        elif until is None and not one_statement:
            servers.see_one_moment(connection)
        yield begun
