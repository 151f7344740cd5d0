"""An operation again and again, each time with the next of its calls of drivers going wrong."""

from collections.abc import Iterator
from dataclasses import dataclass

from qplug.api import NetworkApi
from qplug.testing.crash.judge import faults_in
from qplug.testing.crash.operations import Operation
from qplug.testing.crash.stage import Opened
from qplug.testing.crash.world import Onlooker, World
from qplug.testing.failing.striking import Strike, Striker


@dataclass(frozen=True)
class Scene:
    """A manager whose drivers can be struck, and who sees what is left then."""

    opened: Opened
    striker: Striker
    onlooker: Onlooker

    @property
    def api(self) -> NetworkApi:
        """The manager's operations, for an administrator."""
        return self.opened.api

    def prepared(self, operation: Operation) -> World:
        """Have what an operation needs, and return all there is."""
        operation.prepare(self.api)
        self.striker.networks.clear()
        before = self.onlooker.begin()
        faults = faults_in(before)
        assert not faults, f"before '{operation}': {faults}"
        return before

    def look(self) -> World:
        """Return all there is by now."""
        self.onlooker.know(self.striker.networks.values())
        return self.onlooker.look()


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of an operation one of whose calls went wrong."""

    what: str
    """Which call it was, to be said when something is wrong."""
    before: World
    """What there was when it began."""
    error: Exception | None
    """What the operation raised."""
    raised: Exception | None
    """What the driver raised."""
    strike: Strike


def rounds(
    scene: Scene, operation: Operation, strike: Strike, *, lasting: bool = False
) -> Iterator[Round]:
    """Yield a round for each call, until the operation ends and none went wrong.

    Each finds the world as the first did, if whoever is given one sees to it that there is all of
    the operation afterwards, or nothing.
    """
    striker, number, been = scene.striker, 0, set[str]()
    before = scene.prepared(operation)
    while True:
        with striker.striking(strike, number, lasting=lasting):
            error = _error_of(scene, operation)
        if striker.struck is None:
            assert error is None, f"'{operation}': {error!r}, though no driver failed"
            # A host is initialised once only: what came after that was another call's number then.
            missed = [n for n, step in enumerate(striker.steps) if step not in been]
            if not missed:
                break
            number = missed[0]
        else:
            been.add(striker.struck.step)
            what = f"'{operation}': {striker.struck.step} (call {number}) {strike}"
            yield Round(what=what, before=before, error=error, raised=striker.raised, strike=strike)
            number += 1
        if operation.stands(scene.api):
            before = scene.prepared(operation)
    assert striker.steps, f"'{operation}' calls no driver"
    done = scene.look()
    assert done.done, f"'{operation}' is not done, though no driver failed"
    faults = faults_in(done)
    assert not faults, "\n".join([f"'{operation}', though no driver failed", *faults])


def _error_of(scene: Scene, operation: Operation) -> Exception | None:
    try:
        operation.act(scene.api)
    except Exception as error:  # of whatever type: it is judged later
        return error
    return None
