"""Which addresses of one subnet are never used, in use, or resting, whatever the subnet's size."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heapify, heappop, heappush
from types import MappingProxyType

from netaddr import EUI, IPAddress, IPNetwork

from qplug.model import Subnet, SubnetUsage, Vif, assignable, bounds, holds, merge, subtract


@dataclass(frozen=True, order=True)
class Rest:
    """An address that was given back, in the order in which it may be given again."""

    until: datetime
    address: int
    instance_id: str
    mac: EUI


class AddressPool:
    """Hands out addresses in the order ``sequential``; its caller holds a lock around it."""

    def __init__(self, subnet: Subnet) -> None:
        self.subnet = subnet
        self.assignable = assignable(subnet)
        self._fresh = bounds(self.assignable)
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
        inside = sum(map(self._may_give, self._used))
        resting = sum(r.until > now and self._may_give(r.address) for r in self._resting.values())
        return SubnetUsage(
            subnet_id=self.subnet.id,
            cidr=self.subnet.cidr,
            used=len(self._used),
            resting=resting,
            held=0,
            reserved=self.subnet.cidr.size - size - (len(self._used) - inside),
            free=size - inside - resting,
        )

    def rest_of(self, value: int, now: datetime) -> Rest | None:
        """Return the unfinished rest of an address."""
        rest = self._resting.get(value)
        return rest if rest and rest.until > now else None

    def reshape(self, subnet: Subnet) -> None:
        """Keep to the pools and reservations that the subnet has now."""
        before, now = bounds(self.assignable), bounds(assignable(subnet))
        known = [(value, value) for value in (*self._used, *self._resting)]
        opened = subtract(subtract(now, before), known)
        self._fresh = list(merge([*subtract(self._fresh, subtract(before, now)), *opened]))
        self.subnet, self.assignable = subnet, assignable(subnet)
        self._queue = [rest for rest in self._resting.values() if self._may_give(rest.address)]
        heapify(self._queue)

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
        vif = self._used.pop(value)
        self._rest(Rest(until, value, vif.instance_id, vif.mac))

    def end_rest(self, value: int, mac: EUI, now: datetime) -> None:
        """Let an unfinished rest end now, if that MAC address had it last."""
        rest = self.rest_of(value, now)
        if rest and rest.mac == mac:
            self._rest(replace(rest, until=now))

    def address(self, value: int) -> IPAddress:
        """Return the number as an address of the subnet's version."""
        return IPAddress(value, self.subnet.version)

    def _rest(self, rest: Rest) -> None:
        self._resting[rest.address] = rest
        if self._may_give(rest.address):
            heappush(self._queue, rest)

    def _may_give(self, value: int) -> bool:
        return holds(self.assignable, self.address(value))

    def _split(self, value: int) -> None:
        """Take a number out of the run of never used ones that has it."""
        at = bisect_right(self._fresh, value, key=lambda run: run[0]) - 1
        low, high = self._fresh[at]
        halves = [(low, value - 1), (value + 1, high)]
        self._fresh[at : at + 1] = [half for half in halves if half[0] <= half[1]]
