"""A message bus for tests: a real RabbitMQ, with queues of a test's own."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.factory import remote_manager
from qplug.manager import Context, Manager
from qplug.rpc.bus import Bus
from qplug.rpc.endpoint import Endpoint
from qplug.testing.requirements import require

URL = os.environ.get("QPLUG_TEST_RABBIT_URL", "rabbit://guest:guest@127.0.0.1:5672/")
MISSING = f"no RabbitMQ answers at {urlsplit(URL).hostname}; install rabbitmq-server and start it"
KEY = "0123456789abcdef" * 4
HOSTS = ("host-1", "host-2", "host-3")


def answers() -> bool:
    """Say whether RabbitMQ is there."""
    there = urlsplit(URL)
    try:
        with socket.create_connection((str(there.hostname), there.port or 5672), timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def queues() -> Iterator[str]:
    """Yield what the names of a test's queues begin with; they are gone afterwards."""
    require(answers(), MISSING)
    topic = f"qplug-test-{uuid4().hex[:12]}"
    try:
        yield topic
    finally:
        forget(topic)


def forget(topic: str, *hosts: str) -> None:
    """Delete the queues and exchanges of a topic, and of the hosts that were on it."""
    from kombu.connection import Connection

    topics = [topic, f"{topic}_requests"]
    names = [*topics, *(f"{each}.{host}" for each in topics for host in (*hosts, *HOSTS))]
    fanout = [f"{each}_fanout" for each in topics]
    with Connection(URL.replace("rabbit://", "amqp://")) as connection:
        for name in names:
            with connection.channel() as channel:
                channel.queue_delete(name)
        for name in fanout:
            with connection.channel() as channel:
                channel.exchange_delete(name)


def write_key(folder: Path, text: str = KEY) -> Path:
    """Write a key that its owner alone may read, and return where it is."""
    path = folder / "rpc.key"
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    return path


def configure(conf: ConfigOpts, topic: str, key: Path | None) -> None:
    """Have a configuration name the bus."""
    conf.set_override("transport_url", URL, "rpc")
    conf.set_override("topic", topic, "rpc")
    conf.set_override("key_file", str(key) if key else None, "rpc")
    conf.set_override("silence", 3.0, "rpc")


class Switch:
    """Listens on the queues of a topic, and hands messages to whom the test says."""

    def __init__(self, topic: str, folder: Path) -> None:
        self.topic = topic
        self.key = write_key(folder)
        self.current: Endpoint | None = None
        conf = load_config([os.devnull])
        configure(conf, topic, self.key)
        self._bus = Bus(conf)
        target = self._bus.target("host-1")
        self._server: Any = self._bus.messaging.get_rpc_server(self._bus.transport, target, [self])
        self._server.start()

    def invoke(self, context: Any, text: Any, signature: Any) -> Any:
        """Pass a message on."""
        assert self.current is not None
        return self.current.invoke(context, text, signature)

    def close(self) -> None:
        """Listen no more."""
        self._server.stop()
        self._server.wait()
        self._bus.close()


class Served:
    """A manager that answers from the bus, in this process, and clients of it."""

    def __init__(self, manager: Manager, closing: ExitStack) -> None:
        self.manager = manager
        self.conf = manager.conf
        self.bus = Bus(self.conf)
        self.endpoint = Endpoint(manager, self.bus)
        self.closing = closing
        closing.callback(self.bus.close)

    def remote(self, conf: ConfigOpts | None = None) -> Manager:
        """Return a manager whose operations are done here."""
        manager = remote_manager(conf or self.conf)
        self.closing.callback(manager.close)
        return manager

    def api(self, project_id: str | None = None, **context: Any) -> NetworkApi:
        """Return the operations of a caller, over the bus."""
        context = {"is_admin": project_id is None} | context
        return NetworkApi(self.remote(), Context(project_id=project_id, **context))


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    """Return who listens for all tests of a module: to begin and to end that takes a second."""
    with queues() as topic:
        found = Switch(topic, tmp_path_factory.mktemp("bus"))
        yield found
        found.close()


@pytest.fixture
def bus_conf(conf: ConfigOpts, switch: Switch) -> ConfigOpts:
    """Return a configuration that names the bus."""
    configure(conf, switch.topic, switch.key)
    return conf


@pytest.fixture
def served(bus_conf: ConfigOpts, switch: Switch, manager: Manager) -> Iterator[Served]:
    """Return a manager on in-memory drivers that answers from the bus."""
    with ExitStack() as closing:
        found = Served(manager, closing)
        switch.current = found.endpoint
        yield found
        switch.current = None


def wait_until(found: Callable[[], object], seconds: float = 10) -> None:
    """Wait for something to become true."""
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until, "it did not become true"
        time.sleep(0.02)
