"""Commands as processes, also such that say how far they are and wait for an answer."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sites import Site

from qplug import loader
from qplug.testing.requirements import require

QPLUG = (sys.executable, "-m", "qplug.cli.main")
PATIENCE = 60
"""Seconds after which a process hangs."""


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the processes a home of their own."""
    nova = "nova" in loader.installed(loader.IPAM)
    require(nova, "no ipam driver 'nova' is installed; run make")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("QPLUG_CONFIG", os.devnull)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # a broken pipe would show elsewhere
    return tmp_path


@pytest.fixture
def slow(own_home: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the processes work with :class:`slow_quantum.Slow`, and return their configuration."""
    site.install("acme", "slow = slow_quantum:Slow", kind="quantum")
    conf = own_home / "slow.conf"
    conf.write_text("[quantum]\ndriver = slow\n")
    path = [str(site.path), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    monkeypatch.setenv("QPLUG_CONFIG", str(conf))
    return conf


def qplug(line: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command, or what is typed, and return what it left."""
    return subprocess.run(
        [*QPLUG, *line.split()], input=typed, capture_output=True, text=True, timeout=PATIENCE
    )


def done(line: str) -> str:
    """Run a command that succeeds, and return what it printed."""
    ended = qplug(line)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


class Talk:
    """A process that says what it does and goes on when told so."""

    def __init__(self, line: str, **environment: str) -> None:
        self._said, said = os.pipe()
        heard, self._heard = os.pipe()
        environment |= {"SAID": str(said), "HEARD": str(heard)}
        self.process = subprocess.Popen(
            [*QPLUG, *line.split()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(said, heard),
            env=os.environ | environment,
            text=True,
        )
        os.close(said)
        os.close(heard)

    def until(self, word: str) -> None:
        """Wait until it says so."""
        assert os.read(self._said, 80) == word.encode()

    def go_on(self) -> None:
        """Have it wait for nothing any more."""
        os.write(self._heard, b"." * 80)

    def told(self) -> str:
        """Return the next line of its stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self) -> tuple[int, str]:
        """Return its exit code and the rest of its stderr."""
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err

    def close(self) -> None:
        """Leave nothing running."""
        self.process.kill()
        self.process.communicate()
        os.close(self._said)
        os.close(self._heard)


@contextmanager
def talk(line: str, until: str, **environment: str) -> Iterator[Talk]:
    """Yield a command's process once it says a word; it is gone afterwards."""
    process = Talk(line, **environment)
    try:
        process.until(until)
        yield process
    finally:
        process.close()
