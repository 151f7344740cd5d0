"""The machine a table was made on."""

import os
import platform
import sqlite3
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from benchmarks.measuring import WORKERS, Amount

SETTINGS = {
    "postgresql": ["server_version", "fsync", "synchronous_commit", "wal_sync_method"],
    "mysql": ["version", "innodb_flush_log_at_trx_commit", "innodb_flush_method", "log_bin"],
}


def described(folder: Path, servers: Sequence[str], amount: Amount) -> str:
    """Return a list of what decides how fast it is here."""
    return "\n".join([*_lines(folder, servers, amount), ""])


def _lines(folder: Path, servers: Sequence[str], amount: Amount) -> Iterator[str]:
    yield f"- {time.strftime('%Y-%m-%d %H:%M')}, load {os.getloadavg()[0]:.1f} before"
    machine = f"{os.cpu_count()} processors {_processor()}, {_memory():.0f} GiB"
    yield f"- {machine}, {platform.platform()}"
    times = [seconds * 1000 for seconds in _fsyncs(folder)]
    yield (
        f"- {_file_system(folder)}: fsync of 4 KiB takes {median(times):.2f} ms "
        f"({min(times):.2f} to {max(times):.2f})"
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("SQLAlchemy", "psycopg", "PyMySQL"))
    yield f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"
    for url in servers:
        yield f"- {_server(url)}"
    yield (
        f"- medians of {amount.rounds} rounds of {amount.count} operations, and of "
        f"{amount.crowd_rounds} rounds of {amount.seconds} s for one and {WORKERS} workers; in "
        "parentheses the least and the most of a round"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _file_system(folder: Path) -> str:
    """Return the type of the file system with the folder; Linux tells it by mount point."""
    best, kind = "", "unknown file system"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, name, *_ = line.split()
        if folder.resolve().is_relative_to(place) and len(place) >= len(best):
            best, kind = place, name
    return kind


def _fsyncs(folder: Path) -> Iterator[float]:
    with open(folder / "fsync", "wb", buffering=0) as file:
        for _ in range(100):
            file.write(bytes(4096))
            start = time.perf_counter()
            os.fsync(file.fileno())
            yield time.perf_counter() - start


def _server(url: str) -> str:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    kind = engine.url.get_backend_name()
    show = "SHOW {}" if kind == "postgresql" else "SELECT @@{}"
    with engine.connect() as connection:
        said = [
            f"{name} {connection.exec_driver_sql(show.format(name)).scalar()}"
            for name in SETTINGS[kind]
        ]
    return f"{kind}: {', '.join(said)}"
