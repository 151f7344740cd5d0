"""The same request again, other requests meanwhile, and many at once."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from threading import Event
from typing import Any

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.builtin.random_mac import RandomMac
from qplug.errors import InstanceConflict, InstanceInTransition, NoMoreFixedIps, QplugError
from qplug.model import Instance, NetworkRequest
from qplug.network_info import NetworkInfo
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.databases import every_database
from qplug.testing.recording import Journal
from qplug.testing.suite import race
from qplug.testing.watching import DriverCall

pytestmark = every_database

MakeChain = Callable[..., RecordedChain]


class Gate(Journal):
    """Keeps one step from being taken until it is opened."""

    step = ""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = Event(), Event()

    def run(self, entry: DriverCall, work: Callable[[], Any]) -> Any:
        if entry.step == self.step:
            self.reached.set()
            assert self.opened.wait(30)
        return super().run(entry, work)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def gated(make_chain: MakeChain, gate: Gate) -> RecordedChain:
    chain = make_chain(journal=gate)
    chain.network("10.0.0.0/24", "fd00::/64")
    return chain


# --- the same again -----------------------------------------------------------------------------


def test_the_same_request_gets_the_same_answer_and_takes_no_step(chain: RecordedChain) -> None:
    chain.network("10.0.0.0/24", "fd00::/64")
    mine, asked = instance(name="web"), [NetworkRequest(network_id="blue")]
    first = chain.admin.allocate_for_instance(mine, asked)
    before = chain.holdings()
    chain.journal.clear()
    assert chain.admin.allocate_for_instance(mine, asked).json() == first.json()
    assert chain.holdings() == before
    assert chain.journal.steps == ["ipam.floating_ips"]


def test_the_default_networks_asked_for_again_are_those_of_then(chain: RecordedChain) -> None:
    chain.network("10.1.0.0/24", label="one")
    mine = instance()
    first = chain.admin.allocate_for_instance(mine)
    chain.network("10.2.0.0/24", label="two")
    assert chain.admin.allocate_for_instance(mine).json() == first.json()


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"name": "other"}, []),
        ({"zone": "other"}, []),
        ({"host": "other"}, []),
        ({"rxtx_factor": 2.0}, []),
        ({"project_id": "other"}, []),
        ({}, [NetworkRequest(network_id="blue")]),
        ({}, [NetworkRequest(network_id="blue", addresses=(IPAddress("10.0.0.2"),))]),
        ({}, [NetworkRequest(network_id="blue")] * 2),
    ],
    ids=str,
)
def test_another_request_is_a_conflict_and_changes_nothing(
    chain: RecordedChain, changed: dict[str, Any], asked: list[NetworkRequest]
) -> None:
    chain.network(project_id=None)
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    before = chain.holdings()
    with pytest.raises(InstanceConflict, match=mine.id):
        chain.admin.allocate_for_instance(instance(**{"id": mine.id} | changed), asked)
    assert chain.holdings() == before


def test_an_allocation_that_failed_may_be_asked_for_again(chain: RecordedChain) -> None:
    chain.network()
    mine = instance()
    chain.journal.fail("dhcp.apply", RuntimeError("for once"))
    with pytest.raises(QplugError):
        chain.admin.allocate_for_instance(mine)
    (vif,) = chain.admin.allocate_for_instance(mine)
    assert vif.network is not None


# --- meanwhile ----------------------------------------------------------------------------------


def building(gated: RecordedChain, gate: Gate, pool: ThreadPoolExecutor) -> tuple[Instance, Any]:
    """Return an instance that is being built just now, until the gate is opened."""
    mine, gate.step = instance(), "quantum.attach_port"
    future = pool.submit(gated.admin.allocate_for_instance, mine)
    assert gate.reached.wait(30)
    return mine, future


def test_the_same_request_waits_for_the_one_that_is_being_built(
    gated: RecordedChain, gate: Gate
) -> None:
    with ThreadPoolExecutor(4) as pool:
        mine, first = building(gated, gate, pool)
        others = [pool.submit(gated.admin.allocate_for_instance, mine) for _ in range(3)]
        gate.opened.set()
        answers = {future.result().json() for future in (first, *others)}
    assert len(answers) == 1
    assert len(gated.holdings()["qplug_vifs"]) == 1


def test_a_deallocation_waits_for_what_is_being_built(gated: RecordedChain, gate: Gate) -> None:
    with ThreadPoolExecutor(2) as pool:
        mine, first = building(gated, gate, pool)
        second = pool.submit(gated.admin.deallocate_for_instance, mine.id)
        gate.opened.set()
        assert len(first.result()) == 1
        assert second.result() == []
    assert gated.holdings()["qplug_instances"] == []


@pytest.mark.parametrize("state", ["building", "updating"])
def test_whoever_waits_longer_than_the_deadline_is_told_so(
    gated: RecordedChain, gate: Gate, conf: ConfigOpts, state: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        if state == "building":
            mine, first = building(gated, gate, pool)
        else:
            mine, first = updating(gated, gate, pool)
        conf.set_override("operation_timeout", 0.1)
        acts: list[Callable[[], object]] = [
            lambda: gated.admin.allocate_for_instance(mine),
            lambda: gated.admin.deallocate_for_instance(mine.id),
        ]
        if state == "updating":
            acts.append(lambda: gated.admin.add_fixed_ip_to_instance(mine.id, "blue"))
        for act in acts:
            with pytest.raises(InstanceInTransition) as raised:
                act()
            assert (raised.value.instance, raised.value.state) == (mine.id, state)
        gate.opened.set()
        first.result()
    conf.set_override("operation_timeout", 60)
    assert gated.admin.deallocate_for_instance(mine.id) == []


def updating(
    gated: RecordedChain, gate: Gate, pool: ThreadPoolExecutor
) -> tuple[Instance, Future[IPAddress]]:
    """Return an instance that is being given an address just now, until the gate is opened."""
    mine = instance()
    gated.admin.allocate_for_instance(mine)
    gate.step = "ipam.add_address"
    future = pool.submit(gated.admin.add_fixed_ip_to_instance, mine.id, "blue")
    assert gate.reached.wait(30)
    return mine, future


def test_an_instance_that_is_being_updated_can_be_looked_at(
    gated: RecordedChain, gate: Gate
) -> None:
    with ThreadPoolExecutor(1) as pool:
        mine, future = updating(gated, gate, pool)
        (vif,) = gated.admin.get_instance_nw_info(mine.id)
        assert len(vif.fixed_ips()) == 2
        gate.opened.set()
        future.result()
    (vif,) = gated.admin.get_instance_nw_info(mine.id)
    assert len(vif.fixed_ips()) == 3


def test_what_is_being_built_is_shown_to_nobody(gated: RecordedChain, gate: Gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        _, future = building(gated, gate, pool)
        assert list(gated.admin.get_all_instances()) == []
        assert list(gated.admin.get_all_fixed_ips()) == []
        gate.opened.set()
        assert len(future.result()) == 1


# --- many at once -------------------------------------------------------------------------------


def test_one_request_from_four_threads_at_once_is_one_set_of_vifs(chain: RecordedChain) -> None:
    chain.network("10.1.0.0/24", label="one")
    chain.network("10.2.0.0/24", label="two")
    mine = instance()
    answers = race([lambda: chain.admin.allocate_for_instance(mine)] * 4)
    assert [type(answer) for answer in answers] == [NetworkInfo] * 4
    assert len({answer.json() for answer in answers if isinstance(answer, NetworkInfo)}) == 1
    assert len(chain.holdings()["qplug_vifs"]) == 2


def test_eight_threads_fill_a_small_network_without_giving_anything_twice(
    chain: RecordedChain,
) -> None:
    chain.network("10.0.0.0/28")
    answers = race([lambda: chain.admin.allocate_for_instance(instance()) for _ in range(8)])
    answers = [
        *answers,
        *race([lambda: chain.admin.allocate_for_instance(instance()) for _ in range(8)]),
    ]
    infos = [answer for answer in answers if isinstance(answer, NetworkInfo)]
    given = [str(ip.address) for info in infos for ip in info.fixed_ips()]
    assert sorted(given) == sorted(f"10.0.0.{n}" for n in range(2, 15))
    refused = [answer for answer in answers if not isinstance(answer, NetworkInfo)]
    assert [type(error) for error in refused] == [NoMoreFixedIps] * 3
    assert len(chain.holdings()["qplug_vifs"]) == 13


def test_allocations_and_deallocations_of_one_instance_at_once_end_in_one_of_the_two(
    chain: RecordedChain,
) -> None:
    chain.network()
    mine = instance()
    acts: list[Callable[[], object]] = [
        lambda: chain.admin.allocate_for_instance(mine),
        lambda: chain.admin.deallocate_for_instance(mine.id),
    ] * 4
    assert not [answer for answer in race(acts) if isinstance(answer, QplugError)]
    assert not chain.admin.deallocate_for_instance(mine.id)
    for kind in ("addresses", "mac", "qplug_instances", "qplug_vifs", "qplug_allocations"):
        assert not chain.holdings()[kind], kind


def test_addresses_added_to_one_instance_at_once_are_all_there(chain: RecordedChain) -> None:
    chain.network()
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    added = race([lambda: chain.admin.add_fixed_ip_to_instance(mine.id, "blue")] * 4)
    (vif,) = chain.admin.get_instance_nw_info(mine.id)
    assert sorted(map(str, added)) == [f"10.0.0.{n}" for n in range(3, 7)]
    assert [str(ip.address) for ip in vif.fixed_ips()] == [f"10.0.0.{n}" for n in range(2, 7)]


class FewMacs(Random):
    """Draws one of twelve numbers."""

    def randrange(self, *_: object) -> int:
        return int(self.random() * 12)


def test_macs_drawn_at_once_are_never_the_same(make_chain: MakeChain, conf: ConfigOpts) -> None:
    conf.set_override("unique_attempts", 200, "mac")
    chain = make_chain(mac=RandomMac(conf, rng=FewMacs(1)))
    chain.network()
    answers = race([lambda: chain.admin.allocate_for_instance(instance())] * 8)
    macs = [str(vif.address) for info in answers if isinstance(info, tuple) for vif in info]
    assert len(set(macs)) == 8


def test_an_address_is_given_again_though_its_last_owner_is_not_forgotten_yet(
    make_chain: MakeChain, gate: Gate
) -> None:
    chain = make_chain(journal=gate)
    chain.network("10.0.0.0/30")  # with room for one
    old, new = instance(), instance()
    chain.admin.allocate_for_instance(old)
    gate.step = "mac.deallocate"
    with ThreadPoolExecutor(2) as threads:
        leaving = threads.submit(chain.admin.deallocate_for_instance, old.id)
        assert gate.reached.wait(30)
        coming = threads.submit(chain.admin.allocate_for_instance, new)
        with pytest.raises(TimeoutError):
            coming.result(0.5)  # IPAM gave it the address; the store waits for the other
        gate.opened.set()
        assert leaving.result(30) == []
        [address] = coming.result(30).fixed_ips()
    assert str(address.address) == "10.0.0.2"
