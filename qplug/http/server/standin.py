"""A server in memory, with switches for what goes wrong."""

import socket
from abc import ABC, abstractmethod
from http import HTTPStatus
from threading import Condition, Event, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from qplug.http.server.listener import HOST, Listener
from qplug.http.server.messages import Answer, Request
from qplug.http.server.mishaps import Mishap, Mishaps, failure

GUARD = 60.0
"""Seconds after which a server that hangs ends a connection: a client without a timeout fails."""


class Hangs(Exception):
    """The server answers nobody from now on."""


class StandIn(ABC):
    """A server in memory, for the time of a ``with``; ``url`` says where.

    Every switch works at once, from any thread, also for clients in other processes.

    :param port: where it listens on 127.0.0.1; 0 means any that is free
    """

    def __init__(self, port: int = 0) -> None:
        self.requests: list[tuple[str, str]] = []
        """What was asked so far: methods and paths with their queries. Clear it to count."""
        self.errors = Mishaps()
        """What will still go wrong: see ``fail_next``, ``lose_next`` and ``cut_next``."""
        self.latency = 0.0
        """Seconds that each answer takes."""
        self.working = Lock()
        """Held while it does what a request wants."""
        self._port = port
        self._hang = False
        self._changed = Condition()
        self._listener: Listener | None = None
        self._last: tuple[int, bool] | None = None
        self._switching = Lock()

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """Do what a request wants; one at a time.

        :raises Hangs: it answers nobody any more
        """

    def __enter__(self) -> Self:
        # Bound, but never listening: the port stays ours, and refuses, during an outage.
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind((HOST, self._port))
        self._port = self._held.getsockname()[1]
        self.outage = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.outage = True
        self._held.close()

    @property
    def url(self) -> str:
        """Where it is, without a version."""
        return f"http://{HOST}:{self._port}"

    @property
    def outage(self) -> bool:
        """Whether it refuses connections; what it knows survives."""
        return self._listener is None

    @outage.setter
    def outage(self, outage: bool) -> None:
        with self._switching:
            self._last = None
            if outage and self._listener:
                listener, self._listener = self._listener, None
                listener.closing.set()
                self._wake()
                listener.close()
            elif not outage and not self._listener:
                self._listener = Listener(self._port, self._exchange)

    @property
    def hang(self) -> bool:
        """Whether it accepts requests and answers none; those that wait go on when it ends."""
        return self._hang

    @hang.setter
    def hang(self, hang: bool) -> None:
        self._hang = hang
        self._wake()

    def fail_next(
        self,
        status: int = 503,
        times: int = 1,
        *,
        method: str | None = None,
        text: str = "",
        works: bool = False,
    ) -> None:
        """Answer the next requests with a page of HTML, or what is given, and do nothing.

        ``works``: do what they want first, like a server behind a proxy that gave up.
        """
        answer = failure(HTTPStatus(status), text)
        self.errors += [Mishap(method, answer, works)] * times

    def lose_next(self, times: int = 1, *, method: str | None = None, works: bool = True) -> None:
        """Do what the next requests want, and close the connections without an answer."""
        self.errors += [Mishap(method, works=works)] * times

    def cut_next(self, times: int = 1, *, method: str | None = None) -> None:
        """Do what the next requests want, and close the connections in the middle of the answer."""
        self.errors += [Mishap(method, share=0.5)] * times

    def end_after(self, number: int, *, works: bool) -> None:
        """Answer that many requests more, and be killed by the next one: an outage begins.

        ``works``: do what that one wants, though nobody is answered.
        """
        self._last = (len(self.requests) + number, works)

    def _exchange(self, request: Request, closing: Event) -> Answer | None:
        with self._changed:
            number = len(self.requests)
            self.requests.append((request.method, request.target))
        if not self._wait(closing):
            return None
        if self._last is not None and number >= self._last[0]:
            self._end(request, closing)
            return None
        mishap = self.errors.take(request)
        if mishap and not mishap.works:
            return mishap.answer
        answer = self._do(request, closing)
        return mishap.spoil(answer) if mishap and answer else answer

    def _end(self, request: Request, closing: Event) -> None:
        """Begin an outage, which somebody else has to: it waits for this request to end."""
        last, self._last = self._last, None
        if last is not None and last[1]:
            self._do(request, closing)
        Thread(target=setattr, args=(self, "outage", True)).start()
        closing.wait(GUARD)

    def _do(self, request: Request, closing: Event) -> Answer | None:
        try:
            with self.working:
                return self.answer(request)
        except Hangs:
            self.hang = True
            self._wait(closing)
            return None

    def _wait(self, closing: Event) -> bool:
        """Wait as long as the switches say; false if the connection is to end."""
        end = monotonic() + self.latency
        with self._changed:
            self._changed.wait_for(closing.is_set, end - monotonic())
            self._changed.wait_for(lambda: closing.is_set() or not self._hang, GUARD)
        return not (closing.is_set() or self._hang)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
