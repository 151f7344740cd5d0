"""What is measured on one database: rounds in which all that is compared has its turn."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from netaddr import IPNetwork

from benchmarks.floor import Recorded, Recording
from benchmarks.seeding import PROJECT
from benchmarks.sites import Site, Times, make_manager
from benchmarks.workers import Worker, together, workers
from qplug.api import NetworkApi
from qplug.db.installed import installed
from qplug.manager import Context, NetworkSpec
from qplug.testing.databases import fresh_database

ADDRESSES = 65_533
"""What vifs may get of a /16 with a gateway."""

FILLS: Mapping[str, int] = {
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

    fills: Mapping[str, int]
    """How many addresses are in use, the empty network first."""
    rounds: int
    count: int
    """Operations of each kind in a round, in turns: as if each address were the last."""
    profiled: int
    """How many operations of each kind are looked at."""
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
    places: Mapping[str, Counter[str]]
    """How often it was where, by operation."""

    @property
    def fills(self) -> Sequence[str]:
        """Return how full the networks were, the empty one first."""
        return list(dict.fromkeys(name for name, _ in self.cells))


def measure(kind: str, server: str | None, folder: Path, amount: Amount) -> Measured:
    """Measure on a SQLite file in the folder, or on databases made on a server."""
    with ExitStack() as closing:
        sites, recorded = {}, {}
        for name, in_use in amount.fills.items():
            url = closing.enter_context(_database(name, server, folder))
            recorded[name] = _made(url, folder, ["shared"], in_use)["shared"]
            [sites[name]] = closing.enter_context(workers(1, url, str(folder)))
            sites[name].do("use", "shared", recorded[name])
        cells = _in_turns(sites, amount)
        places = sites["0 %"].do("profile", amount.profiled)
    with _database("crowd", server, folder) as url:
        labels = ["shared", *map(_own, range(WORKERS))]
        of_crowd = _made(url, folder, labels, 0)
        with workers(1, url, str(folder)) as one, workers(WORKERS, url, str(folder)) as crowd:
            rates = _in_a_crowd(one, crowd, of_crowd, amount)
    return Measured(kind, recorded["0 %"].operations, cells, rates, places)


def _in_turns(sites: Mapping[str, Worker], amount: Amount) -> Cells:
    cells = {(name, operation): Cell() for name in sites for operation in OPERATIONS}
    for _ in range(amount.rounds):
        for name, site in sites.items():
            ours: Sequence[Times] = site.do("pairs", amount.count)
            floor: Sequence[Times] = site.do("written_pairs", amount.count)
            at_once: Sequence[float] = site.do("written_together", amount.count)
            for n, operation in enumerate(OPERATIONS):
                cell = cells[name, operation]
                cell.qplug.append(ours[n].total / amount.count)
                cell.cpu.append(ours[n].cpu / amount.count)
                cell.each += ours[n].each
                cell.floor.append(floor[n].total / amount.count)
                cell.together.append(at_once[n])
    return cells


def _in_a_crowd(
    one: Sequence[Worker],
    crowd: Sequence[Worker],
    recorded: Mapping[str, Recorded],
    amount: Amount,
) -> Rates:
    """Measure the crowd, and the one that never met it: who lost a race remembers for a while."""
    rates: dict[tuple[str, str], list[float]] = {}

    def turn(who: str, some: Sequence[Worker], methods: Sequence[str], count: int) -> None:
        for operation, method in zip(OPERATIONS, methods, strict=True):
            done: list[Times] = together(some, method, count, amount.seconds)
            rate = sum(len(times.each) / times.total for times in done)
            rates.setdefault((who, operation), []).append(rate)
        for worker in some:
            worker.do(methods[1], MANY)

    for _ in range(amount.crowd_rounds):
        together([*one, *crowd], "use", "shared", recorded["shared"])
        turn("1 worker", one, OPERATIONS, MANY // 50)
        turn("8 workers", crowd, OPERATIONS, MANY // 50)
        for number, worker in enumerate(crowd):
            worker.do("use", _own(number), recorded[_own(number)])
        turn("8 workers, 8 networks", crowd, OPERATIONS, MANY // 50)
        turn("floor, 1 worker", one, ("write", "unwrite"), 1000)
        turn("floor, 8 workers, 8 networks", crowd, ("write", "unwrite"), 1000)
    return rates


@contextmanager
def _database(name: str, server: str | None, folder: Path) -> Iterator[str]:
    place = folder / name.replace(" ", "")
    place.mkdir()
    with fresh_database(place, server) as url:
        yield url


def _made(url: str, folder: Path, labels: Sequence[str], count: int) -> Mapping[str, Recorded]:
    """Make tables and networks, give away that many addresses of each, and record the next."""
    manager = make_manager(url, str(folder))
    with ExitStack() as closing:
        closing.callback(manager.close)
        for database in closing.enter_context(installed(manager.conf)):
            database.upgrade()
        site = closing.enter_context(Site(url, str(folder)))
        api = NetworkApi(manager, Context(is_admin=True))
        recorded = {}
        for number, label in enumerate(labels):
            cidr = IPNetwork(f"10.{number}.0.0/16")
            network = api.create(NetworkSpec(label=label, cidrs=(cidr,), project_id=PROJECT))
            site.fill(network, count)
            recorded[label] = site.record(label)
        return recorded


def _own(number: int) -> str:
    return f"own-{number}"


def ratios(some: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return how many times the others each is, round by round."""
    return [one / other for one, other in zip(some, others, strict=True)]


def spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    """Return the median with the least and the most."""
    return f"{show(median(values))} ({show(min(values))} to {show(max(values))})"
