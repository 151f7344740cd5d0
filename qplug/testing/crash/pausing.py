"""The pause suite."""

import pytest

from qplug.testing.crash.bystander import Bystander
from qplug.testing.crash.operations import OPERATIONS, Operation
from qplug.testing.crash.points import Points, pause
from qplug.testing.crash.repair import Remedy, applied, finish, let_time_end, repeat, wait_in_vain
from qplug.testing.crash.series import Series, outcome_of
from qplug.testing.crash.stage import Stage
from qplug.testing.crash.suite import CrashSuite
from qplug.testing.crash.world import Onlooker


class PauseSuite(CrashSuite, base=True):
    """Inherit it and supply ``drivers``: what makes yours, by kind.

    The process of each operation is stopped at each of its points, until its time is over and
    another one has taken over what it did; and then it goes on. It notices, and its late work is
    taken back: nothing is lost, leaked or double, and nobody else is disturbed.
    """

    @pytest.mark.parametrize("remedy", [finish, repeat])
    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_an_operation_that_was_taken_over_notices_and_leaves_nothing(
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
            strike=pause,
            watch=Points.at_transactions,
        )
        for strike in series.strikes():
            onlooker.remember()
            let_time_end(stage, strike.victim.pid)
            applied(stage, operation, remedy, wait_in_vain)
            strike.victim.resume()
            failed = outcome_of(strike.victim)
            after = series.judge(strike)
            assert failed or after.done, f"{strike.point}: it succeeds, and is not done"
        assert beside.leave()
