"""Column types that mean the same on SQLite, PostgreSQL and MariaDB."""

from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine


def identifier(length: int = 36) -> TypeEngine[str]:
    """Return a column type for short ASCII text that compares byte by byte: ids, states, MACs.

    It can be compared with whatever a person typed; what no id can be equals none.
    """
    return _Identifier(length)


def name(length: int = 255) -> TypeEngine[str]:
    """Return a column type for what people and other systems name: any text, byte by byte.

    MariaDB else takes the projects ``dev`` and ``DEV`` for one.
    """
    return _Name(length)


def long_text() -> TypeEngine[str]:
    """Return a column type for text of up to 16 million characters."""
    return _LongText()


def _exact(dialect: Dialect, length: int, charset: str) -> TypeEngine[str]:
    """Return the dialect's type for text that compares byte by byte."""
    if dialect.name in ("mysql", "mariadb"):
        from sqlalchemy.dialects import mysql  # late: commands on SQLite start without it

        return mysql.VARCHAR(length, charset=charset, collation=f"{charset}_bin")
    return sa.String(length, collation="C" if dialect.name == "postgresql" else None)


class _Name(sa.types.TypeDecorator[str]):
    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(_exact(dialect, _length(self), "utf8mb4"))


class _LongText(sa.types.TypeDecorator[str]):
    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects import mysql  # late, as above

            return dialect.type_descriptor(mysql.MEDIUMTEXT())
        return dialect.type_descriptor(sa.Text())


class _Identifier(sa.types.TypeDecorator[str]):
    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(_exact(dialect, _length(self), "ascii"))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Put NULL, which equals nothing, for what databases refuse to compare with ASCII text."""
        return value if value is not None and value.isascii() and "\0" not in value else None


def _length(decorated: sa.types.TypeDecorator[str]) -> int:
    return cast("sa.String", decorated.impl).length or 0


class Address(sa.types.TypeDecorator[IPAddress]):
    """An IP address as text that sorts: the version, then every hex digit.

    No database has 128-bit integers, and text can be read by whoever looks into the tables.
    """

    impl = sa.String(33)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Compare byte by byte on every database."""
        return dialect.type_descriptor(_exact(dialect, 33, "ascii"))

    def process_bind_param(self, value: IPAddress | None, dialect: Dialect) -> str | None:
        """Write ``40a000005`` for 10.0.0.5."""
        if value is None:
            return None
        return f"{value.version}{int(value):0{8 if value.version == 4 else 32}x}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> IPAddress | None:
        """Read it back."""
        return None if value is None else IPAddress(int(value[1:], 16), int(value[0]))


class Moment(sa.types.TypeDecorator[datetime]):
    """A time in UTC with microseconds, as seconds since 1970."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> float | None:
        """Write seconds."""
        return None if value is None else value.timestamp()

    def process_result_value(self, value: float | None, dialect: Dialect) -> datetime | None:
        """Read an aware time."""
        return None if value is None else datetime.fromtimestamp(value, UTC)
