"""What the documentation tells people to type does what it says."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from documentation import blocks, script, typed, write_files
from installing import ROOT, copy_of_checkout

pytestmark = pytest.mark.integration

Shell = Callable[[str, Path], str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the home of a user who has a checkout and nothing else."""
    made = tmp_path / "home of a user"
    copy_of_checkout(made / "qplug")
    return made


@pytest.fixture
def shell(home: Path) -> Shell:
    """Return what runs a script as that user and returns what it printed."""
    variables = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
    python = Path(sys.base_prefix) / "bin"  # the one below the environment that runs this
    variables |= {"HOME": str(home), "PATH": f"{python}:{os.environ['PATH']}"}
    variables |= {"XDG_STATE_HOME": str(home / ".local/state")}  # root's would be the machine's

    def run(text: str, where: Path) -> str:
        done = subprocess.run(
            ["sh", "-eux", "-c", text], cwd=where, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_all_commands_of_the_readme_run_as_written(home: Path, shell: Shell) -> None:
    typed = script("README.md").replace(script("README.md", "From one machine to three"), "")
    two = "make demo\nmake test\n"
    assert two in typed
    # This is `make test` already; .ci/run runs them both.
    said = shell(typed.replace(two, "make --dry-run demo test\n"), home / "qplug")
    assert "sh demo/demo.sh" in said
    assert ".venv/bin/pytest" in said
    assert '"address": "10.20.0.2"' in said
    assert (home / ".local/state/qplug/qplug.sqlite").exists()


def test_a_vendor_who_follows_the_page_has_a_driver_that_passes_its_suite(
    home: Path, shell: Shell
) -> None:
    said = shell(script("docs/drivers.md"), home)
    assert " passed" in said
    assert " failed" not in said
    assert "qplug-ipam-ledger" in said
    assert "10.20.0.2" in said


def test_the_code_of_the_vendors_page_is_as_tidy_as_ours(tmp_path: Path) -> None:
    write_files("docs/drivers.md", tmp_path / "qplug_ipam_ledger")
    settings = str(ROOT / "ruff.toml")
    run_tool("ruff", "format", "--check", "--config", settings, ".", where=tmp_path)
    run_tool("ruff", "check", "--config", settings, ".", where=tmp_path)
    strict = str(ROOT / "setup.cfg")
    run_tool("mypy", "--config-file", strict, "qplug_ipam_ledger/src", where=tmp_path)


def test_the_commands_of_the_networks_page_run_as_written(tmp_path: Path) -> None:
    usage = typed(script("docs/networks.md"), tmp_path).rpartition("| network |")[2]
    assert "| blue    | 10.20.1.0/24 |       0 |" in usage


def test_the_commands_of_the_audit_page_run_as_written(tmp_path: Path) -> None:
    commands = script("docs/audit.md")
    assert "qplug audit --repair" in commands
    printed = typed(commands, tmp_path)
    assert printed.count("| kind | where | what |") == 2


def test_the_commands_of_the_melange_page_run_as_written(tmp_path: Path) -> None:
    printed = typed(script("docs/melange.md"), tmp_path)
    assert "10.20.0.10" in printed
    assert printed.count("| kind | where | what |") == 2  # both empty, else it would fail


def test_the_commands_of_the_page_on_quantum_v1_run_as_written(tmp_path: Path) -> None:
    printed = typed(script("docs/quantum-v1.md"), tmp_path)
    assert "Quantum v1.1 at http://127.0.0.1:19696 has 0 network(s)" in printed
    assert printed.count("| kind | where | what |") == 2  # both empty, else it would fail


def test_the_commands_on_logs_run_as_written(tmp_path: Path) -> None:
    printed = typed(script("docs/operating.md", "Logs"), tmp_path)
    (shown,) = [b.text for b in blocks("docs/operating.md", "Logs") if b.language == "text"]
    assert len(lasting(shown)) == 2
    assert lasting(shown) <= lasting(printed)


def lasting(log: str) -> set[str]:
    """Return the lines of a log without what is different each time."""
    each_time = re.compile(r"^\S+ | \d+ |req-\S+|\d+\.\d{3}")
    return {each_time.sub("", line) for line in log.splitlines()}


def run_tool(name: str, *arguments: str, where: Path) -> None:
    tool = Path(sys.executable).with_name(name)
    done = subprocess.run([tool, *arguments], cwd=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_backup_command_copies_a_database_in_use(home: Path, shell: Shell) -> None:
    kept = home / ".local/state/qplug/qplug.sqlite"
    kept.parent.mkdir(parents=True)
    with closing(sqlite3.connect(kept)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (x)")
        database.commit()
        shell(script("docs/operating.md", "Backup"), home)
    copy = home / "qplug-copy.sqlite"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


def test_the_backup_command_makes_nothing_where_there_is_no_database(
    home: Path, shell: Shell
) -> None:
    with pytest.raises(AssertionError, match="unable to open database file"):
        shell(script("docs/operating.md", "Backup"), home)
    assert not (home / "qplug-copy.sqlite").exists()
