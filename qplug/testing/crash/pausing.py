"""The pause suite."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

import pytest

from qplug.testing.crash.bystander import Bystander
from qplug.testing.crash.operations import OPERATIONS, Operation
from qplug.testing.crash.points import Points, kill, pause
from qplug.testing.crash.repair import (
    Remedy,
    applied,
    finish,
    let_time_end,
    repeat,
    wait_in_vain,
)
from qplug.testing.crash.series import Series, Strike, outcome_of
from qplug.testing.crash.stage import Stage
from qplug.testing.crash.suite import CrashSuite
from qplug.testing.crash.world import Onlooker


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
class PauseSuite(CrashSuite, base=True):
    """Inherit it and supply ``drivers``: what makes yours, by kind.

    The process of each operation is stopped at each of its points, until its time is over and
    another one has taken over what it did; and then it goes on. Nothing is lost, leaked or double,
    and nobody else is disturbed.
    """

    @pytest.fixture
    def series(
        self, stage: Stage, onlooker: Onlooker, beside: Bystander, operation: Operation
    ) -> Series:
        """Return an operation that is stopped."""
        return Series(
            stage=stage,
            onlooker=onlooker,
            beside=beside,
            operation=operation,
            strike=pause,
            watch=Points.at_transactions,
        )

    def taken_over(self, series: Series, remedy: Remedy) -> Generator[Strike]:
        """Yield each victim when it goes on, though its work was taken over."""
        with closing(series.strikes()) as strikes:
            for strike in strikes:
                series.onlooker.remember()
                let_time_end(series.stage, strike.victim.pid)
                applied(series.stage, series.operation, remedy, wait_in_vain)
                strike.victim.resume()
                yield strike

    @pytest.mark.parametrize("remedy", [finish, repeat])
    def test_an_operation_that_was_taken_over_notices_and_leaves_nothing(
        self, series: Series, remedy: Remedy
    ) -> None:
        with closing(self.taken_over(series, remedy)) as strikes:
            for strike in strikes:
                failed = outcome_of(strike.victim)
                series.expect_fit(strike)
                after = series.judge(strike)
                assert failed or after.done, f"{strike.point}: it succeeds, and is not done"
        assert series.beside.leave()

    def test_the_late_work_of_one_that_dies_of_it_is_released_once_more(
        self, series: Series
    ) -> None:
        with closing(self.taken_over(replace(series, then=kill), finish)) as strikes:
            for strike in strikes:
                strike.victim()
                series.judge(strike)
        assert series.beside.leave()
