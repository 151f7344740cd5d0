"""The stand-in by hand: ``python -m qplug_ipam_melange.testing --port 9898``."""

import signal
from argparse import ArgumentParser
from collections.abc import Sequence

from qplug_ipam_melange.testing.standin import StandIn
from qplug_ipam_melange.testing.state.records import MacRange


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal ends it."""
    parser = ArgumentParser(
        prog="python -m qplug_ipam_melange.testing",
        description="A Melange server in memory, on 127.0.0.1, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=9898, help="0 for any that is free")
    parser.add_argument(
        "--mac-range", metavar="CIDR", help="give MAC addresses from it: 02:16:3e:00:00:00/24"
    )
    options = parser.parse_args(arguments)
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads, which inherit it
    with StandIn(port=options.port) as melange:
        if options.mac_range:
            made = MacRange(created_at=melange.now, cidr=options.mac_range)
            melange.tables.mac_ranges[made.id] = made
        print(f"Melange stands in at {melange.url}", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
