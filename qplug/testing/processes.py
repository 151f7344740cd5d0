"""Work done in other processes, for tests of what survives them."""

import ctypes
import gc
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from typing import NoReturn

LIMIT = 120
"""Seconds after which a child that hangs is killed by SIGALRM."""

SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


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


def start(work: Callable[[], object]) -> "Child":
    """Begin the work in a fork; calling what is returned waits for its end."""
    return Child(work)


class Child:
    """A fork of this process that does some work."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._pipe, writing = os.pipe()
        self._status: int | None = None
        self.pid = os.fork()
        if not self.pid:
            _finish(work, writing)
        os.close(writing)

    def __call__(self) -> Ended:
        """Wait for its end."""
        with os.fdopen(self._pipe) as pipe:
            said = pipe.read()
        while self._status is None:
            self._wait()
        return Ended(os.waitstatus_to_exitcode(self._status), said)

    def stops(self) -> bool:
        """Wait until SIGSTOP stops it, and say so; not if it ends instead."""
        return self._status is None and self._wait(os.WUNTRACED)

    def resume(self) -> None:
        """Let it go on that was stopped."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it, unless it has ended."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self()

    def _wait(self, options: int = 0) -> bool:
        """Wait for a change, and say whether it is that it was stopped."""
        _, status = os.waitpid(self.pid, options)
        if os.WIFSTOPPED(status):
            return True
        self._status = status
        return False


def die_with_parent() -> None:
    """Have this child killed when the process that forked it ends, even while it is stopped."""
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)


def _finish(work: Callable[[], object], pipe: int) -> NoReturn:
    status, said = 1, ""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT)
    gc.freeze()  # what the parent has is not looked through, which would copy all of it
    try:
        status, said = 0, str(work())
    except BaseException as error:  # whatever it is, the parent is told
        said = f"{type(error).__name__}: {error}"
    finally:
        os.write(pipe, said.encode())
        os._exit(status)  # nothing of the test run that was forked may end twice
