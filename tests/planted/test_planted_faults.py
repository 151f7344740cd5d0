"""Each of many small faults is caught by a suite that vendors are given."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import in_drivers  # noqa: F401  # these register their faults
import in_nova  # noqa: F401
import in_releasing  # noqa: F401
import in_takeover  # noqa: F401
import in_undo  # noqa: F401
import pytest
from installing import ROOT
from planting import FAULTS, Fault, run

from qplug import loader
from qplug.testing.requirements import require

pytestmark = pytest.mark.integration

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


@pytest.fixture(scope="module")
def soundly(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Sequence[str]]:
    """Return what runs a test without any fault, once for all faults that it catches."""

    @cache
    def outcomes(test: str) -> Sequence[str]:
        return [report.outcome for report in run(test, tmp_path_factory.mktemp("sound"))]

    return outcomes


@each_fault
def test_a_planted_fault_is_caught_by_the_test_that_is_named_for_it(
    fault: Fault,
    soundly: Callable[[str], Sequence[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = "nova" in loader.installed(loader.IPAM)
    require(there, "no ipam driver 'nova' is installed; run make")
    assert soundly(fault.test) == ["passed"]
    fault.plant(monkeypatch)
    (broken,) = run(fault.test, tmp_path)
    assert (broken.when, broken.outcome) == ("call", "failed")
    assert _said(broken).startswith(("AssertionError", "assert ", "Failed: "))
    assert fault.says in _said(broken)


def _said(report: pytest.TestReport) -> str:
    """Return with what a test failed: the error and not where it was."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)


def test_the_documentation_has_each_fault_with_the_test_that_catches_it() -> None:
    table = (ROOT / "docs/testing.md").read_text().partition("\n## Planted bugs\n")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "`" in line]
    assert rows == [fault.row for fault in FAULTS]
