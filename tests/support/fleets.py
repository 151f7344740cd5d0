"""Several hosts on one machine: manager services as processes, which share a store and a bus.

Each host has a state path of its own, where the file drivers of ``qplug.testing`` note what it
serves. What goes to the broker and to the database can go through a proxy that can be cut.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import sqlalchemy as sa
from buses import URL, configure, queues, write_key
from crashing import LONG
from oslo_config.cfg import ConfigOpts
from sites import Site

from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.factory import create_manager, remote_manager
from qplug.manager import Context, Manager
from qplug.model import DhcpHost, Instance
from qplug.testing.files import FileDhcp, FileL3
from qplug.testing.values import PROJECT

KINDS = ["postgresql", *(["mariadb"] if LONG else [])]
"""The databases of tests; ``make test-long`` takes both."""

MANAGER = (sys.executable, "-m", "qplug.service.main")

FILE = """\
[DEFAULT]
state_path = {state}
host = {host}
operation_timeout = {timeout}
[database]
connection = {database}
[ipam]
reuse_delay = 0
[l3]
driver = {l3}
[dhcp]
driver = {dhcp}
[rpc]
transport_url = {bus}
topic = {topic}
key_file = {key}
silence = 3
[service]
heartbeat = {heartbeat}
workers = {workers}
pending_interval = 0.5
sweep_interval = 1
info_cache_interval = 1
metrics_port = {port}
[oslo_messaging_rabbit]
rabbit_retry_interval = 1
rabbit_retry_backoff = 0
kombu_reconnect_delay = 0.2
heartbeat_timeout_threshold = 6
"""


class Proxy:
    """Passes a TCP port on, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._pairs: set[socket.socket] = set()
        self._turn = threading.Lock()
        self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and take none."""
        with self._turn:
            self._is_cut = True
            pairs, self._pairs = self._pairs, set()
        for each in pairs:
            _end(each)

    def mend(self) -> None:
        """Take connections again."""
        self._is_cut = False

    def close(self) -> None:
        """Be gone."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(self._there)
            except OSError:
                near.close()
                continue
            with self._turn:
                self._pairs |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        _end(one)
        _end(other)
        with self._turn:
            self._pairs -= {one, other}


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class Host:
    """A host with its service."""

    def __init__(self, name: str, path: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.path = path
        self.file = path / "qplug.conf"
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.metrics_port = 0

    @property
    def conf(self) -> ConfigOpts:
        """Its configuration."""
        return load_config([str(self.file)])

    def start(self) -> None:
        """Start its service, and wait until it is ready."""
        self.launch()
        self.wait_ready()

    def launch(self, program: Sequence[str] = MANAGER, **variables: str) -> None:
        """Start its service.

        :param program: what is started instead of the manager, with the same options
        :param variables: what it has in its environment besides
        """
        listener = self.path / "notify"
        with suppress(FileNotFoundError):
            listener.unlink()
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(listener))
        with (self.path / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*program, "--config-file", str(self.file), "-v"],
                stdout=log,
                stderr=log,
                env={**self._environment, **variables, "NOTIFY_SOCKET": str(listener)},
            )

    def wait_ready(self, seconds: float = 30) -> None:
        """Wait until it tells systemd that it is ready."""
        self._notified.settimeout(0.1)
        until = time.monotonic() + seconds
        while True:
            with suppress(TimeoutError):
                if self._notified.recv(100) == b"READY=1":
                    return
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """Its service."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """What it said."""
        return (self.path / "log").read_text(errors="replace")

    def kill(self) -> None:
        """Kill its service."""
        self.process.kill()
        self.process.wait()
        self._notified.close()

    def seconds_to_start(self, times: int = 2) -> float:
        """Start its service, stop it and so on, and return the best time until it was ready."""
        took = []
        for number in range(times):
            if number:
                assert self.stop() == 0
            begun = time.monotonic()
            self.start()
            took.append(time.monotonic() - begun)
        return min(took)

    def stop(self, seconds: float = 60) -> int:
        """End its service as systemd does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self._notified.close()
        return code

    @property
    def served(self) -> Mapping[str, Mapping[str, DhcpHost]]:
        """Whom its DHCP answers, by network."""
        return FileDhcp(self.conf).served

    @contextmanager
    def dhcp_held(self) -> Iterator[None]:
        """Have whoever changes its DHCP wait inside of this."""
        with (self.path / "state" / "dhcp.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def gateways(self) -> set[str]:
        """The networks that have a gateway there."""
        return set(FileL3(self.conf).gateways)

    def page(self, path: str) -> tuple[int, str]:
        """Return a page of its metrics' server."""
        url = f"http://127.0.0.1:{self.metrics_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # our own
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


class Fleet:
    """Hosts that share a database and a bus."""

    def __init__(self, path: Path, topic: str, database: str, closing: ExitStack) -> None:
        self.path = path
        self.topic = topic
        self.key = write_key(path)
        self._closing = closing
        there = sa.make_url(database)
        self._database = there
        self.to_database: Proxy | None = None
        if there.host and there.port:
            self.to_database = Proxy(there.host, int(there.port))
            closing.callback(self.to_database.close)
            there = there.set(host="127.0.0.1", port=self.to_database.port)
        self._proxied = there
        broker = urlsplit(URL)
        self.to_broker = Proxy(str(broker.hostname), broker.port or 5672)
        closing.callback(self.to_broker.close)
        self._bus = broker._replace(
            netloc=f"{broker.username}:{broker.password}@127.0.0.1:{self.to_broker.port}"
        ).geturl()
        self.hosts: dict[str, Host] = {}
        self._made: sa.Engine | None = None
        self._managers: dict[str, Manager] = {}
        closing.callback(self._close_managers)

    def host(self, name: str, **options: Any) -> Host:
        """Make a host, whose service does not run yet.

        :param options: of its configuration: l3, dhcp, timeout, heartbeat, workers
        """
        path = self.path / name
        path.mkdir()
        values = {"l3": "file", "dhcp": "file", "timeout": 20, "heartbeat": 0.5, "workers": 8}
        values |= options
        found = Host(name, path, os.environ.copy())
        found.metrics_port = _free_port()
        text = FILE.format(
            state=path / "state",
            host=name,
            database=self._proxied.render_as_string(False).replace("$", "$$"),
            bus=self._bus,
            topic=self.topic,
            key=self.key,
            port=found.metrics_port,
            **values,
        )
        found.file.write_text(text)
        self.hosts[name] = found
        self._closing.callback(self._end, found)
        return found

    def _end(self, host: Host) -> None:
        if host._process is not None and host._process.poll() is None:
            host.kill()

    def api(self, project_id: str | None = None, host: str = "client") -> NetworkApi:
        """Return the operations as done by the services, past the proxies."""
        key = f"remote {host}"
        if key not in self._managers:
            self._managers[key] = remote_manager(self._direct(host))
        context = Context(project_id=project_id, is_admin=project_id is None)
        return NetworkApi(self._managers[key], context)

    def local(self, host: str) -> NetworkApi:
        """Return the operations as done in this process, on a host, past the proxies."""
        if host not in self._managers:
            conf = self.hosts[host].conf
            conf.set_override("connection", self._database.render_as_string(False), "database")
            conf.set_override("transport_url", URL, "rpc")
            self._managers[host] = create_manager(conf)
        return NetworkApi(self._managers[host], Context(is_admin=True))

    def _close_managers(self) -> None:
        """Close all at once: oslo.messaging looks every five seconds whether it is to end."""
        with ThreadPoolExecutor(16) as threads:
            for closed in [threads.submit(one.close) for one in self._managers.values()]:
                closed.result()

    # --- what is in the store ---

    def services(self) -> Sequence[str]:
        """Return the hosts that have a service, by the store."""
        return [row[0] for row in self._rows("SELECT host FROM qplug_services ORDER BY host")]

    def requests_under_way(self) -> int:
        """Return how many requests have been begun and have no answer yet."""
        query = "SELECT COUNT(*) FROM qplug_requests WHERE answer IS NULL"
        return int(self._rows(query)[0][0])

    def mark_updating(self, network_id: str) -> None:
        """Have a network in the hands of a process elsewhere, for an hour."""
        change = (
            "UPDATE qplug_networks SET state = 'updating', worker = 'elsewhere b pid:[1] 1 1', "
            "epoch = epoch + 1, due = (SELECT MAX(seen_at) FROM qplug_services) + 3600 "
            "WHERE id = :id"
        )
        with self.engine.begin() as tx:
            assert tx.execute(sa.text(change), {"id": network_id}).rowcount == 1

    def cached_info(self, instance_id: str) -> Any:
        """Return the cached network info of an instance."""
        query = "SELECT network_info FROM qplug_instances WHERE id = :id"
        return self._rows(query, id=instance_id)[0][0]

    def spoil_info(self, instance_id: str) -> None:
        """Have something else cached."""
        change = "UPDATE qplug_instances SET network_info = '[]' WHERE id = :id"
        with self.engine.begin() as tx:
            tx.execute(sa.text(change), {"id": instance_id})

    def _rows(self, query: str, **values: Any) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.execute(sa.text(query), values).all()

    @property
    def engine(self) -> sa.Engine:
        """The database, past the proxy."""
        if self._made is None:
            self._made = sa.create_engine(self._database)
            self._closing.callback(self._made.dispose)
        return self._made

    def _direct(self, host: str) -> ConfigOpts:
        conf = load_config([os.devnull])
        configure(conf, self.topic, self.key)
        conf.set_override("host", host)
        conf.set_override("operation_timeout", 20.0)
        return conf


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


MakeFleet = Callable[..., Fleet]


@contextmanager
def fleet_of(path: Path, database: str) -> Iterator[Fleet]:
    """Yield hosts that share a database."""
    with ExitStack() as closing:
        closing.enter_context(_guarded(path))
        topic = closing.enter_context(queues())
        yield Fleet(path, topic, database, closing)


GUARD = """
import os, subprocess, sys
sys.stdin.read()
subprocess.run(["pkill", "-KILL", "-f", os.environ["OF"]])
"""


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Have no service outlive this process, be it killed."""
    environment = {**os.environ, "OF": f"qplug.service.main --config-file {path}"}
    with subprocess.Popen(
        [sys.executable, "-c", GUARD], stdin=subprocess.PIPE, env=environment
    ) as guard:
        yield
        assert guard.stdin is not None
        guard.stdin.close()


@pytest.fixture
def noting(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have drivers installed that note what they do in files."""
    site.install("file-l3", "file = qplug.testing.files:FileL3", kind="l3")
    site.install("file-dhcp", "file = qplug.testing.files:FileDhcp", kind="dhcp")
    path = [str(site.path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    monkeypatch.setenv("QPLUG_CONFIG", os.devnull)


@pytest.fixture
def fleet(tmp_path: Path, noting: None, database_url: str) -> Iterator[Fleet]:
    """Return hosts with drivers that note what they do in files."""
    with fleet_of(tmp_path, database_url) as found:
        yield found


def instance() -> Instance:
    """Return another instance."""
    return Instance(id=str(uuid4()), project_id=PROJECT)


def until(found: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.05)


Names = Sequence[str]
