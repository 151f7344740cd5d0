"""Ctrl-C, SIGTERM and SIGHUP as exceptions, so that a command undoes what it began."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

WAIT = b"qplug: still undoing what was begun; once more and it is left half-done\n"


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived. No ``except Exception`` takes it for an error of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def interruptible(*, undoes: bool) -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` at SIGINT and ``Terminated`` at SIGTERM and SIGHUP.

    :param undoes: whether the first of them makes what runs inside undo what it began. That takes
        a while: a second signal is answered by a word, and only a third ends that too
    """
    arrived = 0

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal arrived
        arrived += 1
        if undoes and arrived == 2:
            with suppress(OSError):  # the terminal may be gone
                os.write(2, WAIT)  # sys.stderr may be in the middle of a write
            return
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)

    before = {number: signal.signal(number, stop) for number in _heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heeded() -> Iterator[signal.Signals]:
    """Yield the signals to handle: not those that whoever started us wants ignored (nohup)."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                yield number
