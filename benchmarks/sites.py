"""One process's door to one database: qplug's operations, the floor's, and their times."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self
from uuid import uuid4

from netaddr import IPAddress

from benchmarks.floor import Floor, Recorded, Transaction, record
from benchmarks.profiling import sampled
from benchmarks.raw import Raw
from benchmarks.seeding import PROJECT, fill
from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.factory import create_manager
from qplug.manager import Context, Manager
from qplug.model import Instance, Network, NetworkRequest


def make_manager(url: str, folder: str) -> Manager:
    """Return a manager on the default drivers; what is released may be given again at once."""
    conf = load_config(["/dev/null"])
    conf.set_override("state_path", folder)
    conf.set_override("connection", url, "database")
    conf.set_override("reuse_delay", 0, "ipam")
    return create_manager(conf)


@dataclass(frozen=True)
class Times:
    """How long operations of one kind took, one after the other."""

    each: Sequence[float]
    total: float
    cpu: float
    """Of this process, for all of them."""


class Site:
    """Allocates and deallocates on one network of a database, by qplug and by the floor."""

    def __init__(self, url: str, folder: str) -> None:
        self._manager = make_manager(url, folder)
        self._api = NetworkApi(self._manager, Context(is_admin=True))
        self._raw = Raw(url)
        self._given: list[str] = []
        self._written: list[Mapping[str, Sequence[Transaction]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fill(self, network: Network, count: int) -> None:
        """Give away that many addresses, in bulk."""
        if count:
            fill(self._raw, network, count)

    def record(self, label: str) -> Recorded:
        """Return what an instance on this network costs the database.

        SQLAlchemy is slower ever after in a process that listened to it once.
        """
        self._network = self._api.get(label)
        for count in (1, 1):  # what is compiled, prepared or looked up once
            self.allocate(count)
            self.deallocate(count)
        instance, addresses = _instance(), []
        allocation = record(lambda: addresses.append(self._allocate(instance)))
        deallocation = record(lambda: self._api.deallocate_for_instance(instance.id))
        return Recorded({"allocate": allocation, "deallocate": deallocation}, addresses[0])

    def use(self, label: str, recorded: Recorded) -> None:
        """Work on this network, where another process recorded that."""
        self._network = self._api.get(label)
        lasting = frozenset({self._network.id, *(s.id for s in self._network.subnets)})
        self._floor = Floor(self._raw, recorded, lasting=lasting)
        self._only = recorded.address
        self.allocate(1)
        self.deallocate(1)

    def close(self) -> None:
        """Close all connections."""
        self._manager.close()
        self._raw.close()

    # --- qplug ----------------------------------------------------------------------------------

    def allocate(self, count: int, seconds: float = 60) -> Times:
        """Allocate that many instances, or as many as there is time for."""
        new = [_instance() for _ in range(count)]
        times = _timed((partial(self._allocate, one) for one in new), seconds)
        self._given += [one.id for one in new[: len(times.each)]]
        return times

    def deallocate(self, count: int, seconds: float = 60) -> Times:
        """Deallocate them again, likewise."""
        gone = self._given[:count]
        times = _timed((partial(self._api.deallocate_for_instance, one) for one in gone), seconds)
        del self._given[: len(times.each)]
        return times

    def pairs(self, count: int) -> tuple[Times, Times]:
        """Allocate and deallocate instances in turns."""
        return _joined([(self.allocate(1), self.deallocate(1)) for _ in range(count)])

    def profile(self, count: int) -> Mapping[str, Counter[str]]:
        """Return in what it is how often, while it allocates and deallocates so many."""
        with sampled() as allocating:
            self.allocate(count)
        with sampled() as deallocating:
            self.deallocate(count)
        return {"allocate": allocating, "deallocate": deallocating}

    def _allocate(self, instance: Instance) -> IPAddress:
        requests = [NetworkRequest(network_id=self._network.id)]
        given = self._api.allocate_for_instance(instance, requests)
        address = given.fixed_ips()[0].address
        assert address is not None  # noqa: S101  # for mypy
        return address

    # --- the floor ------------------------------------------------------------------------------

    def write(self, count: int, seconds: float = 60) -> Times:
        """Write what allocations change."""
        new = self._prepared(count)
        times = _timed((partial(self._floor.run, one["allocate"]) for one in new), seconds)
        self._written += new[: len(times.each)]
        return times

    def unwrite(self, count: int, seconds: float = 60) -> Times:
        """Write what their deallocations change."""
        gone = self._written[:count]
        times = _timed((partial(self._floor.run, one["deallocate"]) for one in gone), seconds)
        del self._written[: len(times.each)]
        return times

    def written_pairs(self, count: int) -> tuple[Times, Times]:
        """Write both in turns."""
        return _joined([(self.write(1), self.unwrite(1)) for _ in range(count)])

    def written_together(self, count: int) -> tuple[float, float]:
        """Write all allocations in one transaction and all deallocations in another, for reference.

        :returns: the seconds of one allocation, and of one deallocation
        """
        new = self._prepared(count)
        parts = [[one[part] for one in new] for part in ("allocate", "deallocate")]
        first, second = (_timed([partial(self._floor.run_together, part)]) for part in parts)
        return first.total / len(new), second.total / len(new)

    def _prepared(self, count: int) -> Sequence[Mapping[str, Sequence[Transaction]]]:
        """Return what to write, for the lowest addresses never given or for the only one left."""
        [subnet] = self._network.subnets
        with self._raw.transaction():
            lowest = self._raw.row(
                f"SELECT MIN(first) FROM qplug_ipam_nova_free WHERE subnet_id = '{subnet.id}'"  # noqa: S608  # our own id
            )[0]
        if lowest is None:
            return [self._floor.prepared(self._only)]
        first = IPAddress(int(lowest[1:], 16))
        new = [first + number for number in range(count)]
        if new[-1] not in subnet.cidr:
            raise AssertionError("too many rounds for what is left of the network")
        return [self._floor.prepared(address) for address in new]


def _instance() -> Instance:
    return Instance(id=str(uuid4()), project_id=PROJECT)


def _joined(pairs: Sequence[tuple[Times, Times]]) -> tuple[Times, Times]:
    first, second = zip(*pairs, strict=True)
    return _sum(first), _sum(second)


def _sum(times: Sequence[Times]) -> Times:
    each = [seconds for one in times for seconds in one.each]
    return Times(each, sum(one.total for one in times), sum(one.cpu for one in times))


def _timed(operations: Iterable[Callable[[], object]], seconds: float = 60) -> Times:
    clock = time.perf_counter
    each, cpu, start = [], time.process_time(), clock()
    before = start
    for operation in operations:
        operation()
        now = clock()
        each.append(now - before)
        before = now
        if now > start + seconds:
            break
    return Times(each, before - start, time.process_time() - cpu)
