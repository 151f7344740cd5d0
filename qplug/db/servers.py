"""What PostgreSQL and MariaDB are told, so that nobody waits forever for them."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, Engine

from qplug.db.failures import name_of
from qplug.errors import DatabaseUnusable

WAIT = 3
"""Seconds for a server to answer, a row to be free, a connection to come back; then again."""

LOCK_WAIT = {
    "postgresql": f"SET lock_timeout = '{WAIT}s'",
    "mysql": f"SET innodb_lock_wait_timeout = {WAIT}, lock_wait_timeout = {WAIT}",
}


def server_engine(url: URL) -> Engine:
    """Return an engine whose reads see one moment, and whose writes see what others commit."""
    engine = sa.create_engine(
        url.update_query_dict({"connect_timeout": str(WAIT)} | dict(url.query)),
        isolation_level="READ COMMITTED",
        pool_timeout=WAIT,
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _: object, args: list[Any], options: dict[str, Any]) -> Any:
        try:
            return dialect.connect(*args, **options)
        except (TypeError, ValueError) as error:  # PyMySQL's words for options it does not know
            raise DatabaseUnusable(name_of(url), str(error)) from error

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(LOCK_WAIT["postgresql" if engine.name == "postgresql" else "mysql"])
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("qplug_write_until") is None:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    return engine
