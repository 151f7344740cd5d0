"""``python -m benchmarks``: measure on every database that is there, and print tables."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from benchmarks.machine import described
from benchmarks.measuring import FILLS, Amount, measure
from benchmarks.report import report
from qplug.testing.databases import SERVERS

FULL = Amount(fills=FILLS, rounds=20, count=10, profiled=500, crowd_rounds=5, seconds=1.0)
QUICK = Amount(fills={"0 %": 0}, rounds=10, count=10, profiled=200, crowd_rounds=1, seconds=1.0)
CHECK = Amount(
    fills={"0 %": 0, "99 %": 50}, rounds=2, count=2, profiled=20, crowd_rounds=1, seconds=0.05
)


def main() -> None:
    """Do it."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="an empty network only; noisy")
    parser.add_argument("--check", action="store_true", help="only see that it works")
    parser.add_argument(
        "--database", action="append", choices=["sqlite", *SERVERS], help="only these"
    )
    parser.add_argument(
        "--folder", default=".", help="a folder on a real disk; SQLite files are made inside of it"
    )
    arguments = parser.parse_args()
    start = time.monotonic()
    servers = {"sqlite": None} | {kind: _server(kind) for kind in SERVERS}
    chosen = arguments.database or list(servers)
    amount = CHECK if arguments.check else QUICK if arguments.quick else FULL
    with tempfile.TemporaryDirectory(
        prefix=".bench-", dir=Path(arguments.folder).resolve()
    ) as folder:
        print(described(Path(folder), [url for url in servers.values() if url], amount))
        for kind in chosen:
            if kind in SERVERS and servers[kind] is None:
                print(f"### {kind}\n\nnot reached; see make help\n")
                continue
            place = Path(folder) / kind
            place.mkdir()
            print(report(measure(kind, servers[kind], place, amount)), flush=True)
    print(f"Measured in {time.monotonic() - start:.0f} seconds.", file=sys.stderr)


def _server(kind: str) -> str | None:
    url = os.environ.get(f"QPLUG_TEST_{kind.upper()}_URL", SERVERS[kind])
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        engine.connect().close()
    except exc.DBAPIError:
        return None
    return url


if __name__ == "__main__":
    main()
