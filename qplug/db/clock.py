"""The clock that all who share a database agree on: the database's own."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class clock(FunctionElement[float]):  # noqa: N801  # used like a function in statements
    """Seconds since 1970, as a column of type ``Moment`` keeps them; MariaDB counts whole ones."""

    type = sa.Double()
    inherit_cache = True


@compiles(clock, "sqlite")
def _sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(clock, "postgresql")
def _postgresql(*_: Any, **__: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(clock, "mysql", "mariadb")
def _mariadb(*_: Any, **__: Any) -> str:
    return "(UNIX_TIMESTAMP() + 0e0)"  # NOW(6) is a local time, ambiguous for an hour each autumn
