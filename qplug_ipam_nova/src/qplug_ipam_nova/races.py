"""Trying again, in a new transaction, after another one was faster."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.db import Database
from qplug.errors import DatabaseUnavailable
from qplug.model import Call

T = TypeVar("T")

ATTEMPTS = 50
"""How many races in a row may be lost; writers to SQLite take turns and lose none."""


class RaceLost(Exception):
    """Another transaction changed first what this one relied on."""


def settle(
    database: Database,
    call: Call,
    work: Callable[[Connection], T],
    *,
    line: Callable[[Connection], None] = lambda _: None,
) -> T:
    """Return what work returns as soon as it neither loses a race nor breaks a constraint.

    :param line: what comes first in every attempt but the first
    :raises DatabaseUnavailable: it always does, or does until the deadline
    """

    def once_more(connection: Connection) -> T:
        line(connection)
        return work(connection)

    for attempt in range(ATTEMPTS):
        try:
            return database.write(call, once_more if attempt else work)
        except (RaceLost, IntegrityError) as error:
            if attempt == ATTEMPTS - 1 or not call.remaining():
                raise DatabaseUnavailable(
                    database.name, "too many others change the same rows; try again later"
                ) from error
        time.sleep(_jitter(attempt))
    raise AssertionError("the last attempt returns or raises")


def _jitter(attempt: int) -> float:
    return random.uniform(0, 0.0005 * 2 ** min(attempt, 6))  # noqa: S311  # no secret
