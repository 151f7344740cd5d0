"""What PostgreSQL and MariaDB are told, so that nobody waits forever for them."""

import time
from collections.abc import Generator
from functools import cache
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, Engine

from qplug.db.failures import name_of
from qplug.errors import DatabaseUnusable

WAIT = 3
"""Seconds for a server to answer, a row to be free, a connection to come back; then again."""

ANSWER = 2 * WAIT
"""Seconds for a statement, more than it may wait for a row; a frozen server breaks off then."""

HOUR = 3600
"""Seconds for a statement of an upgrade, which may change every row."""

T = TypeVar("T")


def server_engine(url: URL) -> Engine:
    """Return an engine whose transactions see what others commit, unless told to see one moment."""
    limits = {"connect_timeout": str(WAIT)}
    if url.get_backend_name() != "postgresql":
        limits |= {"read_timeout": str(ANSWER), "write_timeout": str(ANSWER)}
    engine = sa.create_engine(
        url.update_query_dict(limits | dict(url.query)),
        isolation_level="READ COMMITTED",
        pool_timeout=WAIT,
        pool_reset_on_return=None,  # all transactions end before; MariaDB would be asked again
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _: object, args: list[Any], options: dict[str, Any]) -> Any:
        try:
            return _connect(dialect, *args, **options)
        except (TypeError, ValueError) as error:  # PyMySQL's words for options it does not know
            raise DatabaseUnusable(name_of(url), str(error)) from error

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(_limits(engine))
        cursor.close()
        connection.commit()

    return engine


def see_one_moment(connection: Connection) -> None:
    """Have a transaction that begins see what was committed before, and nothing later."""
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def take_time(connection: Connection) -> None:
    """Let statements of this connection take as long as an upgrade's may."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        with connection.begin():
            connection.exec_driver_sql(f"SET statement_timeout = '{HOUR}s'")
        driver.answer = HOUR
    else:
        driver._read_timeout = driver._write_timeout = HOUR  # no public name


def _limits(engine: Engine) -> str:
    if engine.name == "postgresql":
        return f"SET lock_timeout = '{WAIT}s'; SET statement_timeout = '{ANSWER}s'"
    return f"SET innodb_lock_wait_timeout = {WAIT}, lock_wait_timeout = {WAIT}"


def _connect(dialect: Dialect, *args: Any, **options: Any) -> Any:
    if dialect.driver == "pymysql":
        return _pymysql()(*args, **options)
    if dialect.driver != "psycopg":
        return dialect.connect(*args, **options)
    connection = _psycopg().connect(*args, **options)
    connection.answer = ANSWER
    return connection


@cache
def _pymysql() -> Any:
    """Return PyMySQL's connection that does not read all authorities for whom it will not ask.

    Version 1.2 offers TLS also if no option says so, checks no certificate then, and reads some
    hundred before, each time: that took ten times as long as to connect.
    """
    import ssl

    from pymysql.connections import Connection as Plain

    class Quick(Plain):
        def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
            if sslp:
                made: ssl.SSLContext = super()._create_ssl_ctx(sslp)  # type: ignore[no-untyped-call]  # as all there
                return made
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context

    return Quick


@cache
def _psycopg() -> Any:
    """Return psycopg's connection that waits for an answer no longer than it may.

    Its own waits for ever when the server's machine still confirms what it gets.
    """
    import psycopg

    class Patient(psycopg.Connection[Any]):
        answer: float

        def wait(self, gen: Generator[int, int, T], *args: Any, **options: Any) -> T:
            until = time.monotonic() + self.answer
            return super().wait(self._until(until, gen), *args, **options)  # type: ignore[arg-type]  # psycopg's enums are ints

        def _until(self, until: float, gen: Generator[int, int, T]) -> Generator[int, int, T]:
            ready = None  # what starts a generator
            while True:
                try:
                    wanted = gen.send(ready)  # type: ignore[arg-type]  # see above
                except StopIteration as end:
                    return cast("T", end.value)
                ready = yield wanted
                if not ready and time.monotonic() >= until:
                    self.pgconn.finish()
                    raise psycopg.OperationalError("the server stopped answering")

    return Patient
