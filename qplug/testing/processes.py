"""Work done in other processes, for tests of what survives them."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from typing import NoReturn

LIMIT = 120
"""Seconds after which a child that hangs is killed by SIGALRM."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    """0, or 1 when its work raised, or the signal that killed it as a negative number."""
    said: str
    """What its work returned or raised."""


def in_child(work: Callable[[], object]) -> Ended:
    """Do the work in a fork of this process."""
    return start(work)()


def at_once(works: Sequence[Callable[[], object]]) -> Sequence[Ended]:
    """Do each work in a fork of its own; all begin when the last is ready."""
    barrier = get_context("fork").Barrier(len(works))

    def when_ready(work: Callable[[], object]) -> object:
        barrier.wait()
        return work()

    ends = [start(lambda work=work: when_ready(work)) for work in works]  # type: ignore[misc]  # bound now
    return [end() for end in ends]


def start(work: Callable[[], object]) -> Callable[[], Ended]:
    """Begin the work in a fork; the function returned waits for its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _finish(work, writing)
    os.close(writing)

    def end() -> Ended:
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        return Ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said)

    return end


def _finish(work: Callable[[], object], pipe: int) -> NoReturn:
    status, said = 1, ""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT)
    try:
        status, said = 0, str(work())
    except BaseException as error:  # whatever it is, the parent is told
        said = f"{type(error).__name__}: {error}"
    finally:
        os.write(pipe, said.encode())
        os._exit(status)  # nothing of the test run that was forked may end twice
