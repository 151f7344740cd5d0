"""What is measured on one database: rounds in which all that is compared has its turn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from netaddr import IPNetwork

from benchmarks.floor import Recorded, Recording
from benchmarks.raw import Raw
from benchmarks.seeding import fill
from benchmarks.sites import PROJECT, Times, make_manager
from benchmarks.workers import Worker, together, workers
from qplug.api import NetworkApi
from qplug.db.installed import installed
from qplug.manager import Context, NetworkSpec
from qplug.testing.databases import fresh_database

ADDRESSES = 65_533
"""What vifs may get of a /16 with a gateway."""

FILLS = {
    "0 %": 0,
    "50 %": ADDRESSES // 2,
    "99 %": ADDRESSES * 99 // 100,
    "last address": ADDRESSES - 1,
}
OPERATIONS = ("allocate", "deallocate")
WORKERS = 8
MANY = 100_000


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    rounds: int
    count: int
    """Operations of each kind in a round; of the last address one at a time."""
    crowd_rounds: int
    seconds: float
    """In which workers do as much as they can."""


@dataclass
class Cell:
    """One operation at one fill, round by round; seconds an operation."""

    qplug: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    each: list[float] = field(default_factory=list)
    """Every single operation of qplug."""

    def percentile(self, number: int) -> float:
        """Return the seconds in which that many of a hundred operations were done."""
        return quantiles(self.each, n=100, method="inclusive")[number - 1]


Cells = Mapping[tuple[str, str], Cell]
"""By fill and operation."""

Rates = Mapping[tuple[str, str], list[float]]
"""Operations a second, round by round, by who works and operation."""


@dataclass(frozen=True)
class Measured:
    """All that was measured on one database."""

    kind: str
    recorded: Mapping[str, Recording]
    """What an operation sends when nothing is in use."""
    cells: Cells
    rates: Rates


def measure(kind: str, server: str | None, folder: Path, amount: Amount) -> Measured:
    """Measure on a SQLite file in the folder, or on databases made on a server."""
    with ExitStack() as closing:
        sites = {
            name: closing.enter_context(_filled(name, count, server, folder))
            for name, count in FILLS.items()
        }
        cells = _in_turns({name: site for name, (site, _) in sites.items()}, amount)
    with _database("crowd", server, folder) as url:
        labels = ["shared", *map(_own, range(WORKERS))]
        _make(url, folder, labels, 0)
        recorded = _recorded(url, folder, labels)
        with workers(WORKERS, url, str(folder)) as crowd:
            rates = _in_a_crowd(crowd, recorded, amount)
    return Measured(kind, sites["0 %"][1].operations, cells, rates)


def _in_turns(sites: Mapping[str, Worker], amount: Amount) -> Cells:
    cells = {(name, operation): Cell() for name in sites for operation in OPERATIONS}
    for _ in range(amount.rounds):
        for name, site in sites.items():
            few = 1 if FILLS[name] == ADDRESSES - 1 else amount.count
            for _ in range(amount.count // few):
                _one_turn(site, few, [cells[name, operation] for operation in OPERATIONS])
    return cells


def _one_turn(site: Worker, count: int, cells: Sequence[Cell]) -> None:
    ours: list[Times] = [site.do(method, count) for method in OPERATIONS]
    floor: list[Times] = [site.do(method, count) for method in ("write", "unwrite")]
    at_once: Sequence[Times] = site.do("write_together", count)
    for cell, qplug, alone, one in zip(cells, ours, floor, at_once, strict=True):
        cell.qplug.append(qplug.total / count)
        cell.cpu.append(qplug.cpu / count)
        cell.each += qplug.each
        cell.floor.append(alone.total / count)
        cell.together.append(one.total / count)


def _in_a_crowd(crowd: Sequence[Worker], recorded: Mapping[str, Recorded], amount: Amount) -> Rates:
    rates: dict[tuple[str, str], list[float]] = {}

    def turn(who: str, some: Sequence[Worker], methods: Sequence[str], count: int) -> None:
        for operation, method in zip(OPERATIONS, methods, strict=True):
            done: list[Times] = together(some, method, count, amount.seconds)
            rate = sum(len(times.each) / times.total for times in done)
            rates.setdefault((who, operation), []).append(rate)
        for worker in some:
            worker.do(methods[1], MANY)

    for _ in range(amount.crowd_rounds):
        together(crowd, "use", "shared", recorded["shared"])
        turn("1 worker", crowd[:1], OPERATIONS, MANY // 50)
        turn("8 workers", crowd, OPERATIONS, MANY // 50)
        for number, worker in enumerate(crowd):
            worker.do("use", _own(number), recorded[_own(number)])
        turn("8 workers, 8 networks", crowd, OPERATIONS, MANY // 50)
        turn("floor, 1 worker", crowd[:1], ("write", "unwrite"), 1000)
        turn("floor, 8 workers, 8 networks", crowd, ("write", "unwrite"), 1000)
    return rates


@contextmanager
def _filled(
    name: str, count: int, server: str | None, folder: Path
) -> Iterator[tuple[Worker, Recorded]]:
    with _database(name, server, folder) as url:
        _make(url, folder, ["shared"], count)
        recorded = _recorded(url, folder, ["shared"])["shared"]
        with workers(1, url, str(folder)) as [worker]:
            worker.do("use", "shared", recorded)
            yield worker, recorded


def _recorded(url: str, folder: Path, labels: Sequence[str]) -> Mapping[str, Recorded]:
    with workers(1, url, str(folder)) as [scout]:
        return {label: scout.do("record", label) for label in labels}


@contextmanager
def _database(name: str, server: str | None, folder: Path) -> Iterator[str]:
    place = folder / name.replace(" ", "")
    place.mkdir()
    with fresh_database(place, server) as url:
        yield url


def _make(url: str, folder: Path, labels: Sequence[str], count: int) -> None:
    """Make tables and networks, and give away that many addresses of each."""
    manager = make_manager(url, str(folder))
    try:
        with installed(manager.conf) as databases:
            for database in databases:
                database.upgrade()
        api = NetworkApi(manager, Context(is_admin=True))
        for number, label in enumerate(labels):
            cidr = IPNetwork(f"10.{number}.0.0/16")
            network = api.create(NetworkSpec(label=label, cidrs=(cidr,), project_id=PROJECT))
            if count:
                raw = Raw(url)
                fill(raw, network, count)
                raw.close()
    finally:
        manager.close()


def _own(number: int) -> str:
    return f"own-{number}"


def ratios(some: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return how many times the others each is, round by round."""
    return [one / other for one, other in zip(some, others, strict=True)]


def spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    """Return the median with the least and the most."""
    return f"{show(median(values))} ({show(min(values))} to {show(max(values))})"
