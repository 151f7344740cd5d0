"""A watched driver is the driver it was, and its watcher may do anything to each call."""

from collections.abc import Callable
from typing import Any

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.null_dhcp import NullDhcp
from qplug.contracts import AddressPairs, FloatingIps, IpamDriver, LeaseEvents, SubnetUpdates
from qplug.errors import BackendUnavailable
from qplug.testing.memory import MemoryDhcp, MemoryL3
from qplug.testing.values import call, network, vif
from qplug.testing.watching import DriverCall, promised, watched


class Notes(list[DriverCall]):
    """Notes what it is told, and raises if told to."""

    before: Exception | None = None
    after: Exception | None = None

    def __call__(self, made: DriverCall, work: Callable[[], Any]) -> Any:
        self.append(made)
        if self.before:
            raise self.before
        answer = work()
        if self.after:
            raise self.after
        return answer

    @property
    def steps(self) -> list[str]:
        return [made.step for made in self]


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def driver(conf: ConfigOpts) -> MemoryIpam:
    return MemoryIpam(conf)


@pytest.fixture
def seen(driver: MemoryIpam, notes: Notes) -> MemoryIpam:
    return watched(driver, "ipam", notes)


def test_it_keeps_the_contracts_that_the_driver_keeps_and_no_other(
    seen: MemoryIpam, notes: Notes, conf: ConfigOpts
) -> None:
    assert isinstance(seen, IpamDriver)
    assert isinstance(seen, SubnetUpdates)
    assert isinstance(seen, FloatingIps)
    assert not isinstance(seen, AddressPairs)
    assert isinstance(watched(MemoryDhcp(conf), "dhcp", notes), LeaseEvents)
    assert not isinstance(watched(NullDhcp(conf), "dhcp", notes), LeaseEvents)


def test_it_has_the_attributes_of_the_driver(driver: MemoryIpam, seen: MemoryIpam) -> None:
    assert seen.capabilities is driver.capabilities
    assert (seen.policy, seen.api, seen.API) == (driver.policy, driver.api, driver.API)


def test_what_is_set_is_set_on_the_driver(conf: ConfigOpts, notes: Notes) -> None:
    driver = MemoryL3(conf)
    seen = watched(driver, "l3", notes)
    assert not seen.initialized
    seen.initialize(call())
    assert seen.initialized
    seen.initialized = False
    assert driver.initialized is False
    assert notes.steps == ["l3.initialize"]


def test_the_watcher_is_told_every_method_of_every_contract(seen: MemoryIpam, notes: Notes) -> None:
    notes.before = BackendUnavailable("it", "told to")
    methods = promised(MemoryIpam)
    assert {"allocate", "update_subnets", "usage", "floating_ips", "check"} <= methods
    for name in methods:
        arguments = [None] * (seen_arguments(getattr(MemoryIpam, name)) - 2)
        with pytest.raises(BackendUnavailable):
            getattr(seen, name)(call(), *arguments)
    assert set(notes.steps) == {f"ipam.{name}" for name in methods}


def seen_arguments(method: Callable[..., Any]) -> int:
    return method.__code__.co_argcount - len(method.__defaults__ or ())


def test_arguments_are_told_by_name_however_they_were_given(seen: MemoryIpam, notes: Notes) -> None:
    net, now = network("10.0.0.0/29"), call()
    seen.create_subnets(now, network=net)
    mine = vif(net)
    seen.allocate(now, net, mine, [IPAddress("10.0.0.3")])
    assert notes[1].args == {"network": net, "vif": mine, "wanted": [IPAddress("10.0.0.3")]}
    assert notes[1].deadline == now.deadline


def test_the_watcher_may_raise_before_the_work_and_after_it(
    driver: MemoryIpam, seen: MemoryIpam, notes: Notes
) -> None:
    net = network("10.0.0.0/29")
    notes.before = BackendUnavailable("it", "told to")
    with pytest.raises(BackendUnavailable):
        seen.create_subnets(call(), net)
    assert not driver.subnet_ids(call(), net.id)
    notes.before, notes.after = None, BackendUnavailable("it", "told to")
    with pytest.raises(BackendUnavailable):
        seen.create_subnets(call(), net)
    assert driver.subnet_ids(call(), net.id)


def test_the_reading_of_an_iterator_is_seen_item_by_item(seen: MemoryIpam, notes: Notes) -> None:
    net = network("10.0.0.0/29", "fd00::/120")
    seen.create_subnets(call(), net)
    given = seen.allocate(call(), net, vif(net))
    notes.clear()
    found = seen.allocations(call(), network_id=net.id)
    assert [made.reading for made in notes] == [False]
    assert next(found) in given
    notes.before = BackendUnavailable("it", "told to")
    with pytest.raises(BackendUnavailable):
        next(found)
    assert [made.reading for made in notes] == [False, True, True]
    assert set(notes.steps) == {"ipam.allocations"}


def test_a_call_that_the_contract_does_not_know_is_a_mistake_as_before(seen: MemoryIpam) -> None:
    with pytest.raises(TypeError):
        seen.subnet_ids(call(), "a", "b")  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        seen.allocate_all  # type: ignore[attr-defined]  # noqa: B018
