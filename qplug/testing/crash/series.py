"""One operation, struck at each of its points in turn, with somebody else at work beside it."""

import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from qplug.errors import QplugError
from qplug.testing.crash.bystander import Bystander
from qplug.testing.crash.judge import changes_in, faults_in, misfits_in
from qplug.testing.crash.operations import Operation
from qplug.testing.crash.points import COMMIT, Points, kinds_of
from qplug.testing.crash.repair import let_a_minute_pass
from qplug.testing.crash.stage import Stage
from qplug.testing.crash.world import Onlooker, World
from qplug.testing.processes import Child, die_with_parent

MANY = 300
"""Every operation has less points than that."""

AUDITED = 4
"""After one strike of so many there is an audit, which takes as long as all else that is judged."""


@dataclass(frozen=True, kw_only=True)
class Strike:
    """An operation whose process was struck."""

    number: int
    point: str
    """Before or after what that was."""
    victim: Child
    before: World
    """What there was when it began."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """An operation with all that its tests need."""

    stage: Stage
    onlooker: Onlooker
    beside: Bystander
    operation: Operation
    strike: Callable[[], object]
    """What is done in the victim."""
    then: Callable[[], object] = int
    """What is done in it at the point after that one, if it goes on until there."""
    watch: Callable[[Points], AbstractContextManager[None]]
    """How its commits are counted."""

    def strikes(self) -> Generator[Strike]:
        """Yield a struck process for each point, with somebody at work beside it.

        The last time none is struck, and it must succeed. Close it, and no process is left.
        """
        for number in range(MANY):
            self.operation.prepare(self.onlooker.api)
            before = self.onlooker.begin()
            self.beside.work()
            points = Points(number, self.strike, self.then)
            child = Child(partial(self._victim, points))
            try:
                child.stops()
                if not points.struck:
                    self._end(child, before, number)
                    return
                yield Strike(number=number, point=points.struck, victim=child, before=before)
            finally:
                child.kill()
        raise AssertionError(f"there is no end of points of '{self.operation}'")

    def judge(self, strike: Strike) -> World:
        """Find no fault with what is there, and nothing half-done; return it.

        Before it a minute passes, so that late work of the victim is waited for no more.
        """
        self.beside.rest()
        self.onlooker.api.retry_pending()
        let_a_minute_pass(self.stage)
        self.onlooker.api.retry_pending()
        after = self.onlooker.look()
        where = f"'{self.operation}', struck {strike.point}"
        faults = faults_in(after)
        assert not faults, "\n".join([where, *faults])
        changes = changes_in(strike.before, after)
        if changes:
            assert changes == [self.operation.touches], f"{where}, changes others: {changes}"
            assert after.done, f"{where}, is half-done"
        if strike.number % AUDITED == 0:
            self._audit()
        return after

    def expect_fit(self, strike: Strike) -> None:
        """Find nothing lost, leaked or double, though it is not known yet if that is the end."""
        self.beside.rest()
        misfits = misfits_in(self.onlooker.look())
        assert not misfits, "\n".join([f"'{self.operation}', struck {strike.point}", *misfits])

    def _audit(self) -> None:
        found = list(self.onlooker.api.audit())
        assert not found, f"an audit finds {found}"

    def _victim(self, points: Points) -> str:
        die_with_parent()
        with self.stage.opened(points.watch) as opened, self.watch(points):
            failed = _failure(partial(self.operation.act, opened.api))
        return json.dumps({"failed": failed, "passed": points.passed})

    def _end(self, child: Child, before: World, number: int) -> None:
        ended = child()
        assert ended.status == 0, ended.said
        told = json.loads(ended.said)
        assert told["failed"] is None
        assert number >= self.operation.least, f"'{self.operation}' has {number} points"
        missing = {*self.operation.calls(self.onlooker.opened), COMMIT} - kinds_of(told["passed"])
        assert not missing, f"'{self.operation}' has no points of {sorted(missing)}"
        strike = Strike(number=number, point="nowhere", victim=child, before=before)
        assert self.judge(strike).done
        for _ in range(2):  # an audit changes nothing
            self._audit()


def outcome_of(child: Child) -> str | None:
    """Return with what error an operation ended; ``None`` if it succeeded."""
    ended = child()
    assert ended.status == 0, ended.said
    failed: str | None = json.loads(ended.said)["failed"]
    return failed


def _failure(act: Callable[[], Any]) -> str | None:
    try:
        act()
    except QplugError as error:
        return f"{type(error).__name__}: {error}"
    return None
