"""The fail suite."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.errors import QplugError
from qplug.store.tables import vifs
from qplug.testing.failing.judging import disagreements, not_held, without_gateways
from qplug.testing.failing.looking import Looks
from qplug.testing.failing.operations import ALL_OR_NOTHING, DEALLOCATE, DELETE, Operation
from qplug.testing.failing.rounds import Round, rounds
from qplug.testing.failing.striking import STRIKES, Strike
from qplug.testing.failing.world import World
from qplug.testing.fixtures import MakeManager
from qplug.testing.recording import IN_MEMORY
from qplug.testing.suite import Suite

each_strike = pytest.mark.parametrize("strike", STRIKES, ids=str)


class FailSuite(Suite, Looks, base=True):
    """Inherit it and supply ``drivers``, a fixture with yours by kind; they hold nothing yet.

    In each operation each call of a driver goes wrong, one after the other and in each way.
    """

    @pytest.fixture
    def drivers(self, conf: ConfigOpts) -> Mapping[str, Any]:
        """Return drivers by kind; those in memory do the rest. Override it."""
        pytest.fail(f"{type(self).__name__} lacks a fixture 'drivers'")

    @pytest.fixture
    def world(
        self, make_manager: MakeManager, conf: ConfigOpts, drivers: Mapping[str, Any]
    ) -> Iterator[World]:
        """Return a manager on these drivers, with all switched on that can be."""
        conf.set_override("port_security", True, "quantum")
        rest = {kind: make(conf) for kind, make in IN_MEMORY.items() if kind not in drivers}
        world = World(make_manager, conf, {**rest, **drivers}, self)
        yield world
        world.close()

    @each_strike
    @pytest.mark.parametrize("operation", ALL_OR_NOTHING, ids=str)
    def test_whichever_call_fails_all_is_done_or_nothing(
        self, world: World, operation: Operation, strike: Strike
    ) -> None:
        _skip_impossible(world, operation)
        for tried in rounds(world, operation, strike):
            assert tried.error is None or world.holdings() == tried.before, tried.what
            assert not disagreements(world), tried.what
            assert not world.admin.get_pending(), tried.what
            _refuse_other_words(tried)

    @each_strike
    @pytest.mark.parametrize("operation", ALL_OR_NOTHING, ids=str)
    def test_what_cannot_be_undone_is_pending_and_nobody_sees_or_gets_it(
        self, world: World, operation: Operation, strike: Strike
    ) -> None:
        _skip_impossible(world, operation)
        for tried in rounds(world, operation, strike, lasting=True):
            if tried.error is None:
                assert not disagreements(world), tried.what
                continue
            assert world.shown() == tried.shown, tried.what
            _refuse_leftovers(world, tried)
            left = without_gateways(world.holdings())
            assert left == without_gateways(tried.before), tried.what

    @pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
    @each_strike
    def test_whichever_call_fails_a_deallocation_gets_through_with_all_others(
        self, world: World, strike: Strike, lasting: bool
    ) -> None:
        for tried in rounds(world, DEALLOCATE, strike, lasting=lasting):
            assert tried.error is None, tried.what
            assert not world.shown()["instances"], tried.what
            assert lasting or len(world.rows(vifs)) <= 1, tried.what
            _refuse_leftovers(world, tried)

    @pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
    @each_strike
    def test_whichever_call_fails_a_deletion_is_refused_or_carried_on_with(
        self, world: World, strike: Strike, lasting: bool
    ) -> None:
        for tried in rounds(world, DELETE, strike, lasting=lasting):
            assert world.shown() == tried.shown or not world.admin.get_all(), tried.what
            _refuse_leftovers(world, tried)


def _refuse_other_words(tried: Round) -> None:
    """See that who asked is told what failed in words of ours, and in the driver's if they are."""
    if tried.raised is not None:
        assert isinstance(tried.error, QplugError), tried.what
        assert tried.raised in (tried.error, tried.error.__cause__), tried.what


def _refuse_leftovers(world: World, tried: Round) -> None:
    """See that what is left is pending, also when it is tried in vain, and nothing after that."""
    _refuse_loss(world, tried)
    with world.striker.striking(tried.strike, 0, lasting=True):
        world.admin.retry_pending()
    _refuse_loss(world, tried)
    assert not world.admin.retry_pending(), tried.what
    assert not disagreements(world), tried.what


def _refuse_loss(world: World, tried: Round) -> None:
    assert not disagreements(world) or world.admin.get_pending(), tried.what
    assert not not_held(world), tried.what


def _skip_impossible(world: World, operation: Operation) -> None:
    if not operation.possible(world):
        pytest.skip(f"with these drivers there is no {operation}")
