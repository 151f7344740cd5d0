"""All or nothing: whichever call of a driver fails, and however, nothing is left of it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import pytest
from netaddr import IPAddress

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.errors import BackendUnavailable, DatabaseUnavailable, DriverFailed, InstanceNotFound
from qplug.model import Instance
from qplug.store.instance_updates import InstanceUpdates
from qplug.store.instances import InstanceStore
from qplug.testing.chain import BreakingJournal, RecordedChain, instance
from qplug.testing.values import call

EVER = range(1 << 30)
TAKEN = IPAddress("10.2.0.77")


def gone() -> BackendUnavailable:
    return BackendUnavailable("it", "told to")


@pytest.fixture
def journal() -> BreakingJournal:
    return BreakingJournal()


@pytest.fixture
def chain(
    make_chain: Callable[..., RecordedChain], journal: BreakingJournal, conf: Any
) -> RecordedChain:
    """Return a chain with two dual-stack networks, on which all that can be switched on is."""
    conf.set_override("port_security", True, "quantum")
    chain = make_chain(journal=journal)
    make_networks(chain)
    return chain


def make_networks(chain: RecordedChain) -> None:
    chain.network("10.1.0.0/24", "fd00:1::/64", label="one", priority=1)
    chain.network("10.2.0.0/24", "fd00:2::/64", label="two", priority=2, project_id=None)


def renew_networks(chain: RecordedChain) -> None:
    """Delete all networks, see that nothing at all is left, and make them again."""
    for network in chain.admin.get_all():
        chain.admin.delete(network.id)
    assert not any(chain.holdings().values())
    make_networks(chain)


def steps_of(chain: RecordedChain, act: Callable[[], object]) -> Sequence[str]:
    """Return the calls of drivers that something takes when all goes well."""
    chain.journal.clear()
    act()
    return list(chain.journal.steps)


def broken(
    journal: BreakingJournal, steps: Sequence[str], act: Callable[[], object]
) -> Iterator[str]:
    """Do something with each of its calls failing in turn, in each way; say which has failed."""
    for (number, step), typed, after in product(enumerate(steps), [True, False], [False, True]):
        error = gone() if typed else RuntimeError("told to")
        journal.break_at({number}, error, after=after)
        with pytest.raises(BackendUnavailable if typed else DriverFailed) as raised:
            act()
        assert (raised.value if typed else raised.value.__cause__) is error
        journal.mend()
        yield f"{step} (call {number}, {error!r}, after its work: {after})"


def own_ports(chain: RecordedChain) -> list[str]:
    """Return the attachments that are no gateway's."""
    found = [port.attachment for ports in chain.holdings()["ports"] for port in ports.values()]
    return [attachment for attachment in found if not attachment.startswith("gw-")]


def assert_gone(chain: RecordedChain, why: str) -> None:
    """See that no instance has anything; gateways may stay for the next one."""
    held = chain.holdings()
    assert not held["addresses"], why
    assert not held["mac"], why
    assert not own_ports(chain), why
    assert not any(held["served"].values()), why
    for table in ("qplug_instances", "qplug_vifs", "qplug_allocations"):
        assert not held[table], (why, table)


# --- allocating ---------------------------------------------------------------------------------


def steps_of_allocation(chain: RecordedChain) -> Sequence[str]:
    """Return the steps of the first allocation, which makes gateways too; there is none after."""
    mine = instance()
    steps = steps_of(chain, lambda: chain.admin.allocate_for_instance(mine))
    chain.admin.deallocate_for_instance(mine.id)
    renew_networks(chain)
    return steps


