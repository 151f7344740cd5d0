"""How a driver's call goes wrong, and the watcher that has one of them do so."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from qplug.errors import BackendUnavailable, CidrConflict
from qplug.model import Network
from qplug.testing.watching import DriverCall


def unavailable() -> Exception:
    """Return what a driver raises whose backend does not answer."""
    return BackendUnavailable("the backend", "a test keeps it from answering")


def conflict() -> Exception:
    """Return what a driver raises that refuses."""
    return CidrConflict("203.0.113.0/24", "203.0.113.0/25", "another one's")


def untyped() -> Exception:
    """Return what a driver raises by mistake."""
    return KeyError("a mistake of the driver")


@dataclass(frozen=True, kw_only=True)
class Strike:
    """How one call of a driver goes wrong."""

    name: str
    raises: Callable[[], Exception] | None = None
    """``None`` lets it answer, only too late."""
    works: bool = False
    """Whether its work is done all the same, so that only the answer is lost."""
    hangs: bool = False
    """Whether the call's deadline is over when it ends."""
    meanwhile: Callable[[], object] = lambda: None
    """What somebody else does before it ends."""

    def __str__(self) -> str:
        """Return the name, for whoever reads which test has failed."""
        return self.name


STRIKES = (
    Strike(name="unavailable", raises=unavailable),
    Strike(name="refused", raises=conflict),
    Strike(name="untyped", raises=untyped),
    Strike(name="hangs and fails", raises=unavailable, hangs=True),
    Strike(name="hangs and works", hangs=True, works=True),
    Strike(name="hangs and works and fails", raises=unavailable, hangs=True, works=True),
    Strike(name="works and is unavailable", raises=unavailable, works=True),
    Strike(name="works and raises untyped", raises=untyped, works=True),
)


class Striker:
    """Has the call of one number go wrong; it is the watcher of all drivers of a manager."""

    def __init__(self) -> None:
        self.struck: DriverCall | None = None
        """The call that went wrong, if any did."""
        self.raised: Exception | None = None
        """What it raised."""
        self.steps: list[str] = []
        """The calls until then."""
        self.networks: dict[str, Network] = {}
        """Those that drivers were told of, by id."""
        self._strike: Strike | None = None
        self._number = 0
        self._lasting = False
        self._late = 0.0

    @contextmanager
    def striking(self, strike: Strike, number: int, *, lasting: bool = False) -> Iterator[None]:
        """Strike, inside of this, the call of that number; the first one is 0.

        :param lasting: whether the same driver raises at all its further calls too
        """
        self.struck, self.raised, self.steps, self._late = None, None, [], 0.0
        self._strike, self._number, self._lasting = strike, number, lasting
        real = time.monotonic
        try:
            with patch.object(time, "monotonic", lambda: real() + self._late):
                yield
        finally:
            self._strike = None

    def __call__(self, made: DriverCall, work: Callable[[], Any]) -> Any:
        """Do the work, or not, as the watcher of a driver."""
        if isinstance(network := made.args.get("network"), Network):
            self.networks[network.id] = network
        if self._strike is None:
            return work()
        if self.struck is not None:
            return self._after(self.struck, self._strike, made, work)
        self.steps.append(made.step)
        if len(self.steps) <= self._number:
            return work()
        self.struck = made
        return self._hit(self._strike, made, work)

    def _hit(self, strike: Strike, made: DriverCall, work: Callable[[], Any]) -> Any:
        answer = work() if strike.works else None
        strike.meanwhile()
        if strike.hangs:
            self._late += max(0.0, made.deadline - time.monotonic()) + 0.001
        if strike.raises:
            self.raised = strike.raises()
            raise self.raised
        return answer

    def _after(
        self, struck: DriverCall, strike: Strike, made: DriverCall, work: Callable[[], Any]
    ) -> Any:
        if not self._lasting or made.kind != struck.kind:
            return work()
        if strike.works:
            work()
        raise unavailable()
