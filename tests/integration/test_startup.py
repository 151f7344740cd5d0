"""The command line starts fast: what it costs, and what it does not import."""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

RUNS = 9
"""How many pairs of runs there are at least, of which the cheapest of each kind count."""

PATIENCE = 60
"""How many pairs are tried until these keep to the limit: a busy machine makes runs dearer."""

BASE = ("import cliff.app",)
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


def test_a_version_costs_at_most_twice_an_import_of_cliff(home: Path) -> None:
    assert ratio(2, PROGRAM, "--version") <= 2


def test_a_list_of_no_networks_costs_at_most_five_imports_of_cliff(home: Path) -> None:
    assert ratio(5, PROGRAM, "network", "list") <= 5


def ratio(limit: float, *command: str) -> float:
    """Return how much processor time a command takes, in imports of cliff."""
    run(command)  # makes the database, and everything is compiled
    run(BASE)
    ours: list[float] = []
    bases: list[float] = []
    while len(ours) < RUNS or (min(ours) / min(bases) > limit and len(ours) < PATIENCE):
        ours.append(cost(command))
        bases.append(cost(BASE))
    return min(ours) / min(bases)


def cost(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(command: Sequence[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", *command], capture_output=True, text=True, check=True
    )
    return done.stdout


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
    assert run([program]) == "set()\n"
