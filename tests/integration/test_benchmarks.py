"""The benchmark, as far as it can be judged on any machine: it runs and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def test_it_measures_every_operation_beside_its_floor(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--check", "--database", "sqlite"]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line in (
        "- allocate: 10 statements in 5 transactions; the floor: 8 in 4",
        "- deallocate: 10 statements in 5 transactions; the floor: 7 in 4",
        "| allocate | 99 % | ",
        "| deallocate | 0 % | ",
        "| 8 workers | ",
        "| floor, 8 workers, 8 networks | ",
        "| commits: driver, server, disk | ",
        "times the floor, of at most 5: ",
    ):
        assert line in done.stdout
    assert list(tmp_path.iterdir()) == []
