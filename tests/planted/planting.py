"""Small faults, each planted into code that works, and the run of the test that must catch it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import suites

SUITES = Path(__file__).with_name("suites.py")

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Fault:
    """A mistake that somebody could make."""

    tells: str
    """What is wrong with the code, in a sentence."""
    test: str
    """Which test of :mod:`suites` catches it, as ``Class::test``."""
    says: str
    """What that test says then, among other things."""
    plant: Plant

    @property
    def name(self) -> str:
        """A short name without spaces."""
        return self.plant.__name__

    @property
    def row(self) -> str:
        """The fault as a row of the table in docs/testing.md."""
        name, _, test = self.test.partition("::")
        shipped = next(each for each in getattr(suites, name).__mro__ if _is_shipped(each))
        return f"| {self.tells} | `{shipped.__name__}` | `{test}` |"


def _is_shipped(suite: type) -> bool:
    return suite.__module__.startswith("qplug.testing")


FAULTS: list[Fault] = []


def fault(tells: str, *, caught_by: str, says: str) -> Callable[[Plant], Plant]:
    """Register a fault by the function that plants it."""

    def register(plant: Plant) -> Plant:
        FAULTS.append(Fault(tells, caught_by, says, plant))
        return plant

    return register


class _Reports:
    """A plugin of pytest that keeps what became of each test."""

    def __init__(self) -> None:
        self.kept: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self.kept.append(report)


def run(test: str, folder: Path) -> Sequence[pytest.TestReport]:
    """Run one of the tests in this process, whose code may have a fault, and return its reports.

    It is run as a vendor does it, without this repository's settings.
    """
    reports = _Reports()
    plain = ["-c", os.devnull, "--rootdir", str(SUITES.parent), "--basetemp", str(folder)]
    without = [f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "hypothesispytest")]
    ended = pytest.main(
        [f"{SUITES}::{test}", "-q", "--import-mode=importlib", *plain, *without],
        plugins=[reports],
    )
    assert ended in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), f"pytest: {ended!r}"
    return reports.kept
