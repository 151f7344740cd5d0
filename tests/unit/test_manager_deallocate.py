"""Taking back what an instance has: every part of it, whatever is broken, as often as asked."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_config.cfg import ConfigOpts

from qplug.builtin.local_quantum import LocalQuantum
from qplug.db import connection_url
from qplug.errors import (
    BackendUnavailable,
    DeadlineExceeded,
    DriversChanged,
    InstanceNotFound,
    VifNotFound,
)
from qplug.model import Call
from qplug.network_info import VIF
from qplug.store.tables import local_networks, networks
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.clock import Clock
from qplug.testing.fixtures import ApiOf
from qplug.testing.memory import MemoryMac
from qplug.testing.recording import Journal
from qplug.testing.values import DEFAULT_PROJECT, OTHER_PROJECT, PROJECT, call
from qplug.testing.watching import DriverCall

STEPS = ["quantum.detach_port", "dhcp.apply", "ipam.deallocate", "mac.deallocate"]


def gone() -> BackendUnavailable:
    return BackendUnavailable("it", "told to")


def port_ids(chain: RecordedChain) -> list[str]:
    """Return the ports of all vifs, as the store knows them."""
    return [row["port_id"] for row in chain.holdings()["qplug_vifs"]]


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what gives the errors logged."""
    return lambda: [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


# --- all is well --------------------------------------------------------------------------------


def test_r56_every_vif_gives_back_port_dhcp_addresses_and_mac_in_that_order(
    chain: RecordedChain,
) -> None:
    one = chain.network("10.1.0.0/24", label="one", priority=1)
    two = chain.network("10.2.0.0/24", label="two", priority=2)
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    ports = port_ids(chain)
    chain.journal.clear()
    assert chain.admin.deallocate_for_instance(mine.id) == []
    assert list(chain.journal.steps) == STEPS * 2
    detached = [entry.args["port_id"] for entry in chain.journal.of("quantum.detach_port")]
    assert sorted(detached) == sorted(ports)
    assert chain.dhcp.served == {one.id: {}, two.id: {}}
    held = chain.holdings()
    for kind in ("addresses", "mac", "qplug_instances", "qplug_vifs", "qplug_allocations"):
        assert not held[kind], kind


@pytest.fixture
def quantum(conf: ConfigOpts) -> Iterator[LocalQuantum]:
    driver = LocalQuantum(conf)
    yield driver
    driver.close()


def test_r56_a_port_is_looked_for_under_the_networks_project_and_then_the_default_one(
    make_chain: Callable[..., RecordedChain], conf: ConfigOpts, quantum: LocalQuantum
) -> None:
    chain = make_chain(quantum=quantum)
    blue = chain.network()
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    engine = sa.create_engine(connection_url(conf))
    with engine.begin() as connection:  # somebody moves the network behind our back
        connection.execute(local_networks.update().values(project_id=DEFAULT_PROJECT))
    engine.dispose()
    assert chain.admin.deallocate_for_instance(mine.id) == []
    left = [port.attachment for port in quantum.ports(call(), DEFAULT_PROJECT, blue.id)]
    assert left == [blue.gateway_device]


def test_r56_a_port_that_somebody_made_anew_is_found_by_its_attachment(
    chain: RecordedChain,
) -> None:
    blue = chain.network()
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    (port_id,) = port_ids(chain)
    request = chain.quantum.port_request(blue.id, port_id)
    chain.quantum.detach_port(call(), PROJECT, blue.id, port_id)
    chain.quantum.make_port(PROJECT, blue.id, request)
    assert chain.admin.deallocate_for_instance(mine.id) == []
    (ports,) = chain.holdings()["ports"]
    assert [port.attachment for port in ports.values()] == [blue.gateway_device]


def test_r60_repeating_and_an_instance_that_never_was_succeed(chain: RecordedChain) -> None:
    chain.network()
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.admin.deallocate_for_instance(mine.id)
    chain.journal.clear()
    assert not chain.admin.deallocate_for_instance(mine.id)
    assert not chain.admin.deallocate_for_instance(instance().id)
    assert chain.journal.steps == []


def test_r60_an_instance_without_vifs_is_deallocated(chain: RecordedChain) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    assert not chain.admin.deallocate_for_instance(mine.id)
    assert chain.holdings()["qplug_instances"] == []


def test_a_deallocated_instance_may_be_allocated_anew(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    conf.set_override("reuse_delay", 0, "ipam")
    chain.network()
    mine = instance()
    (first,) = chain.admin.allocate_for_instance(mine)
    chain.admin.deallocate_for_instance(mine.id)
    (second,) = chain.admin.allocate_for_instance(instance(id=mine.id, name="another request"))
    assert first.id != second.id


def test_released_addresses_rest_for_the_configured_time(
    chain: RecordedChain, conf: ConfigOpts, clock: Clock
) -> None:
    conf.set_override("reuse_delay", 300, "ipam")
    chain.network("10.0.0.0/29", pools=["10.0.0.2-10.0.0.3"])
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.admin.deallocate_for_instance(mine.id)
    (entry,) = chain.journal.of("ipam.deallocate")
    assert entry.args["reuse_delay"] == 300
    ((_, usage),) = chain.admin.get_usage()
    assert (usage.resting, usage.free) == (1, 1)
    clock.advance(300)
    ((_, usage),) = chain.admin.get_usage()
    assert (usage.resting, usage.free) == (0, 2)


# --- something is broken ------------------------------------------------------------------------


def test_r57_a_port_that_cannot_be_removed_is_logged_and_holds_its_addresses(
    chain: RecordedChain, errors: Callable[[], list[str]]
) -> None:
    chain.network("10.0.0.0/29")
    mine = instance()
    (vif,) = chain.admin.allocate_for_instance(mine)
    (port_id,) = port_ids(chain)
    chain.journal.fail("quantum.detach_port", gone())
    assert chain.admin.deallocate_for_instance(mine.id) == [vif.id]
    (line,) = errors()
    assert "port deallocation failed" in line
    assert mine.id in line
    assert port_id in line
    ((_, usage),) = chain.admin.get_usage()
    assert (usage.used, usage.held, usage.resting) == (0, 1, 0)


def test_r57_a_port_that_is_not_there_is_logged_as_an_error_and_the_rest_goes_on(
    chain: RecordedChain, errors: Callable[[], list[str]]
) -> None:
    blue = chain.network()
    mine = instance()
    (vif,) = chain.admin.allocate_for_instance(mine)
    chain.quantum.detach_port(call(), PROJECT, blue.id, port_ids(chain)[0])
    assert chain.admin.deallocate_for_instance(mine.id) == []
    assert errors() == [f"no port is left to deallocate for interface {vif.id}"]


def test_r58_ipam_that_fails_is_logged_and_what_is_left_is_returned(
    chain: RecordedChain, errors: Callable[[], list[str]]
) -> None:
    chain.network()
    mine = instance()
    (vif,) = chain.admin.allocate_for_instance(mine)
    chain.journal.fail("ipam.deallocate", RuntimeError("a bug of it"))
    assert chain.admin.deallocate_for_instance(mine.id) == [vif.id]
    (line,) = errors()
    assert "ipam deallocation failed" in line
    assert mine.id in line
    assert vif.id in line
    assert "a bug of it" in line
    assert chain.journal.of("mac.deallocate") == []  # addresses may be derived from it


@pytest.mark.parametrize("step", STEPS)
def test_r59_a_vif_that_is_not_clean_stays_hidden_and_no_other_does(
    chain: RecordedChain, step: str
) -> None:
    chain.network("10.1.0.0/24", label="one", priority=1)
    chain.network("10.2.0.0/24", label="two", priority=2)
    mine = instance()
    first, second = chain.admin.allocate_for_instance(mine)
    chain.journal.fail(step, gone())
    assert chain.admin.deallocate_for_instance(mine.id) == [first.id]
    assert second.id not in str(chain.holdings())
    (row,) = chain.holdings()["qplug_vifs"]
    assert (row["id"], row["state"]) == (first.id, "deleting")
    with pytest.raises(InstanceNotFound):
        chain.admin.get_vifs_by_instance(mine.id)
    with pytest.raises(VifNotFound):
        chain.admin.get_vif_by_mac_address(first.address)
    assert list(chain.admin.get_all_fixed_ips()) == []
    assert list(chain.admin.get_all_instances()) == []


def test_r59_held_addresses_are_given_to_nobody_until_the_clean_up_is_done(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    conf.set_override("reuse_delay", 0, "ipam")
    chain.network("10.0.0.0/29", pools=["10.0.0.2-10.0.0.3"])
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.journal.fail("dhcp.apply", gone())
    chain.admin.deallocate_for_instance(mine.id)
    (other,) = chain.admin.allocate_for_instance(instance())
    assert [str(ip.address) for ip in other.fixed_ips()] == ["10.0.0.3"]
    assert chain.admin.deallocate_for_instance(mine.id) == []
    (third,) = chain.admin.allocate_for_instance(instance())
    assert [str(ip.address) for ip in third.fixed_ips()] == ["10.0.0.2"]


def test_an_address_is_free_although_its_mac_could_not_be_given_back(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    conf.set_override("reuse_delay", 0, "ipam")
    chain.network("10.0.0.0/29", pools=["10.0.0.2"])
    mine = instance()
    (vif,) = chain.admin.allocate_for_instance(mine)
    chain.journal.fail("mac.deallocate", gone())
    assert chain.admin.deallocate_for_instance(mine.id) == [vif.id]
    (other,) = chain.admin.allocate_for_instance(instance())
    assert [str(ip.address) for ip in other.fixed_ips()] == ["10.0.0.2"]
    assert chain.admin.deallocate_for_instance(mine.id) == []
    assert list(chain.mac.given) == [other.id]


class OneMac(MemoryMac):
    """Has one address, and tells when it has it back."""

    back: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, conf: ConfigOpts) -> None:
        super().__init__(conf, size=1)

    def deallocate(self, call: Call, *, vif_id: str, project_id: str) -> None:
        super().deallocate(call, vif_id=vif_id, project_id=project_id)
        self._next, back, self.back = self._end - 1, self.back, lambda: None
        back()


def test_a_mac_address_can_be_another_vifs_as_soon_as_its_driver_has_it_back(
    make_chain: Callable[..., RecordedChain], conf: ConfigOpts
) -> None:
    mac = OneMac(conf)
    chain, mine, heir = make_chain(mac=mac), instance(), instance()
    chain.network("10.0.0.0/24")
    chain.admin.allocate_for_instance(mine)
    mac.back = lambda: chain.admin.allocate_for_instance(heir)
    assert chain.admin.deallocate_for_instance(mine.id) == []
    (vif,) = chain.admin.get_vifs_by_instance(heir.id)
    assert str(vif.mac) == "fa:16:3e:00:00:01"


def test_vifs_of_drivers_that_are_configured_no_longer_are_kept_and_all_others_released(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    chain.network("10.1.0.0/24", label="one", priority=1)
    chain.network("10.2.0.0/24", label="two", priority=2)
    mine = instance()
    first, second = chain.admin.allocate_for_instance(mine)
    record_driver(conf, first, "other")
    with pytest.raises(DriversChanged, match=r"set \[mac\] driver = other"):
        chain.admin.get_instance_nw_info(mine.id)
    with pytest.raises(DriversChanged, match=r"set \[mac\] driver = other"):
        chain.admin.deallocate_for_instance(mine.id)
    assert list(chain.mac.given) == [first.id]
    assert second.id not in str(chain.holdings())
    record_driver(conf, first, "random")
    assert chain.admin.deallocate_for_instance(mine.id) == []
    assert chain.mac.given == {}


def record_driver(conf: ConfigOpts, vif: VIF, name: str) -> None:
    """Have the network of a vif served by another MAC driver, as far as the store knows."""
    assert vif.network is not None
    engine = sa.create_engine(connection_url(conf))
    with engine.begin() as connection:
        connection.execute(
            networks.update().where(networks.c.id == vif.network.id).values(mac=name)
        )
    engine.dispose()


class SlowJournal(Journal):
    """Has one step take longer than anybody waits, on a clock that it turns."""

    late = 0.0
    slow = ""

    def run(self, entry: DriverCall, work: Callable[[], Any]) -> Any:
        if entry.step == self.slow:
            self.late += 10_000
        return super().run(entry, work)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowJournal:
    journal, real = SlowJournal(), time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + journal.late)
    return journal


@pytest.mark.parametrize("step", STEPS)
def test_each_part_has_time_even_when_another_took_it_all(
    make_chain: Callable[..., RecordedChain], slow: SlowJournal, step: str
) -> None:
    chain = make_chain(journal=slow)
    chain.network("10.1.0.0/24", label="one")
    chain.network("10.2.0.0/24", label="two")
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    slow.clear()
    slow.slow = step
    assert chain.admin.deallocate_for_instance(mine.id) == []
    assert list(slow.steps) == STEPS * 2


@pytest.mark.parametrize(
    "step", ["mac.allocate", "ipam.allocate", "quantum.attach_port", "l3.enable_gateway"]
)
def test_an_allocation_that_takes_too_long_is_undone_in_time_of_its_own(
    make_chain: Callable[..., RecordedChain], slow: SlowJournal, step: str
) -> None:
    chain = make_chain(journal=slow)
    chain.network()
    before = chain.holdings()
    slow.slow = step
    with pytest.raises(DeadlineExceeded):
        chain.admin.allocate_for_instance(instance())
    assert chain.holdings() == before


# --- whose it is --------------------------------------------------------------------------------


def test_a_member_cannot_deallocate_the_instance_of_another_project(
    chain: RecordedChain, api_of: ApiOf
) -> None:
    chain.network()
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    before = chain.holdings()
    assert api_of(chain.manager, OTHER_PROJECT).deallocate_for_instance(mine.id) == ()
    assert chain.holdings() == before
    assert api_of(chain.manager, PROJECT).deallocate_for_instance(mine.id) == []
