"""What every part of the manager works with."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.contracts import DhcpDriver, IpamDriver, L3Driver, MacDriver, QuantumDriver
from qplug.errors import (
    DeadlineExceeded,
    DriverFailed,
    DriversChanged,
    NotSupported,
    QplugError,
)
from qplug.model import Call, Capability, DriverNames, Network
from qplug.store import Store

LOG = logging.getLogger(__name__)

UNDO_TIME = 15.0
"""Seconds that each part of a clean-up has at least, even when its operation's time is over."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The drivers in use with the store, the options and what tests replace."""

    conf: ConfigOpts
    store: Store
    names: DriverNames
    ipam: IpamDriver
    quantum: QuantumDriver
    mac: MacDriver
    l3: L3Driver
    dhcp: DhcpDriver
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: str(uuid4())

    def call(self, request_id: str) -> Call:
        """Return the start of an operation, with the deadline that the options give it."""
        timeout = self.conf.operation_timeout
        return Call(request_id=request_id, now=self.now(), deadline=time.monotonic() + timeout)

    def overtime(self, call: Call) -> Call:
        """Return the same operation with time for a part of its clean-up, from now on."""
        deadline = max(call.deadline, time.monotonic() + UNDO_TIME)
        return Call(request_id=call.request_id, now=call.now, deadline=deadline)

    @property
    def serves_dhcp(self) -> bool:
        """Whether DHCP is on."""
        return Capability.SERVES in self.dhcp.capabilities

    def quantum_project(self, project_id: str | None) -> str:
        """Return the project that stands in Quantum for an owner, or for nobody."""
        return project_id or str(self.conf.quantum.default_project)

    def refuse_other_drivers(self, network: Network) -> None:
        """Refuse a network that other drivers than the configured ones serve.

        :raises DriversChanged: it was made with another driver
        """
        for kind in ("ipam", "quantum", "mac", "l3", "dhcp"):
            recorded, configured = getattr(network.drivers, kind), getattr(self.names, kind)
            if recorded != configured:
                raise DriversChanged(network.label, kind, recorded, configured)

    def refuse_choice(self, wanted: Sequence[IPAddress]) -> None:
        """Refuse addresses asked for by name of a driver that may give others instead.

        :raises NotSupported: the IPAM driver is such a one
        """
        if wanted and Capability.CHOSEN_ADDRESS not in self.ipam.capabilities:
            raise NotSupported("choice of addresses", "ipam", self.names.ipam)

    def close(self) -> None:
        """Give everything back."""
        for part in (self.dhcp, self.l3, self.mac, self.quantum, self.ipam, self.store):
            part.close()


@contextmanager
def step(call: Call, kind: str, doing: str) -> Iterator[None]:
    """Call a driver inside of this: in time, and with its surprises in our words.

    :raises DeadlineExceeded: there is no time left to begin
    :raises DriverFailed: the driver raised what no contract allows; the cause is chained
    """
    if not call.remaining():
        raise DeadlineExceeded(doing)
    LOG.debug("%s %s: %s", call.request_id, kind, doing)
    begun = time.monotonic()
    try:
        yield
    except QplugError:
        raise
    except Exception as error:  # a driver is foreign code: whatever it raises must be named
        raise DriverFailed(kind, doing, f"{type(error).__name__}: {error}") from error
    finally:
        LOG.debug("%s %s: %s took %.3f s", call.request_id, kind, doing, time.monotonic() - begun)


Attempt = Callable[[str, Callable[[], object]], bool]
"""How a part of a clean-up is done: as :func:`attempt` does it, or more patiently."""


class Undo:
    """What must be taken back if the operation fails, newest first.

    A step is registered before it is taken, since one that timed out may have happened.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], object], bool]] = []
        self._stands: Callable[[], bool] = lambda: False
        self._last: tuple[str, Callable[[], object], Callable[[str], object]] | None = None
        self.failure: str | None = None
        """What could not be taken back first, and why."""

    def add(self, what: str, take_back: Callable[[], object], *, if_clean: bool = False) -> None:
        """Register how to take back what the next step may do.

        :param what: said in the log when that fails
        :param if_clean: only if all that came later was taken back, which may else still use it
        """
        self._steps.append((what, take_back, if_clean))

    def marked(
        self, what: str, cancel: Callable[[], object], postpone: Callable[[str], object]
    ) -> None:
        """Register how to take away the mark under which all of this is done.

        :param postpone: leaves the mark for a later try instead, with what failed
        """
        self._last = (what, cancel, postpone)

    def unless(self, stands: Callable[[], bool]) -> None:
        """Take nothing back if the operation stands, nor if that cannot be found out."""
        self._stands = stands

    def run(self, attempt: Attempt) -> bool:
        """Take everything back, each part whatever happens to the others.

        :returns: whether nothing is left that should not be
        """
        if not attempt("nothing is undone, as nobody knows whether it is done", self._ask):
            return False
        failures: list[str] = []
        while self._steps:
            what, take_back, if_clean = self._steps.pop()
            if not failures or not if_clean:
                attempt(what, noting(failures, what, take_back))
        self.failure = next(iter(failures), None)
        if self._last is not None:
            what, cancel, postpone = self._last
            attempt(what, partial(postpone, failures[0]) if failures else cancel)
        return not failures

    def _ask(self) -> None:
        if self._stands():
            self._steps.clear()
            self._last = None


def attempt(what: str, work: Callable[[], object]) -> bool:
    """Do a part of a clean-up; a failure is logged and must not stop the other parts.

    :returns: whether it succeeded
    """
    try:
        work()
    except Exception as error:  # drivers are foreign code, and the other parts must have their turn
        LOG.exception("%s: %s", what, error)
        return False
    return True


def noting(failures: list[str], what: str, work: Callable[[], object]) -> Callable[[], object]:
    """Return the same work, which notes why it failed for whoever asks later."""

    def noted() -> None:
        try:
            work()
        except Exception as error:  # it is the attempt's to log it
            failures.append(f"{what}: {error}")
            raise

    return noted


@contextmanager
def undoing(cause: BaseException) -> Iterator[Attempt]:
    """Give a clean-up its way to do the parts: an interrupt does not stop it, but comes after it.

    Only one that is not the first, be that the cause itself, ends the clean-up too.
    """
    arrived: list[BaseException] = [] if isinstance(cause, Exception) else [cause]

    def patiently(what: str, work: Callable[[], object]) -> bool:
        try:
            return attempt(what, work)
        except BaseException as interrupt:
            if arrived:
                raise
            arrived.append(interrupt)
            return attempt(what, work)  # all of it: what is taken back already is no error

    yield patiently
    if arrived and arrived[0] is not cause:
        raise arrived[0]


@contextmanager
def all_or_nothing() -> Iterator[Undo]:
    """Undo, if something fails inside of this, what was registered by then."""
    undo = Undo()
    try:
        yield undo
    except BaseException as error:
        with undoing(error) as patiently:
            undo.run(patiently)
        raise
