"""``python -m benchmarks.quantum``: what threads gain while a network service takes its time.

The service is the stand-in of qplug-quantum-v1 in a process of its own, each of whose answers takes
20 ms. Each thread allocates instances with one vif each, all by one manager. What is printed is
how many times more 8 threads get done than one: medians of rounds taken in turn.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import Instance
from qplug.testing.values import network_spec

LATENCY = 0.02
"""Seconds."""
THREADS = 8
EACH = 25
"""Allocations of each thread in a round."""
ROUNDS = 5


@contextmanager
def service() -> Iterator[int]:
    """Run the stand-in, and yield its port."""
    command = [sys.executable, "-m", "qplug_quantum_v1.testing", "--port=0", f"--latency={LATENCY}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            said = process.stdout.readline() if process.stdout else ""
            yield int(said.rpartition(":")[2])
        finally:
            process.terminate()


def rate(api: NetworkApi, threads: int) -> float:
    """Return how many allocations a second are done."""

    def allocate(_: int) -> None:
        for _ in range(EACH):
            api.allocate_for_instance(Instance(id=str(uuid4()), project_id="alice"))

    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        list(pool.map(allocate, range(threads)))
        return threads * EACH / (time.perf_counter() - start)


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder, service() as port:
        file = Path(folder) / "qplug.conf"
        file.write_text(
            f"[DEFAULT]\nstate_path = {folder}\n[ipam]\ndriver = nova\n"
            f"[quantum]\ndriver = v1\n[quantum_v1]\nport = {port}\n"
        )
        with closing(create_manager(load_config([str(file)]))) as manager:
            api = NetworkApi(manager, Context(is_admin=True))
            api.create(network_spec("10.0.0.0/16", project_id="alice"))
            rate(api, THREADS)
            ratios = []
            for _ in range(ROUNDS):
                one, many = rate(api, 1), rate(api, THREADS)
                print(f"1 thread {one:.1f}/s, {THREADS} threads {many:.1f}/s: {many / one:.2f}")
                ratios.append(many / one)
            print(f"{THREADS} threads do {median(ratios):.1f} times the allocations of one")


if __name__ == "__main__":
    main()
