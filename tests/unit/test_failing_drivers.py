"""All or nothing, whichever call of a driver goes wrong and however."""

from collections.abc import Mapping
from typing import Any

import pytest

from qplug.testing.failing import FailSuite
from qplug.testing.failing.operations import CREATE, Operation
from qplug.testing.failing.rounds import rounds
from qplug.testing.failing.striking import STRIKES
from qplug.testing.failing.world import World
from qplug.testing.values import call


class TestInMemory(FailSuite):
    @pytest.fixture
    def drivers(self) -> Mapping[str, Any]:
        return {}

    def test_an_operation_that_calls_no_driver_fails_the_suite(self, world: World) -> None:
        idle = Operation(name="idle", prepare=lambda _: None, act=lambda _: None, least=1)
        with pytest.raises(AssertionError, match="idle: only"):
            list(rounds(world, idle, STRIKES[0]))

    def test_every_step_is_struck_though_one_of_them_is_taken_once_only(self, world: World) -> None:
        lost = next(strike for strike in STRIKES if strike.works and not strike.hangs)
        struck = [tried.what.split()[2] for tried in rounds(world, CREATE, lost)]
        assert struck.count("l3.initialize") == 1
        assert set(world.striker.steps) < set(struck)

    def test_what_is_left_of_an_operation_fails_the_next_round(self, world: World) -> None:
        def forget(world: World) -> None:
            world.drivers["mac"].allocate(call(), vif_id="a", instance_id="b", project_id="c")
            CREATE.act(world)

        leaking = Operation(name="leak", prepare=lambda _: None, act=forget, least=1)
        with pytest.raises(AssertionError, match="after all was deleted there is still"):
            list(rounds(world, leaking, STRIKES[0]))
