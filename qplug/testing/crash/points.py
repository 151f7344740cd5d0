"""The points of an operation at which its process can be struck.

They are before and after each call of a driver and each commit. Where nothing is done between the
end of one and the beginning of another, that is one point.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from mmap import mmap
from typing import Any
from unittest.mock import patch

from qplug.db import Database
from qplug.testing.watching import DriverCall

COMMIT = "commit"
ROOM = 256


def kill() -> None:
    """End this process in the middle of what it does."""
    os.kill(os.getpid(), signal.SIGKILL)


def pause() -> None:
    """Stop this process until another one lets it go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


class Points:
    """Counts the points from 0 on, and strikes at one of them.

    It is made by the parent, which can read where its child was struck.

    :param then: what is done at the point after that one
    """

    def __init__(
        self, number: int, strike: Callable[[], object], then: Callable[[], object] = int
    ) -> None:
        self.passed: list[str] = []
        """What each point was before or after."""
        self._left = number
        self._strike = strike
        self._then = then
        self._between = False
        self._struck = mmap(-1, ROOM)

    @property
    def struck(self) -> str:
        """The point at which the child was struck; empty if it was not."""
        return self._struck[:].rstrip(b"\0").decode()

    def watch(self, made: DriverCall, work: Callable[[], Any]) -> Any:
        """Be the watcher of drivers. The reading of what they list counts as part of no call."""
        return work() if made.reading else self._around(made.step, work)

    @contextmanager
    def at_commits(self) -> Iterator[None]:
        """Have all commits of all databases counted, as they are made: before one is the last word.

        For a process that is killed: what it had not committed was never there.
        """
        real = Database._commit

        def commit(database: Database, transaction: Any) -> None:
            self._around(COMMIT, lambda: real(database, transaction))

        with patch.object(Database, "_commit", commit):
            yield

    @contextmanager
    def at_transactions(self) -> Iterator[None]:
        """Have all transactions that write counted as a whole.

        For a process that is stopped: inside of one it would have its locks, and whoever wants them
        would wait for it.
        """
        real = Database.write

        def write(database: Database, *arguments: Any) -> Any:
            return self._around(COMMIT, lambda: real(database, *arguments))

        with patch.object(Database, "write", write):
            yield

    def _around(self, what: str, work: Callable[[], Any]) -> Any:
        self._reach(f"before {what}")
        answer = work()
        self._reach(f"after {what}")
        return answer

    def _reach(self, name: str) -> None:
        between, self._between = self._between, name.startswith("after")
        if between and not self._between:
            self.passed[-1] += f", {name}"
            return
        self.passed.append(name)
        self._left -= 1
        if self._left == -1:
            self._struck[: len(name)] = name.encode()
            self._strike()
        elif self._left == -2:
            self._then()


def kinds_of(passed: Sequence[str]) -> frozenset[str]:
    """Return what was called: the kinds of drivers, and commits."""
    words = [word for name in passed for word in name.replace(",", "").split()]
    return frozenset(word.partition(".")[0] for word in words) - {"before", "after"}
