"""The suites for a whole chain run on a vendor's driver, as docs/testing.md says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documentation import write_files

import qplug

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("tests", "some"),
    [
        ("test_ipam_ledger_failing.py", "unavailable and (allocate or delet)"),
        ("test_ipam_ledger_crashes.py", "fixed-ip and add and not repeat"),
    ],
)
def test_a_vendors_driver_is_put_into_a_suite_of_the_page(
    tests: str, some: str, tmp_path: Path
) -> None:
    for page in ("docs/drivers.md", "docs/testing.md"):
        write_files(page, tmp_path)
    plain = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plain, "-k", some, str(tmp_path / "tests" / tests)],
        env=os.environ | {"PYTHONPATH": f"{Path(qplug.__file__).parents[1]}:{tmp_path / 'src'}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
