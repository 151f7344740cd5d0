"""The stand-in by hand: ``python -m qplug_quantum_v1.testing --port 9696``."""

import signal
from argparse import ArgumentParser
from collections.abc import Sequence

from qplug_quantum_v1.testing.settings import Settings
from qplug_quantum_v1.testing.standin import StandIn


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal ends it."""
    parser = ArgumentParser(
        prog="python -m qplug_quantum_v1.testing",
        description="A Quantum server of 2012 in memory, on 127.0.0.1, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=9696, help="0 for any that is free")
    parser.add_argument(
        "--plugin", choices=["openvswitch", "linuxbridge", "sample"], default="openvswitch"
    )
    parser.add_argument(
        "--diablo", action="store_true", help="be a server of 2011, with the sample plugin"
    )
    parser.add_argument(
        "--latency", type=float, default=0.0, metavar="SECONDS", help="that each answer takes"
    )
    options = parser.parse_args(arguments)
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads, which inherit it
    settings = Settings(plugin=options.plugin)
    if options.diablo:
        settings = Settings(plugin="sample", diablo=True)
    with StandIn(settings, options.port) as quantum:
        quantum.latency = options.latency
        print(f"Quantum stands in at {quantum.url}", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
