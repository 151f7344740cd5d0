"""Running commands in this process, as their caller sees them."""

import json
import shlex
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qplug import loader
from qplug.api import NetworkApi
from qplug.cli.main import main
from qplug.config import load_config
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.testing.databases import database_of, default_kind
from qplug.testing.requirements import require

NOVA = "no ipam driver 'nova' is installed; run make"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, of a command that succeeded."""
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line that says why it was refused."""
        assert self.code in (1, 2)
        assert self.out == ""
        assert "Traceback" not in self.err
        line, *others = self.err.splitlines()
        assert not others
        assert line.startswith("qplug: error: ")
        return line.removeprefix("qplug: error: ")


class Commands:
    """Calls ``main`` with a configuration, a state path and a database of the test's own."""

    def __init__(self, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.conf = conf
        self._capsys = capsys

    def __call__(self, line: str, *words: str) -> Done:
        """Run a command: a line as for a shell, and words that need no quotes."""
        self._capsys.readouterr()
        code = main([*shlex.split(line), *words])
        out, err = self._capsys.readouterr()
        return Done(code, out, err)

    def configure(self, text: str) -> None:
        """Say more in the configuration; an option said again has the new value."""
        self.conf.write_text(f"{self.conf.read_text()}{text}\n")

    def everything(self) -> list[Any]:
        """Return all that is recorded, and how full the subnets are."""
        with closing(create_manager(load_config([str(self.conf)]))) as manager:
            api = NetworkApi(manager, Context(is_admin=True))
            parts: list[Iterable[Any]] = [
                api.get_all(),
                api.get_all_instances(),
                api.get_all_fixed_ips(),
                api.get_usage(),
            ]
            return [list(part) for part in parts]


@contextmanager
def installation(folder: Path) -> Iterator[Path]:
    """Yield a configuration of the default drivers with an empty database, and have it found."""
    require("nova" in loader.installed(loader.IPAM), NOVA)
    conf = folder / "qplug.conf"
    with database_of(default_kind(), folder) as url, pytest.MonkeyPatch.context() as environment:
        conf.write_text(
            f"[DEFAULT]\nstate_path = {folder / 'state'}\nhost = host-1\n"
            f"[database]\nconnection = {url.replace('$', '$$')}\n"
        )
        environment.setenv("QPLUG_CONFIG", str(conf))
        environment.setenv("HOME", str(folder))
        if not url.startswith("sqlite"):
            assert main(["db", "upgrade"]) == 0
        yield conf


@pytest.fixture
def qplug(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Commands]:
    """Return a runner of commands where nothing is recorded yet."""
    with installation(tmp_path) as conf:
        yield Commands(conf, capsys)
