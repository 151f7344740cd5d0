"""An operation again and again, each time with the next of its calls of drivers going wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qplug.testing.failing.judging import disagreements
from qplug.testing.failing.operations import Operation, clear
from qplug.testing.failing.striking import Strike
from qplug.testing.failing.world import World


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of an operation one of whose calls went wrong."""

    what: str
    """Which call it was, to be said when something is wrong."""
    before: Mapping[str, Any]
    """What there was when it began."""
    shown: Mapping[str, Any]
    """What people saw of it."""
    error: Exception | None
    """What the operation raised."""
    raised: Exception | None
    """What the driver raised."""
    strike: Strike


def rounds(
    world: World, operation: Operation, strike: Strike, *, lasting: bool = False
) -> Iterator[Round]:
    """Yield a round for each call, until the operation ends and none went wrong.

    What a round leaves is cleared before the next one, which finds the world as the first did.
    """
    striker, number, been = world.striker, 0, set[str]()
    begin_anew(world, operation)
    while True:
        before, shown = world.holdings(), world.shown()
        with striker.striking(strike, number, lasting=lasting):
            error = _error_of(world, operation)
        if striker.struck is None:
            assert error is None, f"{operation}: {error!r}, though no driver failed"
            assert not disagreements(world), f"{operation}, though no driver failed"
            # A host is initialised once only: what came after that was another call's number then.
            missed = [n for n, step in enumerate(striker.steps) if step not in been]
            if not missed:
                break
            number = missed[0]
        else:
            been.add(striker.struck.step)
            what = f"{operation}: {striker.struck.step} (call {number}) {strike}"
            yield Round(
                what=what,
                before=before,
                shown=shown,
                error=error,
                raised=striker.raised,
                strike=strike,
            )
            number += 1
        if world.holdings() != before:
            begin_anew(world, operation)
    assert len(striker.steps) >= operation.least, f"{operation}: only {striker.steps}"


def begin_anew(world: World, operation: Operation) -> None:
    """Clear the world, and prepare it for the operation."""
    clear(world)
    left = {what: there for what, there in world.holdings().items() if there}
    assert not left, f"after all was deleted there is still {left}"
    operation.prepare(world)


def _error_of(world: World, operation: Operation) -> Exception | None:
    try:
        operation.act(world)
    except Exception as error:  # of whatever type: it is judged later
        return error
    return None
