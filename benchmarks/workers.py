"""Processes that each have a door of their own to one database."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.sites import Site

LEAD = 0.05
"""Seconds in which all workers hear what to do next, so that they begin at once."""

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["benchmarks.sites"])  # all are forks of one that imported it


class Worker:
    """A process with a :class:`Site`, whose methods it runs when asked."""

    def __init__(self, url: str, folder: str) -> None:
        self._pipe, theirs = FORKS.Pipe()
        self._process = FORKS.Process(target=_serve, args=(theirs, url, folder), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, method: str, *arguments: Any, at: float = 0) -> None:
        """Have it run a method, from that time of the monotonic clock on."""
        self._pipe.send((method, arguments, at))

    def answer(self) -> Any:
        """Return what the method returned."""
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def do(self, method: str, *arguments: Any) -> Any:
        """Run a method and return what it returns."""
        self.ask(method, *arguments)
        return self.answer()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


@contextmanager
def workers(count: int, url: str, folder: str) -> Iterator[Sequence[Worker]]:
    """Start that many processes, and end them."""
    with ExitStack() as closing:
        started = [Worker(url, folder) for _ in range(count)]
        for worker in started:
            closing.callback(worker.close)
        yield started


def together(those: Sequence[Worker], method: str, *arguments: Any) -> list[Any]:
    """Have all of them run a method at the same time."""
    at = time.monotonic() + LEAD
    for worker in those:
        worker.ask(method, *arguments, at=at)
    return [worker.answer() for worker in those]


def _serve(pipe: Connection, url: str, folder: str) -> None:
    site = Site(url, folder)
    while True:
        try:
            method, arguments, at = pipe.recv()
        except EOFError:
            site.close()
            return
        time.sleep(max(0.0, at - time.monotonic()))
        try:
            pipe.send(getattr(site, method)(*arguments))
        except Exception as error:  # it is whoever asked that is to know
            pipe.send(error)
