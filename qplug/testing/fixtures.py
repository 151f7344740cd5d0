"""Fixtures for tests with a whole chain: ``pytest_plugins = ["qplug.testing.fixtures"]``.

``make_manager(ipam=MyIpam(conf))`` gives a manager on in-memory drivers with one swapped; a driver
may be given or named. ``clock``, ``new_id`` and ``statements`` stand for time, chance and cost.
Which database it is, ``qplug.testing.databases`` tells.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.contracts import KINDS
from qplug.factory import create_manager
from qplug.manager import Context, Manager, pending
from qplug.testing.clock import Clock, Ids, Statements, counted_statements
from qplug.testing.databases import ServerDatabases, database_of, default_kind

IN_MEMORY = {"ipam": "memory", "quantum": "memory", "mac": "random", "l3": "null", "dhcp": "null"}
"""The drivers of a test's chain, unless it says otherwise."""

MakeManager = Callable[..., Manager]
ApiOf = Callable[..., NetworkApi]


@pytest.fixture
def clock() -> Clock:
    """Return a clock that only the test turns."""
    return Clock()


@pytest.fixture
def new_id() -> Ids:
    """Return a maker of uuids that are the same in every run."""
    return Ids()


@pytest.fixture
def statements() -> Iterator[Statements]:
    """Return the SQL that is sent during the test; clear it after what should not count."""
    with counted_statements() as seen:
        yield seen


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a manager look at pending work once, and not every second, which no count could bear."""
    monkeypatch.setattr(pending, "INTERVAL", math.inf)


@pytest.fixture
def database_kind() -> str:
    """Return the kind of database that the test uses; ``every_database`` goes through all."""
    return default_kind()


@pytest.fixture(scope="session")
def server_databases() -> Iterator[ServerDatabases]:
    """Return what lends databases on servers to the tests of this process."""
    databases = ServerDatabases()
    yield databases
    databases.close()


@pytest.fixture
def database_url(
    database_kind: str, server_databases: ServerDatabases, tmp_path: Path
) -> Iterator[str]:
    """Return the url of a database without a row, for the test alone.

    It has the tables of this release, or is a file that SQLite will make with them.
    """
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'qplug.sqlite'}"
        return
    with server_databases.lend(database_kind) as url:
        yield url


@pytest.fixture
def bare_database_url(database_kind: str, tmp_path: Path) -> Iterator[str]:
    """Return the url of a database without tables, for the test alone; it may change all there."""
    with database_of(database_kind, tmp_path) as url:
        yield url


@pytest.fixture
def conf(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> ConfigOpts:
    """Return a configuration of no file: in-memory drivers, a database and state of its own."""
    monkeypatch.setenv("QPLUG_CONFIG", os.devnull)
    conf = load_config()
    conf.set_override("state_path", str(tmp_path / "state"))
    conf.set_override("host", "host-1")
    conf.set_override("connection", database_url, "database")
    for kind, name in IN_MEMORY.items():
        conf.set_override("driver", name, kind)
    return conf


@pytest.fixture
def make_manager(conf: ConfigOpts, clock: Clock, new_id: Ids) -> Iterator[MakeManager]:
    """Return a maker of managers, with drivers given or named by kind; all are closed later."""
    with ExitStack() as closing:

        def make(**drivers: Any) -> Manager:
            given = {kind: d for kind, d in drivers.items() if not isinstance(d, str)}
            for kind in KINDS:
                if isinstance(drivers.get(kind), str):
                    conf.set_override("driver", drivers[kind], kind)
            for kind in ("ipam", "quantum"):
                if kind not in drivers:
                    given[kind] = _memory(kind, conf)
            manager = create_manager(conf, now=clock, new_id=new_id, **given)
            closing.callback(manager.close)
            return manager

        yield make


def _memory(kind: str, conf: ConfigOpts) -> Any:
    """Return a driver that forgets; the manager takes it beside a store that does not if given."""
    return loader.load(loader.KINDS[kind], conf[kind].driver, conf)


@pytest.fixture
def manager(make_manager: MakeManager) -> Manager:
    """Return a manager on in-memory drivers."""
    return make_manager()


@pytest.fixture
def api_of() -> ApiOf:
    """Return what gives a manager's operations to a caller: an administrator, or a project."""

    def api(manager: Manager, project_id: str | None = None, **context: Any) -> NetworkApi:
        context = {"is_admin": project_id is None} | context
        return NetworkApi(manager, Context(project_id=project_id, **context))

    return api
