"""What commands left: taken up by the next one, tried again later and later, never lost."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from netaddr import IPAddress, IPNetwork

from qplug.errors import (
    BackendUnavailable,
    FixedIpAlreadyInUse,
    InstanceInTransition,
    NetworkInTransition,
    NoMoreFixedIps,
    NothingPending,
)
from qplug.manager import SubnetChanges, pending
from qplug.model import Call, Instance, Network, NetworkRequest
from qplug.store import Work
from qplug.store.marks import FIRST_PAUSE, LONGEST_PAUSE, postponed
from qplug.store.tables import instances, networks, tombstones
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.values import NOW, call, network_spec, subnet, vif

GONE = BackendUnavailable("it", "told to")
ADDRESS = IPAddress("10.0.0.77")


@pytest.fixture
def blue(chain: RecordedChain) -> Network:
    """Return a network that has had an instance, so that all that stays of one is there."""
    net = chain.network("10.0.0.0/24", "fd00::/112")
    first = instance()
    chain.admin.allocate_for_instance(first)
    chain.admin.deallocate_for_instance(first.id)
    return net


def look_again(chain: RecordedChain) -> None:
    """Let the next command look at what is pending, as a new process would."""
    chain.manager.pending._looked = float("-inf")


def left_behind(chain: RecordedChain, mine: Instance) -> None:
    """Deallocate an instance whose port cannot be detached."""
    chain.journal.fail("quantum.detach_port", GONE)
    assert len(chain.admin.deallocate_for_instance(mine.id)) == 1


def kept_back(chain: RecordedChain) -> Instance:
    """Return an instance of which something is left."""
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    left_behind(chain, mine)
    return mine


def instance_there(chain: RecordedChain) -> Instance:
    """Return an instance that is there."""
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    return mine


def half_added(chain: RecordedChain) -> Instance:
    """Return an instance to which an address was added in IPAM alone, and could not be undone."""
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.journal.fail("dhcp.apply", GONE, times=2)
    with pytest.raises(BackendUnavailable):
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=ADDRESS)
    return mine


def interrupted_removal(chain: RecordedChain, mine: Instance, address: IPAddress) -> None:
    """Remove an address in IPAM alone, and be able neither to record nor to undo it."""
    chain.journal.fail("ipam.remove_address", GONE, after=True)
    chain.journal.fail("ipam.add_address", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.remove_fixed_ip_from_instance(mine.id, address)
    assert [work.state for work in chain.admin.get_pending()] == ["updating"]


def tombstones_of(chain: RecordedChain) -> list[Work]:
    """Return what is pending because it is released once more."""
    return [work for work in chain.admin.get_pending() if work.state == "released"]


def taken_over(chain: RecordedChain, mine: Instance, blue: Network) -> None:
    """Have an instance that somebody is building taken over, and released."""
    chosen = [NetworkRequest(network_id=blue.id)]
    chain.journal.fail("quantum.attach_port", KeyboardInterrupt(), after=True)
    chain.journal.fail("quantum.detach_port", KeyboardInterrupt(), times=2)
    with pytest.raises(KeyboardInterrupt):
        chain.admin.allocate_for_instance(mine, chosen)
    chain.journal.mend()
    chain.let_deadlines_pass()
    chain.admin.retry_pending()


# --- tried again --------------------------------------------------------------------------------


def test_what_cannot_be_released_is_pending_and_says_why(
    chain: RecordedChain, blue: Network
) -> None:
    mine = kept_back(chain)
    [work] = chain.admin.get_pending()
    assert (work.kind, work.id, work.state, work.attempts) == ("instance", mine.id, "deleting", 1)
    assert work.project_id == mine.project_id
    assert "port deallocation failed" in str(work.error)
    assert "told to" in str(work.error)
    assert timedelta() < work.due - datetime.now(UTC) < timedelta(seconds=2 * FIRST_PAUSE)


def test_the_next_command_finishes_what_is_due(chain: RecordedChain, blue: Network) -> None:
    before = chain.holdings()
    kept_back(chain)
    chain.let_deadlines_pass()
    look_again(chain)
    chain.admin.deallocate_for_instance(instance_there(chain).id)
    assert chain.admin.get_pending() == []
    assert chain.holdings() == before


def test_what_waits_for_a_later_time_is_let_alone_until_then(
    chain: RecordedChain, blue: Network
) -> None:
    kept_back(chain)
    look_again(chain)
    chain.journal.clear()
    chain.admin.allocate_for_instance(instance())
    assert "quantum.detach_port" not in chain.journal.steps
    assert [work.attempts for work in chain.admin.get_pending()] == [1]


def test_a_process_looks_once_a_second(chain: RecordedChain, blue: Network) -> None:
    look_again(chain)
    chain.admin.allocate_for_instance(instance())
    kept_back(chain)
    chain.let_deadlines_pass()
    chain.admin.allocate_for_instance(instance())
    assert len(chain.admin.get_pending()) == 1
    chain.manager.pending._looked -= pending.INTERVAL
    chain.admin.allocate_for_instance(instance())
    assert chain.admin.get_pending() == []


def test_a_command_spends_a_second_at_most_on_what_others_left(
    chain: RecordedChain, blue: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every port hangs until its time is over, as of a service that does not answer."""
    for _ in range(4):
        kept_back(chain)
    spent: list[float] = []

    def hang(call: Call, *_: object) -> bool:
        spent.append(call.remaining())
        time.sleep(call.remaining())
        raise GONE

    chain.let_deadlines_pass()
    look_again(chain)
    monkeypatch.setattr(pending, "BRIEF", 0.2)
    monkeypatch.setattr(chain.quantum, "detach_port", hang)
    began = time.monotonic()
    chain.admin.allocate_for_instance(instance())
    assert time.monotonic() - began < 2
    assert len(spent) == 1
    assert 0 < spent[0] <= 0.2
    assert sorted(work.attempts for work in chain.admin.get_pending()) == [1, 1, 1, 2]


