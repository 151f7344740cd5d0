"""Copies of the checkout, wheels of ours, and environments to install them into."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNWANTED = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
"""What is in a checkout and not in its repository."""

OURS = ("qplug", "__editable__")


def copy_of_checkout(folder: Path) -> Path:
    """Make a copy of this checkout, about as a clone would be."""
    return Path(shutil.copytree(ROOT, folder, ignore=UNWANTED))


def shared_wheels(place: Path) -> Path:
    """Return a folder with a wheel of every distribution of ours, built by whoever comes first."""
    with _alone(place / "wheels.lock"):
        if not (place / "wheels").exists():
            sources = copy_of_checkout(place / "sources")
            plugins = sorted(path.parent for path in sources.glob("qplug_*/setup.cfg"))
            build_wheels(place / "unfinished", sources, *plugins)
            (place / "unfinished").rename(place / "wheels")
    return place / "wheels"


def build_wheels(into: Path, *folders: Path) -> None:
    """Build a wheel of each folder."""
    _pip("wheel", "--no-deps", "--wheel-dir", into, *folders)


class Environment:
    """A virtual environment in which nothing of ours is installed unless we say so.

    Third-party packages are lent by the environment that runs the tests: a ``.pth`` file names a
    folder of links to them. pip counts them as installed; what nobody has is an error, because
    pip is given no index.
    """

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        self._wheels = wheels
        self.variables = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self._lend()

    def install(self, *names: object) -> None:
        """Install distributions from wheels, by name or path."""
        self._pip("install", "--no-index", "--find-links", self._wheels, *names)

    def uninstall(self, name: str) -> None:
        """Remove a distribution."""
        self._pip("uninstall", "--yes", name)

    def configure(self, text: str) -> None:
        """Write the configuration file."""
        file = self.folder / "qplug.conf"
        file.write_text(text)
        self.variables["QPLUG_CONFIG"] = str(file)

    def run(self, *command: str) -> str:
        """Run a program of the environment, which must succeed, and return its output."""
        done = self.call(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment."""
        program = self.folder / "bin" / command[0]
        return subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
        )

    def _lend(self) -> None:
        lent = self.folder / "lent"
        lent.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not entry.name.startswith(OURS):
                (lent / entry.name).symlink_to(entry)
        (site,) = self.folder.glob("lib/python*/site-packages")
        (site / "lent.pth").write_text(f"{lent}\n")

    def _pip(self, *arguments: object) -> None:
        _pip("--python", self.folder / "bin/python", *arguments)


def _pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other test processes out."""
    with path.open("w") as file:
        flock(file, LOCK_EX)
        yield
