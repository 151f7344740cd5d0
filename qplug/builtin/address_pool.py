"""Which addresses of one subnet are never used, in use, or resting, whatever the subnet's size."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from types import MappingProxyType

from netaddr import IPAddress, IPNetwork

from qplug.model import Subnet, SubnetUsage, Vif, assignable


@dataclass(frozen=True, order=True)
class Rest:
    """An address that was given back, in the order in which it may be given again."""

    until: datetime
    address: int
    instance_id: str


class AddressPool:
    """Hands out addresses in the order ``sequential``; its caller holds a lock around it."""

    def __init__(self, subnet: Subnet) -> None:
        self.subnet = subnet
        self.assignable = assignable(subnet)
        self._fresh: list[tuple[int, int]] = [(run.first, run.last) for run in self.assignable]
        self._used: dict[int, Vif] = {}
        self._resting: dict[int, Rest] = {}
        self._queue: list[Rest] = []  # a heap; what is no longer in _resting is skipped

    @property
    def order(self) -> tuple[int, IPNetwork]:
        """Where the subnet stands among those of its network: IPv4 before IPv6, by cidr."""
        return self.subnet.version, self.subnet.cidr

    @property
    def used(self) -> Mapping[int, Vif]:
        """Who has which address."""
        return MappingProxyType(self._used)

    def in_order(self) -> Sequence[tuple[IPAddress, Vif]]:
        """Return who has which address, lowest first."""
        return [(self.address(value), self._used[value]) for value in sorted(self._used)]

    def usage(self, now: datetime) -> SubnetUsage:
        """Count the addresses; a rest that has ended is free."""
        size = sum(run.size for run in self.assignable)
        used, resting = len(self._used), sum(r.until > now for r in self._resting.values())
        return SubnetUsage(
            subnet_id=self.subnet.id,
            cidr=self.subnet.cidr,
            used=used,
            resting=resting,
            held=0,
            reserved=self.subnet.cidr.size - size,
            free=size - used - resting,
        )

    def rest_of(self, value: int, now: datetime) -> Rest | None:
        """Return the unfinished rest of an address."""
        rest = self._resting.get(value)
        return rest if rest and rest.until > now else None

    def next(self) -> int | None:
        """Return the lowest never used, else the one whose rest ended or ends first."""
        if self._fresh:
            return self._fresh[0][0]
        while self._queue and self._resting.get(self._queue[0].address) != self._queue[0]:
            heappop(self._queue)
        return self._queue[0].address if self._queue else None

    def take(self, value: int, vif: Vif) -> None:
        """Let the vif have an address that nobody has."""
        if self._resting.pop(value, None) is None:
            self._split(value)
        self._used[value] = vif

    def give_back(self, value: int, until: datetime) -> None:
        """Let an address in use rest."""
        self._rest(Rest(until, value, self._used.pop(value).instance_id))

    def end_rest(self, value: int, now: datetime) -> None:
        """Let an unfinished rest end now."""
        if rest := self.rest_of(value, now):
            self._rest(Rest(now, value, rest.instance_id))

    def address(self, value: int) -> IPAddress:
        """Return the number as an address of the subnet's version."""
        return IPAddress(value, self.subnet.version)

    def _rest(self, rest: Rest) -> None:
        self._resting[rest.address] = rest
        heappush(self._queue, rest)

    def _split(self, value: int) -> None:
        """Take a number out of the run of never used ones that has it."""
        at = bisect_right(self._fresh, value, key=lambda run: run[0]) - 1
        low, high = self._fresh[at]
        halves = [(low, value - 1), (value + 1, high)]
        self._fresh[at : at + 1] = [half for half in halves if half[0] <= half[1]]
