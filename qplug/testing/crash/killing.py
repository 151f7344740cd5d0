"""The kill suite."""

from contextlib import closing

import pytest

from qplug.testing.crash.bystander import Bystander
from qplug.testing.crash.operations import OPERATIONS, Operation
from qplug.testing.crash.points import Points, kill
from qplug.testing.crash.repair import Remedy, applied, finish, repeat
from qplug.testing.crash.series import Series
from qplug.testing.crash.stage import Stage
from qplug.testing.crash.suite import CrashSuite
from qplug.testing.crash.world import Onlooker


class KillSuite(CrashSuite, base=True):
    """Inherit it and supply ``drivers``: what makes yours, by kind.

    The process of each operation is killed at each of its points. The next one puts right what it
    left, nothing is lost, leaked or double, and nobody else is disturbed.
    """

    @pytest.mark.parametrize("remedy", [finish, repeat])
    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_a_killed_operation_is_undone_or_done_whoever_comes_next(
        self,
        stage: Stage,
        onlooker: Onlooker,
        beside: Bystander,
        operation: Operation,
        remedy: Remedy,
    ) -> None:
        series = Series(
            stage=stage,
            onlooker=onlooker,
            beside=beside,
            operation=operation,
            strike=kill,
            watch=Points.at_commits,
        )
        with closing(series.strikes()) as strikes:
            for strike in strikes:
                onlooker.remember()
                applied(stage, operation, remedy)
                series.judge(strike)
        assert beside.leave()