def test_the_pauses_between_tries_double_from_seconds_to_an_hour() -> None:
    pauses = [postponed(attempts, "")["seconds"] for attempts in range(40)]
    assert 0.9 * FIRST_PAUSE <= pauses[0] <= 1.1 * FIRST_PAUSE
    for one, other in pairwise(pauses[:10]):
        assert 1.6 < other / one < 2.5
    assert min(pauses[10:]) >= 0.9 * LONGEST_PAUSE
    assert max(pauses[10:]) <= 1.1 * LONGEST_PAUSE


def test_a_failure_of_what_others_left_does_not_fail_a_command(
    chain: RecordedChain, blue: Network
) -> None:
    mine = kept_back(chain)
    chain.let_deadlines_pass()
    look_again(chain)
    chain.journal.fail("quantum.detach_port", RuntimeError("boo"))
    assert len(chain.admin.allocate_for_instance(instance())) == 1
    [work] = chain.admin.get_pending()
    assert (work.id, work.attempts) == (mine.id, 2)
    assert "boo" in str(work.error)


def test_addresses_are_held_until_what_may_use_them_is_gone(chain: RecordedChain) -> None:
    chain.network("10.9.0.0/30", gateways=["10.9.0.1"], label="small")
    kept_back(chain)
    with pytest.raises(NoMoreFixedIps):
        chain.admin.allocate_for_instance(instance())
    assert [usage.held for _, usage in chain.admin.get_usage("small")] == [1]
    assert chain.admin.retry_pending() == []
    assert [usage.held for _, usage in chain.admin.get_usage("small")] == [0]


# --- by hand ------------------------------------------------------------------------------------


def test_a_retry_does_not_wait_for_its_time_and_returns_what_is_left(
    chain: RecordedChain, blue: Network
) -> None:
    before = chain.holdings()
    one, two = kept_back(chain), kept_back(chain)
    chain.journal.fail("dhcp.apply", GONE)
    [left] = chain.admin.retry_pending([one.id])
    assert (left.id, left.attempts) == (one.id, 2)
    assert {work.id for work in chain.admin.get_pending()} == {one.id, two.id}
    assert chain.admin.retry_pending() == []
    assert chain.holdings() == before


def test_thousands_that_are_pending_are_all_listed(chain: RecordedChain, blue: Network) -> None:
    stone = {"kind": "vif", "epoch": 0, "created_at": NOW, "details": "{}", "suspects": "[]"}
    stones = [stone | {"id": f"{number}", "due": NOW} for number in range(2500)]
    with chain._engine.begin() as connection:
        connection.execute(tombstones.insert(), stones)
    assert len(chain.admin.get_pending()) == 2500


def test_who_names_what_is_not_pending_is_told_and_nothing_is_tried(
    chain: RecordedChain, blue: Network
) -> None:
    mine = kept_back(chain)
    acts: Sequence[Callable[[], object]] = [
        lambda: chain.admin.retry_pending([mine.id, "nothing"]),
        lambda: chain.admin.drop_pending("nothing"),
    ]
    for act in acts:
        with pytest.raises(NothingPending, match="pending list"):
            act()
    assert [work.attempts for work in chain.admin.get_pending()] == [1]


