"""The whole chain against a naive clerk: networks change, instances come and go, time passes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, pairwise
from typing import Any
from uuid import uuid4

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
from netaddr import EUI, IPAddress, IPNetwork, IPRange
from nova_tables import nova_addresses, nova_free
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.db import connection_url
from qplug.db.engine import make_engine
from qplug.errors import (
    FixedIpAlreadyInUse,
    FixedIpInvalid,
    FixedIpNotFoundForSpecificInstance,
    NoMoreFixedIps,
    QplugError,
)
from qplug.manager import SubnetChanges
from qplug.model import Instance, Lease, NetworkRequest, mac_address, merge
from qplug.store.tables import allocations, instances, networks, vifs
from qplug.testing.clock import Clock
from qplug.testing.databases import every_database
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.memory import MemoryDhcp
from qplug.testing.values import network_spec

pytestmark = [pytest.mark.integration, every_database]

SIZE = 16
BASES = ["10.0.0.", "10.0.1.", "10.0.2."]
DELAY = 60

NUMBERS = st.integers(0, SIZE - 1)
RANGES = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=3)
WHICH = st.integers(0, len(BASES) - 1)
WHO = st.integers(0, 4)

Expected = str | type[QplugError]


@dataclass
class Part:
    """What the clerk notes of a subnet; numbers are the last ones of addresses."""

    base: str
    pool: set[int] = field(default_factory=lambda: set(range(SIZE)))
    reserved: set[int] = field(default_factory=set)
    used: dict[int, "Guest"] = field(default_factory=dict)
    rests: dict[int, tuple[datetime, "Guest"]] = field(default_factory=dict)

    @property
    def assignable(self) -> set[int]:
        return self.pool - self.reserved - {0, 1, SIZE - 1}

    @property
    def never_given(self) -> set[int]:
        return self.assignable - self.used.keys() - self.rests.keys()

    def choose(self) -> Expected:
        if self.never_given:
            return self.address(min(self.never_given))
        if resting := self.assignable & self.rests.keys():
            return self.address(min(resting, key=lambda number: (self.rests[number][0], number)))
        return NoMoreFixedIps

    def named(self, number: int, instance_id: str, now: datetime) -> Expected:
        if number not in self.assignable:
            return FixedIpInvalid
        end, last = self.rests.get(number, (now, None))
        stranger = last is not None and last.instance.id != instance_id
        if number in self.used or (end > now and stranger):
            return FixedIpAlreadyInUse
        return self.address(number)

    def reluctance(self, now: datetime) -> int:
        chosen = self.choose()
        if not isinstance(chosen, str):
            return 2
        return int(self.rests.get(last_number(chosen), (now, None))[0] > now)

    def address(self, number: int) -> str:
        return f"{self.base}{number}"

    def runs(self, pairs: Iterable[tuple[int, int]]) -> tuple[IPRange, ...]:
        ends = merge((min(pair), max(pair)) for pair in pairs)
        return tuple(IPRange(self.address(first), self.address(last)) for first, last in ends)


@dataclass(eq=False)
class Guest:
    """An instance with its one vif."""

    instance: Instance
    mac: EUI
    addresses: list[str]


def last_number(address: str) -> int:
    return int(address.rpartition(".")[2])


def n(address: IPAddress) -> int:
    return last_number(str(address))


def numbers_of(ranges: Iterable[IPRange]) -> set[int]:
    return {n(address) for part in ranges for address in part}


class Clerk(RuleBasedStateMachine):
    """Does everything twice: by the chain, and in a book of its own."""

    api: NetworkApi
    dhcp: MemoryDhcp
    clock: Clock
    engine: sa.Engine
    labels = count()

    def __init__(self) -> None:
        super().__init__()
        self.project, self.label = str(uuid4()), f"net-{next(self.labels)}"
        self.parts = [Part(BASES[0])]
        self.guests: dict[int, Guest] = {}
        self.ids = [str(uuid4()) for _ in range(5)]
        spec = network_spec(f"{BASES[0]}0/28", label=self.label, project_id=self.project)
        self.network = self.api.create(spec)

    # --- networks ---

    @rule(which=WHICH, ranges=RANGES)
    def set_pools(self, which: int, ranges: Sequence[tuple[int, int]]) -> None:
        part = self.parts[which % len(self.parts)]
        pools = part.runs(ranges)
        self.change(SubnetChanges(pools=pools))
        part.pool = numbers_of(pools)

    @rule(which=WHICH)
    def take_pools_away(self, which: int) -> None:
        part = self.parts[which % len(self.parts)]
        self.change(SubnetChanges(no_pools=(IPNetwork(f"{part.base}0/28"),)))
        part.pool = set(range(SIZE))

    @rule(which=WHICH, more=RANGES, less=RANGES)
    def reserve(
        self, which: int, more: Sequence[tuple[int, int]], less: Sequence[tuple[int, int]]
    ) -> None:
        part = self.parts[which % len(self.parts)]
        reserved, unreserved = part.runs(more), part.runs(less)
        self.change(SubnetChanges(reserved=reserved, unreserved=unreserved))
        part.reserved = (part.reserved | numbers_of(reserved)) - numbers_of(unreserved)

    @precondition(lambda self: len(self.parts) < len(BASES))
    @rule()
    def grow(self) -> None:
        base = BASES[len(self.parts)]
        self.change(SubnetChanges(cidrs=(IPNetwork(f"{base}0/28"),)))
        self.parts.append(Part(base))

    def change(self, asked: SubnetChanges) -> None:
        self.network = self.api.update(self.label, asked)

    # --- instances ---

    @rule(who=WHO, which=WHICH, number=st.none() | NUMBERS)
    def allocate(self, who: int, which: int, number: int | None) -> None:
        if who in self.guests:
            return
        made = Instance(id=self.ids[who], project_id=self.project)
        asked = self.parts[which % len(self.parts)]
        expected = [
            part.named(number, made.id, self.clock())
            if part is asked and number is not None
            else part.choose()
            for part in self.parts
        ]
        wanted = () if number is None else (IPAddress(asked.address(number)),)
        request = NetworkRequest(network_id=self.label, addresses=wanted)

        def act() -> Sequence[str]:
            (vif,) = self.api.allocate_for_instance(made, [request])
            self.guests[who] = Guest(made, mac_address(vif.address), [])
            return [str(ip.address) for ip in vif.fixed_ips()]

        self.check(expected, act)
        if who in self.guests:
            for address in expected:
                self.take(self.guests[who], str(address))

    @precondition(lambda self: self.guests)
    @rule(data=st.data())
    def deallocate(self, data: st.DataObject) -> None:
        guest = self.guests.pop(data.draw(st.sampled_from(sorted(self.guests))))
        assert self.api.deallocate_for_instance(guest.instance.id) == []
        for address in [*guest.addresses]:
            self.release(guest, address)

    @precondition(lambda self: self.guests)
    @rule(data=st.data(), which=WHICH, number=st.none() | NUMBERS)
    def add_fixed_ip(self, data: st.DataObject, which: int, number: int | None) -> None:
        guest = self.guests[data.draw(st.sampled_from(sorted(self.guests)))]
        part = self.parts[which % len(self.parts)]
        now, wanted = self.clock(), None
        if number is None:
            expected = min(self.parts, key=lambda each: each.reluctance(now)).choose()
        else:
            expected = part.named(number, guest.instance.id, now)
            wanted = IPAddress(part.address(number))

        def act() -> Sequence[str]:
            added = self.api.add_fixed_ip_to_instance(guest.instance.id, self.label, address=wanted)
            return [str(added)]

        self.check([expected], act)
        if isinstance(expected, str):
            self.take(guest, expected)

    @precondition(lambda self: self.guests)
    @rule(data=st.data(), which=WHICH, number=NUMBERS)
    def remove_fixed_ip(self, data: st.DataObject, which: int, number: int) -> None:
        guest = self.guests[data.draw(st.sampled_from(sorted(self.guests)))]
        part = self.parts[which % len(self.parts)]
        address = part.address(number)
        if address not in guest.addresses and guest.addresses:
            address = data.draw(st.sampled_from([address, *guest.addresses]))
        ip, mine = IPAddress(address), guest.instance.id
        if address not in guest.addresses:
            with pytest.raises(FixedIpNotFoundForSpecificInstance):
                self.api.remove_fixed_ip_from_instance(mine, ip)
            return
        self.api.remove_fixed_ip_from_instance(mine, ip)
        self.release(guest, address)

    def check(self, expected: Sequence[Expected], act: Callable[[], Sequence[str]]) -> None:
        errors = tuple(each for each in expected if not isinstance(each, str))
        if errors:
            with pytest.raises(errors):
                act()
            return
        assert sorted(act()) == sorted(map(str, expected))

    def take(self, guest: Guest, address: str) -> None:
        part, number = self.part_of(address), last_number(address)
        part.rests.pop(number, None)
        part.used[number] = guest
        guest.addresses.append(address)

    def release(self, guest: Guest, address: str) -> None:
        part, number = self.part_of(address), last_number(address)
        del part.used[number]
        part.rests[number] = (self.clock() + timedelta(seconds=DELAY), guest)
        guest.addresses.remove(address)

    def part_of(self, address: str) -> Part:
        return next(part for part in self.parts if address.startswith(part.base))

    # --- time ---

    @rule(seconds=st.sampled_from([0.5, 10, DELAY, 100]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(data=st.data(), which=WHICH, number=NUMBERS)
    def a_lease_ends(self, data: st.DataObject, which: int, number: int) -> None:
        part = self.parts[which % len(self.parts)]
        if part.rests:
            number = data.draw(st.sampled_from([number, *sorted(part.rests)]))
        end, last = part.rests.get(number, (self.clock(), None))
        stranger = mac_address("fa:16:3e:00:00:99")
        mac = stranger if last is None else data.draw(st.sampled_from([last.mac, stranger]))
        address = IPAddress(part.address(number))
        self.dhcp.ended.append(Lease(network_id=self.network.id, address=address, mac=mac))
        assert self.api.sweep_host() == 1
        if last is not None and mac == last.mac and end > self.clock():
            part.rests[number] = (self.clock(), last)

    # --- what holds ---

    @invariant()
    def the_book_and_all_tables_say_the_same(self) -> None:
        ids = [subnet.id for subnet in self.network.subnets]
        with self.engine.connect() as tx:
            rows = {
                table: tx.execute(sa.select(table).where(table.c.subnet_id.in_(ids))).all()
                for table in (allocations, nova_addresses, nova_free)
            }
            states = {
                s for t in (networks, instances, vifs) for s in tx.scalars(sa.select(t.c.state))
            }
        assert states <= {"active"}
        has = {str(row.address): row.vif_id for row in rows[allocations]}
        assert has == {str(row.address): row.vif_id for row in rows[nova_addresses] if row.vif_id}
        assert sorted(has) == sorted(a for guest in self.guests.values() for a in guest.addresses)
        for part, id_ in zip(self.parts, ids, strict=True):
            known = {n(row.address): row for row in rows[nova_addresses] if row.subnet_id == id_}
            assert known.keys() == {*part.used, *part.rests}
            assert {each for each, row in known.items() if row.assignable} == part.assignable & {
                *known
            }
            runs = sorted((n(r.first), n(r.last)) for r in rows[nova_free] if r.subnet_id == id_)
            assert all(one[1] + 1 < other[0] for one, other in pairwise(runs))
            never_given = [each for first, last in runs for each in range(first, last + 1)]
            assert never_given == sorted(part.never_given)

    @invariant()
    def usage_adds_up(self) -> None:
        now = self.clock()
        for part, (_, told) in zip(self.parts, self.api.get_usage(self.label), strict=True):
            resting = sum(
                end > now and number in part.assignable for number, (end, _) in part.rests.items()
            )
            assert (told.used, told.resting, told.held) == (len(part.used), resting, 0)
            assert told.used + told.resting + told.held + told.reserved + told.free == SIZE

    @invariant()
    def the_network_is_shown_as_it_was_made(self) -> None:
        shown = self.api.get(self.label)
        assert shown == self.network
        for part, subnet in zip(self.parts, shown.subnets, strict=True):
            assert numbers_of(subnet.reserved) == part.reserved
            assert numbers_of(subnet.pools) in (part.pool, set())


@pytest.fixture
def chain(
    make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts, clock: Clock
) -> Iterator[Mapping[str, Any]]:
    """Return what the clerk works with."""
    conf.set_override("reuse_delay", DELAY, "ipam")
    dhcp = MemoryDhcp(conf)
    api = api_of(make_manager(ipam="nova", quantum="local", dhcp=dhcp))
    engine = make_engine(connection_url(conf))
    yield {"api": api, "dhcp": dhcp, "clock": clock, "engine": engine}
    engine.dispose()


def test_whatever_is_done_in_whatever_order_no_address_is_lost_or_given_twice(
    chain: Mapping[str, Any], database_kind: str
) -> None:
    machine = type("ClerkOfThisDatabase", (Clerk,), dict(chain))
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20 if database_kind == "sqlite" else 5,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=slow,
        ),
    )
