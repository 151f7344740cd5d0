"""The stand-in: a whole Melange server, with switches for what goes wrong."""

import socket
from datetime import UTC, datetime
from http import HTTPStatus
from threading import Condition, Event, Lock
from time import monotonic
from types import TracebackType
from typing import Self

from qplug_ipam_melange.testing import app
from qplug_ipam_melange.testing.faults import Spinning
from qplug_ipam_melange.testing.listener import HOST, Listener
from qplug_ipam_melange.testing.messages import Answer, Request
from qplug_ipam_melange.testing.mishaps import Mishap, Mishaps, failure
from qplug_ipam_melange.testing.settings import Settings
from qplug_ipam_melange.testing.state.addresses import purge
from qplug_ipam_melange.testing.state.tables import Tables

GUARD = 60.0
"""Seconds after which a server that hangs ends a connection: a client without a timeout fails."""


class StandIn:
    """A Melange server in memory, for the time of a ``with``; ``url`` says where.

    Every switch works at once, from any thread, also for clients in other processes.
    """

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        self.settings = settings or Settings()
        self.requests: list[tuple[str, str]] = []
        """What was asked so far: methods and paths with their queries. Clear it to count."""
        self.errors = Mishaps()
        """What will still go wrong: see ``fail_next``, ``lose_next`` and ``cut_next``."""
        self.latency = 0.0
        """Seconds that each answer takes."""
        self.spinning = False
        """An IPv6 block was used up: the server hangs, as the original does, until it restarts."""
        self._port = port
        self._now: datetime | None = None
        self._hang = False
        self._changed = Condition()
        self._working = Lock()
        self._listener: Listener | None = None
        self.reset()

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
    def now(self) -> datetime:
        """Its clock, which runs until it is set, and stands still from then on."""
        return self._now or datetime.now(UTC)

    @now.setter
    def now(self, now: datetime) -> None:
        self._now = now

    @property
    def outage(self) -> bool:
        """Whether it refuses connections; what it knows survives."""
        return self._listener is None

    @outage.setter
    def outage(self, outage: bool) -> None:
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
        self.spinning = self.spinning and hang
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

    def reset(self) -> None:
        """Forget all that clients made."""
        self.tables = Tables(self.settings, lambda: self.now)

    def delete_deallocated_ips(self, keep_days: float | None = None) -> None:
        """Do the job of that name, which the original leaves to cron."""
        kept = self.settings.keep_deallocated_ips_for_days if keep_days is None else keep_days
        with self._working:
            purge(self.tables, kept)

    def _exchange(self, request: Request, closing: Event) -> Answer | None:
        self.requests.append((request.method, request.target))
        if not self._wait(closing):
            return None
        mishap = self.errors.take(request)
        if mishap and not mishap.works:
            return mishap.answer
        answer = self._do(request, closing)
        return mishap.spoil(answer) if mishap and answer else answer

    def _do(self, request: Request, closing: Event) -> Answer | None:
        try:
            with self._working:
                answer = app.answer(self.tables, request)
                if self.settings.job_always_runs:
                    purge(self.tables, self.settings.keep_deallocated_ips_for_days)
                return answer
        except Spinning:
            self.spinning = self.hang = True
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
