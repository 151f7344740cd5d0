"""Each of many small faults is caught by a suite that vendors are given."""

from pathlib import Path

import in_drivers  # noqa: F401  # these register their faults
import in_nova  # noqa: F401
import in_releasing  # noqa: F401
import in_undo  # noqa: F401
import pytest
from installing import ROOT
from planting import FAULTS, Fault, run

from qplug import loader
from qplug.testing.requirements import require

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


@each_fault
def test_a_planted_fault_is_caught_by_the_test_that_is_named_for_it(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = "nova" in loader.installed(loader.IPAM)
    require(there, "no ipam driver 'nova' is installed; run make")
    sound = run(fault.test, tmp_path / "sound")
    assert [report.outcome for report in sound] == ["passed"]
    fault.plant(monkeypatch)
    (broken,) = run(fault.test, tmp_path / "broken")
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
