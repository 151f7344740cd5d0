"""The fail suite."""

from collections.abc import Sequence

import pytest

from qplug.errors import QplugError
from qplug.store import Work
from qplug.store.tables import vifs
from qplug.testing.crash.judge import changes_in, faults_in
from qplug.testing.crash.operations import Operation
from qplug.testing.crash.world import World
from qplug.testing.failing.judging import changes, not_held
from qplug.testing.failing.rounds import Round, Scene, rounds
from qplug.testing.failing.scene import ALL_OR_NOTHING, DEALLOCATE, DELETE, SceneSuite
from qplug.testing.failing.striking import STRIKES, Strike

each_strike = pytest.mark.parametrize("strike", STRIKES, ids=str)
all_or_nothing = pytest.mark.parametrize("operation", ALL_OR_NOTHING, ids=str)
deallocating = pytest.mark.parametrize("operation", [DEALLOCATE], ids=str)
deleting = pytest.mark.parametrize("operation", [DELETE], ids=str)
once_and_lasting = pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])


class FailSuite(SceneSuite, base=True):
    """Inherit it and supply ``drivers``: what makes yours, by kind.

    In each operation each call of a driver goes wrong, one after the other and in each way.
    """

    @each_strike
    @all_or_nothing
    def test_whichever_call_fails_all_is_done_or_nothing(
        self, scene: Scene, operation: Operation, strike: Strike
    ) -> None:
        for tried in rounds(scene, operation, strike):
            after = scene.look()
            _refuse(faults_in(after), tried)
            _refuse_half(tried, after)
            _refuse_other_words(tried)

    @each_strike
    @all_or_nothing
    def test_what_cannot_be_undone_is_pending_and_nobody_sees_or_gets_it(
        self, scene: Scene, operation: Operation, strike: Strike
    ) -> None:
        for tried in rounds(scene, operation, strike, lasting=True):
            after = scene.look()
            if tried.error is not None:
                _refuse(changes_in(tried.before, after), tried)
            _refuse_half(tried, _retried(scene, tried, after))

    @pytest.mark.parametrize("operation", [*ALL_OR_NOTHING, DEALLOCATE, DELETE], ids=str)
    def test_what_somebody_works_on_is_taken_up_by_nobody_else(
        self, scene: Scene, operation: Operation
    ) -> None:
        def look_for_work() -> None:
            found.extend(scene.api.get_pending())
            found.extend(scene.api.retry_pending())

        found: list[Work] = []
        slow = Strike(name="takes its time", works=True, meanwhile=look_for_work)
        for tried in rounds(scene, operation, slow):
            assert not found, f"{tried.what}: {found} is taken for pending"
            assert tried.error is None, tried.what
            _refuse_half(tried, scene.look())

    @once_and_lasting
    @each_strike
    @deallocating
    def test_whichever_call_fails_a_deallocation_gets_through_with_all_others(
        self, scene: Scene, operation: Operation, strike: Strike, lasting: bool
    ) -> None:
        for tried in rounds(scene, operation, strike, lasting=lasting):
            after = scene.look()
            assert tried.error is None, tried.what
            assert after.done, tried.what
            left = [row.id for row in after.of(vifs) if row.state == "deleting"]
            assert lasting or len(left) <= 1, f"{tried.what}: vifs {left} are left"
            _retried(scene, tried, after)

    @once_and_lasting
    @each_strike
    @deleting
    def test_whichever_call_fails_a_deletion_is_refused_or_carried_on_with(
        self, scene: Scene, operation: Operation, strike: Strike, lasting: bool
    ) -> None:
        for tried in rounds(scene, operation, strike, lasting=lasting):
            after = scene.look()
            assert after.done or not changes_in(tried.before, after), tried.what
            _retried(scene, tried, after)


def _refuse(sentences: Sequence[str], tried: Round) -> None:
    assert not sentences, "\n".join([tried.what, *sentences])


def _refuse_half(tried: Round, after: World) -> None:
    """See that an operation is done, or that all is as before if it raised."""
    if tried.error is None:
        assert after.done, f"{tried.what}: it succeeds, and is not done"
    else:
        _refuse(changes(tried.before, after), tried)


def _refuse_other_words(tried: Round) -> None:
    """See that who asked is told what failed in words of ours, and in the driver's if they are."""
    if tried.raised is not None:
        told = f"{tried.what}: who asked is told {tried.error!r}"
        assert isinstance(tried.error, QplugError), told
        assert tried.raised in (tried.error, tried.error.__cause__), told


def _retried(scene: Scene, tried: Round, world: World) -> World:
    """Return the world when what is left was tried again: once in vain, and then nothing is."""
    _refuse_loss(world, tried)
    with scene.striker.striking(tried.strike, 0, lasting=True):
        scene.api.retry_pending()
    _refuse_loss(scene.look(), tried)
    left = scene.api.retry_pending()
    assert not left, f"{tried.what}: {left} is left"
    after = scene.look()
    _refuse(faults_in(after), tried)
    return after


def _refuse_loss(world: World, tried: Round) -> None:
    """See that what is left is known, and that nobody else could be given what is in use."""
    if not world.pending:
        _refuse(faults_in(world), tried)
    _refuse(not_held(world), tried)