def test_what_is_dropped_is_forgotten_here_and_left_outside(
    chain: RecordedChain, blue: Network
) -> None:
    mine = kept_back(chain)
    chain.admin.drop_pending(mine.id)
    assert chain.admin.get_pending() == []
    held = chain.holdings()
    assert not held["qplug_instances"]
    assert not held["qplug_allocations"]
    assert len(held["addresses"]) == 2


def test_a_network_that_is_dropped_frees_its_label_and_cidr(chain: RecordedChain) -> None:
    chain.network()
    chain.journal.fail("quantum.delete_network", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.delete("blue")
    [work] = chain.admin.get_pending()
    chain.admin.drop_pending(work.id)
    assert chain.network().label == "blue"


def test_a_change_that_is_dropped_leaves_the_instance_as_it_was(
    chain: RecordedChain, blue: Network
) -> None:
    mine = half_added(chain)
    chain.admin.drop_pending(mine.id)
    assert chain.admin.get_pending() == []
    assert len(list(chain.admin.get_all_fixed_ips(instance_id=mine.id))) == 2
    assert chain.admin.deallocate_for_instance(mine.id) == []


# --- taken over ---------------------------------------------------------------------------------


def test_what_somebody_works_on_is_not_pending_and_not_taken_over(
    chain: RecordedChain, blue: Network
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.manager._chain.store.instance_updates.begin(call(), mine.id, 7)
    assert chain.admin.get_pending() == []
    assert chain.admin.retry_pending() == []
    with pytest.raises(InstanceInTransition):
        chain.manager.instances.deallocate(call(seconds=0.2), mine.id)


def test_a_command_does_not_wait_where_nobody_comes_back(
    chain: RecordedChain, blue: Network
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.manager._chain.store.instance_updates.begin(call(), mine.id, 7)
    chain.let_deadlines_pass()
    began = time.monotonic()
    chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=ADDRESS)
    assert time.monotonic() - began < 5
    assert chain.admin.get_pending() == tombstones_of(chain)


def test_a_command_is_refused_at_once_by_what_cannot_be_finished(
    chain: RecordedChain, blue: Network
) -> None:
    mine = kept_back(chain)
    chain.journal.fail("quantum.detach_port", GONE, times=9)
    began = time.monotonic()
    with pytest.raises(InstanceInTransition, match="pending list"):
        chain.admin.allocate_for_instance(mine)
    assert time.monotonic() - began < 5


def test_an_instance_that_is_half_released_is_allocated_anew_once_it_can_be(
    chain: RecordedChain, blue: Network
) -> None:
    mine = kept_back(chain)
    old = {row["id"] for row in chain.holdings()["qplug_vifs"]}
    assert len(chain.admin.allocate_for_instance(mine)) == 1
    assert old.isdisjoint(row["id"] for row in chain.holdings()["qplug_vifs"])


def test_an_interrupted_addition_is_taken_back_everywhere(
    chain: RecordedChain, blue: Network
) -> None:
    mine = half_added(chain)
    assert [work.state for work in chain.admin.get_pending()] == ["updating"]
    assert chain.admin.retry_pending() == []
    assert str(ADDRESS) not in {str(a.address) for a in chain.holdings()["addresses"]}
    assert len(list(chain.admin.get_all_fixed_ips(instance_id=mine.id))) == 2


def test_an_interrupted_removal_gets_its_address_back_from_ipam(
    chain: RecordedChain, blue: Network
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    [first, second] = chain.admin.get_all_fixed_ips(instance_id=mine.id)
    interrupted_removal(chain, mine, first.address)
    assert chain.admin.retry_pending() == []
    found = {one.address for one in chain.holdings()["addresses"]}
    assert found == {first.address, second.address}


def test_an_address_that_is_anothers_by_then_is_lost_to_an_interrupted_removal(
    chain: RecordedChain, blue: Network
) -> None:
    chain.manager.conf.set_override("reuse_delay", 0, "ipam")
    mine, other = instance(), instance()
    chain.admin.allocate_for_instance(mine)
    [first, second] = chain.admin.get_all_fixed_ips(instance_id=mine.id)
    interrupted_removal(chain, mine, first.address)
    chain.ipam.allocate(call(), blue, vif(blue, instance_id=other.id), [first.address])
    assert chain.admin.retry_pending() == []
    left = chain.admin.get_all_fixed_ips(instance_id=mine.id)
    assert [one.address for one in left] == [second.address]


def test_an_interrupted_change_of_subnets_is_taken_back_in_ipam(
    chain: RecordedChain, blue: Network
) -> None:
    wider = SubnetChanges(cidrs=(IPNetwork("10.0.1.0/24"),))
    chain.journal.fail("ipam.update_subnets", GONE, after=True, times=2)
    with pytest.raises(BackendUnavailable):
        chain.admin.update("blue", wider)
    more = (*blue.subnets, subnet("10.0.1.0/24"))
    chain.ipam.update_subnets(call(), replace(blue, subnets=more))
    assert len(chain.ipam.subnet_ids(call(), blue.id)) == 3
    assert chain.admin.retry_pending() == []
    assert chain.ipam.subnet_ids(call(), blue.id) == {subnet.id for subnet in blue.subnets}
    assert len(chain.admin.update("blue", wider).subnets) == 3


def test_a_network_in_the_way_that_nobody_makes_any_more_is_taken_out_of_it(
    chain: RecordedChain,
) -> None:
    """Its label and its cidr are free again for the command that needs them."""
    made = chain.manager.creating._complete(network_spec("10.0.0.0/24"))
    chain.manager._chain.store.network_creations.reserve(call(), made, 7)
    with pytest.raises(NetworkInTransition):
        chain.manager.creating.create(call(seconds=0.2), network_spec("10.0.0.0/24"))
    chain.let_deadlines_pass()
    assert chain.network("10.0.0.0/24").id != made.id
    [stone] = tombstones_of(chain)
    assert (stone.kind, stone.id) == ("network", made.id)
    assert list(chain.admin.audit()) == []


# --- late writes --------------------------------------------------------------------------------


def test_what_is_taken_over_is_released_once_more_when_it_is_due(
    chain: RecordedChain, blue: Network
) -> None:
    instance_there(chain)
    before, mine = chain.holdings(), instance()
    taken_over(chain, mine, blue)
    assert chain.holdings() == before
    [stone] = tombstones_of(chain)
    late = replace(vif(blue, instance_id=mine.id), id=stone.id)
    chain.ipam.allocate(call(), blue, late, ())  # as the call that was under way
    assert chain.holdings() != before
    chain.let_deadlines_pass()
    look_again(chain)
    chain.admin.deallocate_for_instance(instance_there(chain).id)
    assert chain.holdings() == before


def test_a_tombstone_stays_while_its_worker_may_come_back_and_goes_after_a_day(
    chain: RecordedChain, blue: Network
) -> None:
    """The worker is this very process, which is not dead."""
    taken_over(chain, instance(), blue)
    chain.let_deadlines_pass()
    assert len(chain.admin.retry_pending()) == 1
    yesterday = datetime.now(UTC) - timedelta(hours=25)
    with chain._engine.begin() as connection:
        connection.execute(sa.update(tombstones).values(created_at=yesterday))
    assert chain.admin.retry_pending() == []


def test_a_tombstone_takes_nothing_from_what_is_there_by_right(
    chain: RecordedChain, blue: Network
) -> None:
    """A change is taken over and rolled back; the vif goes on with what it has."""
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.manager._chain.store.instance_updates.begin(call(), mine.id, 7)
    chain.let_deadlines_pass()
    chain.admin.retry_pending()
    there = chain.holdings()
    assert len(tombstones_of(chain)) == 1
    chain.let_deadlines_pass()
    chain.admin.retry_pending()
    assert chain.holdings() == there
    assert len(list(chain.admin.get_all_fixed_ips(instance_id=mine.id))) == 2


def test_what_is_active_carries_no_mark(chain: RecordedChain, blue: Network) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    chain.admin.update("blue", SubnetChanges(dns=()))
    for table in (instances, networks):
        for row in chain.table(table):
            mark = [row[name] for name in ("state", "worker", "due", "attempts", "error")]
            assert mark == ["active", None, None, 0, None]


def test_an_address_asked_for_by_name_is_not_taken_from_what_is_pending(
    chain: RecordedChain, blue: Network
) -> None:
    mine = instance()
    wanted = NetworkRequest(network_id=blue.id, addresses=(ADDRESS,))
    chain.admin.allocate_for_instance(mine, [wanted])
    left_behind(chain, mine)
    with pytest.raises(FixedIpAlreadyInUse):
        chain.admin.allocate_for_instance(instance(), [wanted])
