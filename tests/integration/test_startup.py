"""The command line starts fast: what it costs, and what it does not import."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

BASE = "import cliff.app"
COUNTED = """
import sys
count = 0
def note(*_):
    global count
    count += 1
code = sys.argv.pop(1)
sys.setprofile(note)
try:
    exec(code)
finally:
    sys.setprofile(None)
    print(count, file=sys.stderr)
"""
"""Counts the calls of functions, and returns from them, which are as many on a busy machine."""

PROGRAM = "import sys; from qplug.cli.main import main; sys.exit(main())"
HEAVY = ("sqlalchemy", "alembic", "oslo_config", "oslo_policy", "netaddr", "qplug.manager")
LIGHT = (
    ("--version",),
    ("--help",),
    ("help",),
    ("help", "network", "create"),
    ("network", "create", "--help"),
    ("network", "--help"),
    ("complete",),
    ("no-such-command",),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a user for whom Python keeps what it compiled, as an installer does."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "compiled"))
    monkeypatch.setenv("QPLUG_CONFIG", os.devnull)
    for variable in ("PYTHONDONTWRITEBYTECODE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def test_a_version_makes_at_most_twice_the_calls_of_an_import_of_cliff(home: Path) -> None:
    assert ratio(PROGRAM, "--version") <= 2


def test_a_list_of_no_networks_makes_at_most_ten_times_its_calls(home: Path) -> None:
    assert ratio(PROGRAM, "network", "list") <= 10


def ratio(*command: str) -> float:
    """Return how many calls of functions a command makes, to those of an import of cliff."""
    calls(*command)  # makes the database, and everything is compiled
    calls(BASE)
    return calls(*command) / calls(BASE)


def calls(*command: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, *command], capture_output=True, text=True, check=True
    )
    return int(done.stderr)


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_nothing_heavy_is_imported_to_print_help(home: Path, words: Sequence[str]) -> None:
    program = f"""
import sys
from qplug.cli.main import main
main(sys.argv[1:])
print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == ""
    assert done.stdout or "no command is called" in done.stderr


def test_the_base_of_plugins_commands_is_light(home: Path) -> None:
    program = f"import sys, qplug.cli.base; print(set({HEAVY!r}) & set(sys.modules))"
    found = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert found == "set()\n"
