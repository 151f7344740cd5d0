"""Keeping a database usable on both sides of a fork."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

WAIT = 5.0
"""Seconds that a fork waits for the transactions of other threads to end."""


class Gate:
    """Lets transactions through, but none while this process forks."""

    def __init__(self) -> None:
        self._forks = 0
        self._inside = 0
        self._change = threading.Condition()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside, where no fork happens."""
        with self._change:
            self._change.wait_for(lambda: not self._forks)
            self._inside += 1
        try:
            yield
        finally:
            with self._change:
                self._inside -= 1
                self._change.notify_all()

    def close(self) -> None:
        """Let nobody in and wait until nobody is inside; a fork inside a transaction waits long."""
        with self._change:
            self._forks += 1
            self._change.wait_for(lambda: not self._inside, WAIT)

    def open(self) -> None:
        """Let everybody in again."""
        with self._change:
            self._forks -= 1
            self._change.notify_all()


def at_forks(
    owner: T,
    *,
    before: Callable[[T], None],
    parent: Callable[[T], None],
    child: Callable[[T], None],
) -> None:
    """Call methods of the owner around every fork of this process, as long as it is there."""
    reference = weakref.ref(owner)

    def call(method: Callable[[T], None]) -> Callable[[], None]:
        def bound() -> None:
            if (found := reference()) is not None:
                method(found)

        return bound

    os.register_at_fork(
        before=call(before), after_in_parent=call(parent), after_in_child=call(child)
    )