def test_r36_whichever_call_fails_an_allocation_leaves_nothing(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    steps = steps_of_allocation(chain)
    assert len(steps) == 16
    before = chain.holdings()
    for failed in broken(journal, steps, lambda: chain.admin.allocate_for_instance(instance())):
        assert chain.holdings() == before, failed


def test_a_keyboard_interrupt_in_any_call_undoes_an_allocation_as_well(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    steps = steps_of_allocation(chain)
    before = chain.holdings()
    for number, step in enumerate(steps):
        journal.break_at({number}, KeyboardInterrupt(), after=True)
        with pytest.raises(KeyboardInterrupt):
            chain.admin.allocate_for_instance(instance())
        journal.mend()
        assert chain.holdings() == before, step


def test_an_allocation_whose_undo_fails_too_is_hidden_and_deallocated_later(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    steps = steps_of_allocation(chain)
    for (number, step), after in product(enumerate(steps), [False, True]):
        mine, why = instance(), f"{step} (call {number}), after its work: {after}"
        journal.break_at(EVER[number:], gone(), after=after)
        with pytest.raises(BackendUnavailable):
            chain.admin.allocate_for_instance(mine)
        journal.mend()
        assert_hidden(chain, mine)
        assert chain.admin.deallocate_for_instance(mine.id) == [], why
        assert_gone(chain, why)
        renew_networks(chain)


def assert_hidden(chain: RecordedChain, mine: Instance) -> None:
    with pytest.raises(InstanceNotFound):
        chain.admin.get_instance_nw_info(mine.id)
    with pytest.raises(InstanceNotFound):
        chain.admin.add_fixed_ip_to_instance(mine.id, "one")
    assert mine not in list(chain.admin.get_all_instances())
    assert list(chain.admin.get_all_fixed_ips(instance_id=mine.id)) == []


def test_an_undo_goes_on_after_each_failure_and_holds_what_may_still_be_used(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    last = len(steps_of_allocation(chain)) - 1
    for number, step in steps_of_undo(chain, journal, last):
        mine = instance()
        journal.break_at({last, number}, gone())
        with pytest.raises(BackendUnavailable):
            chain.admin.allocate_for_instance(mine)
        journal.mend()
        with_addresses = {a.vif_id for a in MemoryIpam.allocations(chain.ipam, call())}
        assert set(own_ports(chain)) <= with_addresses, step  # no address outlives its port
        assert len(with_addresses) <= 1, step  # the other vif was taken back all the same
        assert_hidden(chain, mine)
        assert chain.admin.deallocate_for_instance(mine.id) == []
        assert_gone(chain, step)
        renew_networks(chain)


def steps_of_undo(
    chain: RecordedChain, journal: BreakingJournal, last: int
) -> Sequence[tuple[int, str]]:
    """Return the calls, by number, that undo an allocation which fails at its last call."""
    journal.break_at({last}, gone())
    with pytest.raises(BackendUnavailable):
        chain.admin.allocate_for_instance(instance())
    journal.mend()
    undo = list(enumerate(journal.steps))[last + 1 :]
    assert [step for _, step in undo].count("ipam.deallocate") == 2
    return undo


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "step", ["dhcp.stop", "l3.disable_gateway", "quantum.detach_port", "ipam.deallocate"]
)
def test_an_interrupt_waits_for_the_undo_it_arrives_in(
    chain: RecordedChain, step: str, after: bool
) -> None:
    before, interrupt = chain.holdings(), KeyboardInterrupt()
    chain.journal.fail("ipam.floating_ips", gone())
    chain.journal.fail(step, interrupt, after=after)
    with pytest.raises(KeyboardInterrupt) as raised:
        chain.admin.allocate_for_instance(instance())
    assert raised.value is interrupt
    assert chain.holdings() == before


def test_a_second_interrupt_ends_the_undo_it_arrives_in(chain: RecordedChain) -> None:
    chain.journal.fail("ipam.floating_ips", gone())
    chain.journal.fail("quantum.detach_port", KeyboardInterrupt(), times=2)
    with pytest.raises(KeyboardInterrupt):
        chain.admin.allocate_for_instance(instance())
    assert len(own_ports(chain)) == 2
    assert "ipam.deallocate" not in chain.journal.steps


# --- deallocating -------------------------------------------------------------------------------


def test_r59_whichever_call_fails_a_deallocation_does_the_rest_and_the_next_one_that(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    first = instance()
    chain.admin.allocate_for_instance(first)
    steps = steps_of(chain, lambda: chain.admin.deallocate_for_instance(first.id))
    assert steps == ["quantum.detach_port", "dhcp.apply", "ipam.deallocate", "mac.deallocate"] * 2
    for (number, step), typed, after in product(enumerate(steps), [True, False], [False, True]):
        why = f"{step} (call {number}), typed: {typed}, after its work: {after}"
        mine = instance()
        vifs = [vif.id for vif in chain.admin.allocate_for_instance(mine)]
        error = gone() if typed else RuntimeError("told to")
        journal.break_at({number}, error, after=after)
        assert chain.admin.deallocate_for_instance(mine.id) == [vifs[number // 4]], why
        journal.mend()
        assert_only_left(chain, vifs[number // 4], step)
        assert_hidden(chain, mine)
        assert chain.admin.deallocate_for_instance(mine.id) == [], why
        assert_gone(chain, why)


def assert_only_left(chain: RecordedChain, vif: str, step: str) -> None:
    """See that one vif has what comes after the failed step, and no other anything."""
    held = chain.holdings()
    assert {row["id"]: row["state"] for row in held["qplug_vifs"]} == {vif: "deleting"}
    assert {allocation.vif_id for allocation in held["addresses"]} <= {vif}
    if step in ("quantum.detach_port", "dhcp.apply"):
        assert len(held["addresses"]) == 2, step
        assert set(held["mac"]) == {vif}
    if step == "mac.deallocate":
        assert not held["addresses"]
        assert not held["qplug_allocations"]  # else nobody could ever get those addresses


def test_r59_with_every_backend_gone_a_deallocation_tries_all_and_keeps_all(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    mine = instance()
    vifs = [vif.id for vif in chain.admin.allocate_for_instance(mine)]
    journal.break_at(EVER, gone())
    assert chain.admin.deallocate_for_instance(mine.id) == vifs
    assert list(journal.steps) == ["quantum.detach_port", "dhcp.apply"] * 2
    journal.mend()
    assert len(chain.holdings()["addresses"]) == 4
    assert chain.admin.deallocate_for_instance(mine.id) == []
    assert_gone(chain, "all")


# --- the database -------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_allocation_that_the_store_does_not_confirm_is_undone(
    chain: RecordedChain, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    before = chain.holdings()
    monkeypatch.setattr(InstanceStore, "finish", unconfirmed(InstanceStore.finish, after))
    with pytest.raises(DatabaseUnavailable):
        chain.admin.allocate_for_instance(instance())
    assert chain.holdings() == before


def test_an_added_address_that_the_store_does_not_record_is_taken_back(
    chain: RecordedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    before = chain.holdings()
    monkeypatch.setattr(InstanceUpdates, "end", unconfirmed(InstanceUpdates.end, False))
    with pytest.raises(DatabaseUnavailable):
        chain.admin.add_fixed_ip_to_instance(mine.id, "two")
    assert chain.holdings() == before


def unconfirmed(method: Callable[..., object], after: bool) -> Callable[..., None]:
    """Return the method with its first call failing, perhaps after it was committed."""
    failures = [DatabaseUnavailable("it", "connection lost")]

    def failing(*args: Any, **kwargs: Any) -> None:
        if after or not failures:
            method(*args, **kwargs)
        if failures:
            raise failures.pop()

    return failing


# --- fixed IPs ----------------------------------------------------------------------------------


def test_r66_whichever_call_fails_adding_a_fixed_ip_changes_nothing(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)

    def add() -> object:
        return chain.admin.add_fixed_ip_to_instance(mine.id, "two", address=TAKEN)

    steps = steps_of(chain, add)
    assert steps[:3] == ["ipam.add_address", "quantum.set_address_pairs", "dhcp.apply"]
    chain.admin.remove_fixed_ip_from_instance(mine.id, TAKEN)
    before = chain.holdings()
    for failed in broken(journal, steps, add):
        assert chain.holdings() == before, failed
    assert add() == TAKEN


def test_r66_whichever_call_fails_removing_a_fixed_ip_changes_nothing(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.admin.add_fixed_ip_to_instance(mine.id, "two", address=TAKEN)

    def remove() -> None:
        chain.admin.remove_fixed_ip_from_instance(mine.id, TAKEN)

    steps = steps_of(chain, remove)
    assert steps[2:] == ["quantum.set_address_pairs", "dhcp.apply", "ipam.remove_address"]
    chain.admin.add_fixed_ip_to_instance(mine.id, "two", address=TAKEN)
    before = chain.holdings()
    for failed in broken(journal, steps, remove):
        assert chain.holdings() == before, failed
    remove()


def test_an_address_whose_adding_could_not_be_undone_is_not_lost(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    before = chain.holdings()
    for number, after in product(range(3), [False, True]):
        journal.break_at(EVER[number:], gone(), after=after)
        with pytest.raises(BackendUnavailable):
            chain.admin.add_fixed_ip_to_instance(mine.id, "two", address=TAKEN)
        journal.mend()
        assert chain.holdings()["qplug_allocations"] == before["qplug_allocations"]
        chain.admin.add_fixed_ip_to_instance(mine.id, "two", address=TAKEN)  # the same again works
        chain.admin.remove_fixed_ip_from_instance(mine.id, TAKEN)
        assert chain.holdings() == before
    journal.break_at(EVER[2:], gone())
    with pytest.raises(BackendUnavailable):
        chain.admin.add_fixed_ip_to_instance(mine.id, "two")
    journal.mend()
    assert len(chain.holdings()["addresses"]) == 5  # held, as DHCP may still answer with it
    assert chain.admin.deallocate_for_instance(mine.id) == []
    assert_gone(chain, "all")


def test_an_address_whose_removal_could_not_be_undone_can_be_removed_again(
    chain: RecordedChain, journal: BreakingJournal
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    without = chain.holdings()
    for number, after in product(range(2, 5), [False, True]):
        chain.admin.add_fixed_ip_to_instance(mine.id, "two", address=TAKEN)
        journal.break_at(EVER[number:], gone(), after=after)
        with pytest.raises(BackendUnavailable):
            chain.admin.remove_fixed_ip_from_instance(mine.id, TAKEN)
        journal.mend()
        assert [found.instance_id for found in chain.admin.get_fixed_ip_by_address(TAKEN)] == [
            mine.id
        ]
        chain.admin.remove_fixed_ip_from_instance(mine.id, TAKEN)
        assert chain.holdings() == without
