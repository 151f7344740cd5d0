"""The progress bar of an audit: on a terminal, and nowhere else."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import installation

pytestmark = pytest.mark.integration

PROGRAM = """
import sys
from qplug.cli.main import main
code = main(sys.argv[1:])
print("rich" in sys.modules, file=sys.stderr)
sys.exit(code)
"""

AUDIT = [sys.executable, "-c", PROGRAM, "audit", "-f", "json"]

ERASED = "\x1b[2K"
"""What a terminal is told to empty a line (ECMA-48)."""


@pytest.fixture(autouse=True)
def conf(tmp_path: Path) -> Iterator[Path]:
    with installation(tmp_path) as made:
        yield made


def test_a_terminal_is_shown_what_is_looked_at_and_then_the_summary_alone() -> None:
    reading, terminal = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(AUDIT, stdout=subprocess.PIPE, stderr=terminal, env=environment)
    os.close(terminal)
    with open(reading, encoding="utf-8", newline="") as screen:
        shown = read_all(screen.fileno())
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    bar, _, rest = shown.rpartition(ERASED)
    assert "ports" in bar
    assert "qplug: audit: nothing differs" in shown
    assert rest.split() == ["True"]


def read_all(descriptor: int) -> str:
    """Return what was written to a terminal whose other end is closed."""
    read = b""
    while True:
        try:
            part = os.read(descriptor, 1 << 16)
        except OSError:  # as Linux says that the other end is closed
            part = b""
        if not part:
            return read.decode()
        read += part


def test_what_is_no_terminal_is_told_lines_alone_and_rich_is_not_imported() -> None:
    done = subprocess.run(AUDIT, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "qplug: audit: nothing differs\nFalse\n"
