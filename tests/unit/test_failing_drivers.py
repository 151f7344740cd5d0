"""All or nothing, whichever call of a driver goes wrong and however."""

from dataclasses import replace

import pytest

from qplug.api import NetworkApi
from qplug.testing.crash.operations import Operation
from qplug.testing.failing import FailSuite, Makers
from qplug.testing.failing.rounds import Scene, rounds
from qplug.testing.failing.scene import FIRST
from qplug.testing.failing.striking import STRIKES
from qplug.testing.values import call

UNAVAILABLE = STRIKES[0]

first = pytest.mark.parametrize("operation", [FIRST], ids=str)


class TestInMemory(FailSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        return {}

    @first
    def test_an_operation_that_calls_no_driver_fails_the_suite(
        self, scene: Scene, operation: Operation
    ) -> None:
        idle = replace(operation, act=lambda _: None)
        with pytest.raises(AssertionError, match="'first network create' calls no driver"):
            list(rounds(scene, idle, UNAVAILABLE))

    @first
    def test_every_step_is_struck_though_one_of_them_is_taken_once_only(
        self, scene: Scene, operation: Operation
    ) -> None:
        lost = next(strike for strike in STRIKES if strike.works and not strike.hangs)
        struck = [tried.what.split()[3] for tried in rounds(scene, operation, lost)]
        assert struck.count("l3.initialize") == 1
        assert set(scene.striker.steps) < set(struck)

    @first
    def test_what_an_operation_leaves_behind_fails_the_suite(
        self, scene: Scene, operation: Operation
    ) -> None:
        def leak(api: NetworkApi) -> None:
            mac = scene.opened.drivers["mac"]
            mac.allocate(call(), vif_id="a", instance_id="b", project_id="c")
            operation.act(api)

        with pytest.raises(AssertionError, match="vif a is known to only one"):
            list(rounds(scene, replace(operation, act=leak), UNAVAILABLE))
