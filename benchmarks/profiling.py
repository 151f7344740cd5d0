"""Where the time of an operation goes: a timer interrupts it, and the stack tells where it is.

Profilers that count calls slow down Python's own work, but not the waiting for a database.
"""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EVERY = 0.0037
"""Seconds between two looks; more than a call of C takes, after which alone Python looks."""

FUNCTIONS = {
    "do_commit": "commits: driver, server, disk",
    "do_execute": "statements: driver, server",
    "do_executemany": "statements: driver, server",
    "when_free": "waiting to begin",
}
"""Functions of SQLAlchemy and ours, inside of which the database is at work."""

PLACES = {
    "/sqlalchemy/": "SQLAlchemy",
    "/qplug/db/": "qplug.db",
    "/qplug/store/": "store",
    "/qplug/builtin/": "drivers local and random",
    "/qplug_ipam_nova/": "driver nova",
    "/qplug/network_info/": "network info",
    "/qplug/": "manager",
}
"""Folders, of which the innermost in a stack counts; libraries count for who calls them."""


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Count where the main thread is, until the end."""
    seen: Counter[str] = Counter()

    def look(_: int, innermost: FrameType | None) -> None:
        seen[_place(innermost)] += 1

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)
    try:
        yield seen
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _place(innermost: FrameType | None) -> str:
    stack = list(_outwards(innermost))
    for frame in stack:
        if found := FUNCTIONS.get(frame.f_code.co_name):
            return found
    for frame in stack:
        for folder, name in PLACES.items():
            if folder in frame.f_code.co_filename:
                return name
    return "this benchmark"


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
