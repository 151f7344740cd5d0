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

MEMORY = 10.0
"""Seconds after a lost race in which whoever comes stands in line at once."""


class RaceLost(Exception):
    """Another transaction changed first what this one relied on."""


class Line:
    """Where those stand who lost a race for the same rows, and for a while all who come then.

    It costs one statement, and a lost race three and a transaction: one alone is faster without,
    and 8 processes that allocate on one network are faster with it.

    :param stand: waits for all others in the line
    """

    def __init__(self, stand: Callable[[Connection], None]) -> None:
        self.stand = stand
        self._until = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether it is better to stand in it at once."""
        return time.monotonic() < self._until

    def lost(self) -> None:
        """Remember that a race was lost."""
        self._until = time.monotonic() + MEMORY


def settle(
    database: Database,
    call: Call,
    work: Callable[[Connection], T],
    *,
    line: Line | None = None,
) -> T:
    """Return what work returns as soon as it neither loses a race nor breaks a constraint.

    :param line: where to stand in every attempt but the first, or in the first too
    :raises DatabaseUnavailable: it always does, or does until the deadline
    """
    line = line or Line(lambda _: None)

    def in_line(connection: Connection) -> T:
        line.stand(connection)
        return work(connection)

    for attempt in range(ATTEMPTS):
        try:
            return database.write(call, in_line if attempt or line.is_busy else work)
        except (RaceLost, IntegrityError) as error:
            line.lost()
            if attempt == ATTEMPTS - 1 or not call.remaining():
                raise DatabaseUnavailable(
                    database.name, "too many others change the same rows; try again later"
                ) from error
        time.sleep(_jitter(attempt))
    raise AssertionError("the last attempt returns or raises")


def _jitter(attempt: int) -> float:
    return random.uniform(0, 0.0005 * 2 ** min(attempt, 6))  # noqa: S311  # no secret
