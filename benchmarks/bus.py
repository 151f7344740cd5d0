"""``python -m benchmarks.bus``: what it costs to have operations done by a service.

One service on PostgreSQL and RabbitMQ, in a process of its own. Instances with one vif each are
allocated in this process and over the bus, by one client and by eight, in turns. The floor is an
empty call of oslo.messaging on the same bus, answered by a process of its own.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.db.installed import installed
from qplug.factory import create_manager, remote_manager
from qplug.manager import Context
from qplug.model import Instance
from qplug.rpc.bus import Bus
from qplug.testing.databases import database_of
from qplug.testing.values import network_spec

URL = os.environ.get("QPLUG_TEST_RABBIT_URL", "rabbit://guest:guest@127.0.0.1:5672/")
CLIENTS = 8
QUICK = "--quick" in sys.argv
EACH = 10 if QUICK else 50
"""Allocations of each client in a round."""
ROUNDS = 2 if QUICK else 5
CALLS = 50 if QUICK else 500

FILE = """\
[DEFAULT]
state_path = {folder}/state
host = bench
[database]
connection = {database}
[rpc]
transport_url = {url}
topic = {topic}
key_file = {folder}/key
[service]
metrics_port = 0
"""


class Nothing:
    """Answers nothing."""

    def nothing(self, _context: object) -> None:
        """Be called."""


def forget(topic: str) -> None:
    """Delete the queues."""
    from kombu.connection import Connection

    with Connection(URL.replace("rabbit://", "amqp://")) as connection:
        for name in (topic, f"{topic}_requests", f"{topic}-floor"):
            for queue in (name, f"{name}.bench"):
                connection.default_channel.queue_delete(queue)


def floor(file: str) -> None:
    """Answer empty calls until the process is ended."""
    bus = Bus(load_config([file]))
    target = bus.messaging.Target(topic=f"{bus.conf.rpc.topic}-floor", server="bench")
    server = bus.messaging.get_rpc_server(bus.transport, target, [Nothing()])
    server.start()
    print("ready", flush=True)
    signal.pause()


@contextmanager
def process(*command: str, ready: str) -> Iterator[None]:
    """Run a process from when it says that it is ready."""
    with subprocess.Popen(  # noqa: S603  # ours
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        assert started.stdout is not None  # noqa: S101  # a pipe was asked for
        try:
            while ready not in (line := started.stdout.readline()):
                if not line:
                    raise SystemExit(f"{command} ended")
            yield
        finally:
            started.terminate()


def rate(apis: Sequence[NetworkApi]) -> float:
    """Return how many allocations a second are done by callers at once."""

    def allocate(api: NetworkApi) -> None:
        for _ in range(EACH):
            api.allocate_for_instance(Instance(id=str(uuid4()), project_id="alice"))

    with ThreadPoolExecutor(len(apis)) as pool:
        start = time.perf_counter()
        list(pool.map(allocate, apis))
        return len(apis) * EACH / (time.perf_counter() - start)


def milliseconds(call: Callable[[], object]) -> float:
    """Return how long a call takes, at the median."""
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return 1000 * median(taken)


def measure(conf: ConfigOpts, closing_: ExitStack) -> None:
    """Print it all."""
    admin = Context(is_admin=True)
    local = closing_.enter_context(closing(create_manager(conf)))
    remotes = [closing_.enter_context(closing(remote_manager(conf))) for _ in range(CLIENTS)]
    near = [NetworkApi(local, admin)] * CLIENTS
    far = [NetworkApi(remote, admin) for remote in remotes]
    near[0].create(network_spec("10.0.0.0/12", project_id="alice"))

    bus = Bus(conf)
    closing_.callback(bus.close)
    rpc = bus.messaging.get_rpc_client(
        bus.transport, bus.messaging.Target(topic=f"{bus.conf.rpc.topic}-floor")
    ).prepare(timeout=10, call_monitor_timeout=5)
    for api in far:
        api.get_services()
    rpc.call({}, "nothing")
    empty = milliseconds(lambda: rpc.call({}, "nothing"))
    here = milliseconds(near[0].get_services)
    there = milliseconds(far[0].get_services)
    print(f"an empty call of oslo.messaging: {empty:.2f} ms")
    print(f"a reading operation here {here:.2f} ms, over the bus {there:.2f} ms: ", end="")
    print(f"a hop costs {there - here:.2f} ms, {(there - here) / empty:.2f} times an empty call")
    for clients in (1, CLIENTS):
        pairs = [(rate(near[:clients]), rate(far[:clients])) for _ in range(ROUNDS)]
        ratio = median(bus_rate / local_rate for local_rate, bus_rate in pairs)
        print(
            f"allocations a second, {clients} client(s): {median(a for a, _ in pairs):.0f} here, "
            f"{median(b for _, b in pairs):.0f} over the bus: {ratio:.2f}"
        )


def main() -> None:
    """Measure."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(database_of("postgresql", folder))
        (folder / "key").write_text("0123456789abcdef" * 4)
        (folder / "key").chmod(0o600)
        topic = f"qplug-bench-{uuid4().hex[:8]}"
        stack.callback(forget, topic)
        file = folder / "qplug.conf"
        named = database.replace("$", "$$")
        file.write_text(FILE.format(folder=folder, database=named, url=URL, topic=topic))
        conf = load_config([str(file)])
        with installed(conf) as databases:
            for each in databases:
                each.upgrade()
        command = ("--config-file", str(file))
        stack.enter_context(process("qplug.service.main", *command, ready="is ready"))
        stack.enter_context(process("benchmarks.bus", "--floor", str(file), ready="ready"))
        measure(conf, stack)


if __name__ == "__main__":
    floor(sys.argv[2]) if sys.argv[1:2] == ["--floor"] else main()
