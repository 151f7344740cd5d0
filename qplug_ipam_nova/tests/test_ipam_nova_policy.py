"""The driver nova against a naive model of sets, whatever is asked in whatever order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from netaddr import IPAddress, IPRange

from qplug.errors import FixedIpAlreadyInUse, FixedIpInvalid, NoMoreFixedIps, QplugError
from qplug.model import Call, Vif, assignable, merge
from qplug.testing.databases import every_database
from qplug.testing.ipam.asking import kept
from qplug.testing.values import NOW, call, lease, subnet, vif
from qplug_ipam_nova.driver import NovaIpam
from qplug_ipam_nova.tables import free

pytestmark = every_database

POOLS = ["10.0.0.0-10.0.0.6", "10.0.0.9-10.0.0.15"]
RESERVED = ["10.0.0.4", "10.0.0.11-10.0.0.13"]
ASSIGNABLE = [2, 3, 5, 6, 9, 10, 14]  # .1 is the gateway's, .15 the broadcast address

NUMBERS = st.integers(0, 15)
DELAYS = st.sampled_from([0, 10, 60])

Range = tuple[int, int]
RANGES = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3)


def address(number: int) -> IPAddress:
    return IPAddress(f"10.0.0.{number}")


def ip_ranges(pairs: Iterable[Range]) -> tuple[IPRange, ...]:
    return tuple(IPRange(address(min(pair)), address(max(pair))) for pair in pairs)


def numbers(run: IPRange) -> Iterable[int]:
    return range(run.first & 15, (run.last & 15) + 1)


@dataclass
class Model:
    """What a patient clerk would note."""

    assignable: set[int] = field(default_factory=lambda: set(ASSIGNABLE))
    owners: dict[int, Vif] = field(default_factory=dict)
    rests: dict[int, tuple[datetime, Vif]] = field(default_factory=dict)

    @property
    def never_used(self) -> set[int]:
        return self.assignable - self.owners.keys() - self.rests.keys()

    def choose(self) -> int | type[QplugError]:
        """Name the address the policy gives, or the error it raises."""
        if self.never_used:
            return min(self.never_used)
        if resting := self.assignable & self.rests.keys():
            return min(resting, key=lambda number: (self.rests[number][0], number))
        return NoMoreFixedIps

    def named(self, number: int, wishing: Vif, now: datetime) -> int | type[QplugError]:
        """Name the wanted address, or the error it raises."""
        if number not in self.assignable:
            return FixedIpInvalid
        end, last = self.rests.get(number, (now, wishing))
        if number in self.owners or (end > now and last.instance_id != wishing.instance_id):
            return FixedIpAlreadyInUse
        return number

    def take(self, number: int, owner: Vif) -> None:
        self.rests.pop(number, None)
        self.owners[number] = owner

    def release(self, number: int, end: datetime) -> None:
        self.rests[number] = (end, self.owners.pop(number))

    def held(self, owner: Vif) -> list[int]:
        return [number for number, each in self.owners.items() if each == owner]


class Clerk(RuleBasedStateMachine):
    """Asks the driver and the model the same."""

    driver: NovaIpam

    def __init__(self) -> None:
        super().__init__()
        self.part = subnet("10.0.0.0/28", pools=POOLS, reserved=RESERVED)
        self.network = kept(self.driver, self.part)
        self.vifs = [vif(self.network, instance_id=f"instance-{n % 3}") for n in range(9)]
        self.model = Model()
        self.now = NOW

    def call(self) -> Call:
        return call(now=self.now)

    @rule(seconds=st.sampled_from([0.5, 10, 30, 100]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(data=st.data(), number=st.none() | NUMBERS)
    def allocate(self, data: st.DataObject, number: int | None) -> None:
        owner = data.draw(st.sampled_from(self.vifs))
        wanted = [] if number is None else [address(number)]
        if held := self.model.held(owner):
            [again] = self.driver.allocate(self.call(), self.network, owner, wanted)
            assert again.address == address(held[0])
            return
        expected = self.expected(owner, number)
        self.check(
            expected,
            owner,
            lambda: self.driver.allocate(self.call(), self.network, owner, wanted)[0],
        )

    @rule(data=st.data(), number=st.none() | NUMBERS)
    def add_address(self, data: st.DataObject, number: int | None) -> None:
        owner = data.draw(st.sampled_from(self.vifs))
        wanted = None if number is None else address(number)
        expected = self.expected(owner, number)
        if number in self.model.held(owner):
            expected = number
        self.check(
            expected,
            owner,
            lambda: self.driver.add_address(self.call(), self.network, owner, wanted=wanted),
        )

    @precondition(lambda self: self.model.owners)
    @rule(data=st.data(), delay=DELAYS)
    def deallocate(self, data: st.DataObject, delay: int) -> None:
        owner = data.draw(st.sampled_from(self.vifs))
        self.driver.deallocate(self.call(), self.network, owner, reuse_delay=delay)
        for number in self.model.held(owner):
            self.model.release(number, self.now + timedelta(seconds=delay))

    @precondition(lambda self: self.model.owners)
    @rule(data=st.data(), number=NUMBERS, delay=DELAYS)
    def remove_address(self, data: st.DataObject, number: int, delay: int) -> None:
        owner = data.draw(st.sampled_from(self.vifs))
        self.driver.remove_address(
            self.call(), self.network, owner, address(number), reuse_delay=delay
        )
        if number in self.model.held(owner):
            self.model.release(number, self.now + timedelta(seconds=delay))

    @rule(data=st.data(), number=NUMBERS)
    def lease_ended(self, data: st.DataObject, number: int) -> None:
        had_it = data.draw(st.sampled_from(self.vifs))
        self.driver.lease_ended(self.call(), lease(self.network, had_it, str(address(number))))
        end, last = self.model.rests.get(number, (self.now, had_it))
        if end > self.now and last == had_it:
            self.model.rests[number] = (self.now, last)

    @rule(pools=RANGES, reserved=RANGES)
    def change_what_vifs_may_get(self, pools: Sequence[Range], reserved: Sequence[Range]) -> None:
        runs = merge((min(pair), max(pair)) for pair in pools)
        self.part = replace(self.part, pools=ip_ranges(runs), reserved=ip_ranges(reserved))
        self.network = replace(self.network, subnets=(self.part,))
        self.driver.update_subnets(self.call(), self.network)
        self.model.assignable = {n for run in assignable(self.part) for n in numbers(run)}

    @rule()
    def grow_by_a_subnet_and_shrink_again(self) -> None:
        wider = replace(self.network, subnets=(self.part, subnet("10.0.1.0/28")))
        for each in (wider, self.network):
            self.driver.update_subnets(self.call(), each)

    @invariant()
    def who_has_what_is_the_same(self) -> None:
        listed = self.driver.allocations(self.call(), network_id=self.network.id)
        expected = [(address(n), self.model.owners[n].id) for n in sorted(self.model.owners)]
        assert [(each.address, each.vif_id) for each in listed] == expected

    @invariant()
    def no_address_is_lost(self) -> None:
        [usage] = self.driver.usage(self.call(), [self.network.id])
        inside = self.model.assignable
        resting = sum(end > self.now and n in inside for n, (end, _) in self.model.rests.items())
        assert (usage.used, usage.resting) == (len(self.model.owners), resting)
        assert len(inside & self.model.owners.keys()) + usage.resting + usage.free == len(inside)
        assert usage.used + usage.resting + usage.reserved + usage.free == 16

    @invariant()
    def intervals_are_apart_and_hold_what_was_never_given(self) -> None:
        mine = sa.select(free).where(free.c.subnet_id == self.part.id)
        rows = self.driver._database.read(self.call(), lambda tx: tx.execute(mine).all())
        runs = sorted((row.first.value & 15, row.last.value & 15) for row in rows)
        assert all(one[1] + 1 < other[0] for one, other in pairwise(runs))
        never_given = [n for first, last in runs for n in range(first, last + 1)]
        assert never_given == sorted(self.model.never_used)

    def expected(self, owner: Vif, number: int | None) -> int | type[QplugError]:
        if number is None:
            return self.model.choose()
        return self.model.named(number, owner, self.now)

    def check(self, expected: int | type[QplugError], owner: Vif, ask: Any) -> None:
        if not isinstance(expected, int):
            with pytest.raises(expected):
                ask()
            return
        assert ask().address == address(expected)
        if expected not in self.model.owners:
            self.model.take(expected, owner)


def test_it_gives_what_a_naive_model_gives_and_loses_nothing(
    driver: NovaIpam, database_kind: str
) -> None:
    machine = type("ClerkOfThisDriver", (Clerk,), {"driver": driver})
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40 if database_kind == "sqlite" else 15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=slow,
        ),
    )
