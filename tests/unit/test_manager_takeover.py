"""Taking over what a command left, where something else happened to it meanwhile."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from netaddr import IPAddress, IPNetwork

from qplug.errors import (
    BackendUnavailable,
    DatabaseUnavailable,
    InstanceInTransition,
    NetworkBusy,
)
from qplug.manager import SubnetChanges
from qplug.manager.building import Building
from qplug.manager.creating import Creating
from qplug.model import Capability, Instance, Network, PortRequest
from qplug.store import Work
from qplug.store.instance_updates import InstanceUpdates
from qplug.store.tables import instances, networks, tombstones
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.values import NOW, PROJECT, after, call, subnet

GONE = BackendUnavailable("it", "told to")
FIRST, SECOND = IPAddress("10.0.0.77"), IPAddress("10.0.0.88")


@pytest.fixture
def blue(chain: RecordedChain) -> Network:
    """Return a network that has an instance, so that its gateway stays."""
    net = chain.network("10.0.0.0/24", "fd00::/112")
    allocated(chain)
    return net


def allocated(chain: RecordedChain) -> Instance:
    """Return an instance that is there."""
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    return mine


def kept_back(chain: RecordedChain) -> Instance:
    """Return an instance of which something is left."""
    mine = allocated(chain)
    chain.journal.fail("quantum.detach_port", GONE)
    assert len(chain.admin.deallocate_for_instance(mine.id)) == 1
    return mine


def half_deleted(chain: RecordedChain) -> None:
    """Leave a network that IPAM would not let go."""
    chain.network("10.5.0.0/24", label="half")
    chain.journal.fail("ipam.delete_subnets", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.delete("half")


def half_changed(chain: RecordedChain) -> Instance:
    """Return an instance to which a process was giving an address when it was killed."""
    mine = allocated(chain)
    chain.manager._chain.store.instance_updates.begin(call(), mine.id, 7)
    chain.let_deadlines_pass()
    return mine


def half_built(chain: RecordedChain) -> Instance:
    """Return an instance that a process was building when it was killed."""
    mine = instance()
    chain.journal.fail("quantum.attach_port", KeyboardInterrupt(), after=True)
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr(Building, "_take_back", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            chain.admin.allocate_for_instance(mine)
    chain.let_deadlines_pass()
    return mine


def late_work(chain: RecordedChain) -> list[Work]:
    """Return what is pending because it is released once more."""
    return [work for work in chain.admin.get_pending() if work.state == "released"]


def during(
    monkeypatch: pytest.MonkeyPatch, driver: object, method: str, act: Callable[[], object]
) -> None:
    """Have something done while the next call of a method is under way, which fails then."""
    real, begun = getattr(driver, method), Event()

    def called(*args: Any, **kwargs: Any) -> Any:
        if begun.is_set():
            return real(*args, **kwargs)
        begun.set()
        act()
        raise GONE

    monkeypatch.setattr(driver, method, called)


# --- what is there again ------------------------------------------------------------------------


def test_an_instance_that_was_finished_and_is_there_again_is_neither_finished_nor_dropped(
    chain: RecordedChain, blue: Network
) -> None:
    """Between looking at what is pending and taking it up others have done so."""
    mine = kept_back(chain)
    [work] = chain.admin.get_pending()
    assert chain.admin.retry_pending() == []
    chain.admin.allocate_for_instance(mine)
    there = chain.holdings()
    assert chain.manager.pending.finishing.finish(call(), work) is None
    chain.manager.pending.finishing.forget(call(), work)
    assert chain.holdings() == there


def test_a_network_that_was_finished_and_is_there_again_is_neither_finished_nor_dropped(
    chain: RecordedChain,
) -> None:
    """An adopted one has the same id again."""
    uuid = chain.quantum.create_network(call(), PROJECT, "half", key="k")
    chain.network("10.5.0.0/24", label="half", uuid=uuid)
    chain.journal.fail("dhcp.stop", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.delete("half")
    [work] = chain.admin.get_pending()
    finish, forget = chain.manager.pending.finishing.finish, chain.manager.pending.finishing.forget
    assert chain.admin.retry_pending() == []
    assert finish(call(), work) is None  # nothing is there
    there = chain.network("10.5.0.0/24", label="half", uuid=uuid)
    assert finish(call(), work) is None
    forget(call(), work)
    assert chain.admin.get_all() == [there]
    assert chain.ipam.subnet_ids(call(), uuid) == {there.subnets[0].id}


def test_a_change_that_was_taken_over_takes_nothing_of_a_newer_one(
    chain: RecordedChain, blue: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, newer = allocated(chain), []

    def taken_over() -> None:
        chain.let_deadlines_pass()
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=SECOND)
        newer.append(chain.holdings())

    during(monkeypatch, chain.dhcp, "apply", taken_over)
    with pytest.raises(BackendUnavailable):
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=FIRST)
    assert [chain.holdings()] == newer


def test_a_change_of_subnets_that_was_taken_over_takes_nothing_of_a_newer_one(
    chain: RecordedChain, blue: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer: list[Network] = []

    def taken_over() -> None:
        chain.let_deadlines_pass()
        wider = SubnetChanges(cidrs=(IPNetwork("10.0.2.0/24"),))
        newer.append(chain.admin.update("blue", wider))

    during(monkeypatch, chain.l3, "enable_gateway", taken_over)
    with pytest.raises(BackendUnavailable):
        chain.admin.update("blue", SubnetChanges(cidrs=(IPNetwork("10.0.1.0/24"),)))
    assert chain.admin.get_all() == newer
    assert chain.ipam.subnet_ids(call(), blue.id) == {one.id for one in newer[0].subnets}


def test_a_change_of_which_nobody_knows_whether_it_is_done_is_pending(
    chain: RecordedChain, blue: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = allocated(chain)
    before = chain.holdings()

    def unknown(*_: object) -> bool:
        raise DatabaseUnavailable("it", "told to")

    chain.journal.fail("dhcp.apply", GONE)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(InstanceUpdates, "has_ended", unknown)
        with pytest.raises(BackendUnavailable):
            chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=FIRST)
    assert [work.id for work in chain.admin.get_pending()] == [mine.id]
    assert chain.admin.retry_pending() == []
    assert chain.holdings() == before


def test_what_a_process_could_not_even_leave_for_later_it_takes_up_itself(
    chain: RecordedChain, blue: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, store = allocated(chain), chain.manager._chain.store
    store.instance_updates.begin(call(), mine.id, 7)
    assert chain.admin.get_pending() == []

    def unavailable(*_: object) -> None:
        raise DatabaseUnavailable("it", "told to")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(store.database, "write", unavailable)
        with pytest.raises(DatabaseUnavailable):
            store.instance_updates.cancel(call(), mine.id, 7)
    assert [work.is_due for work in chain.admin.get_pending()] == [True]


# --- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["quantum.create_network", "ipam.create_subnets", "l3.enable_nat"])
def test_a_creation_that_was_killed_leaves_nothing_under_the_id_that_quantum_gave(
    chain: RecordedChain, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    chain.journal.fail(step, KeyboardInterrupt(), after=True)
    with monkeypatch.context() as killed:
        killed.setattr(Creating, "_undo", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            chain.network("10.0.0.0/24")
    [made] = chain.quantum.networks(call(), PROJECT)
    chain.let_deadlines_pass()
    chain.admin.retry_pending()
    assert chain.admin.get_pending() == late_work(chain)
    assert list(chain.quantum.networks(call(), PROJECT)) == []
    assert chain.ipam.subnet_ids(call(), made) == frozenset()
    assert chain.l3.translated == set()


def test_a_refused_deletion_of_what_is_half_deleted_leaves_an_adopted_network_in_quantum(
    chain: RecordedChain,
) -> None:
    uuid = chain.quantum.create_network(call(), PROJECT, "half", key="k")
    chain.network("10.5.0.0/24", label="half", uuid=uuid)
    chain.journal.fail("ipam.delete_subnets", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.delete("half")
    stranger = chain.quantum.attach_port(call(), PROJECT, uuid, PortRequest(attachment="theirs"))
    with pytest.raises(NetworkBusy):
        chain.admin.delete("half", with_quantum=True)
    chain.quantum.detach_port(call(), PROJECT, uuid, stranger)
    assert chain.admin.retry_pending() == []
    assert chain.quantum.network_exists(call(), PROJECT, uuid)


@pytest.mark.parametrize("with_quantum", [False, True])
def test_an_interrupted_deletion_of_an_adopted_network_ends_as_it_was_asked_for(
    chain: RecordedChain, with_quantum: bool
) -> None:
    uuid = chain.quantum.create_network(call(), PROJECT, "half", key="k")
    chain.network("10.5.0.0/24", label="half", uuid=uuid)
    deletions = chain.manager._chain.store.network_deletions
    deletions.begin(call(), uuid, with_quantum=with_quantum)
    chain.let_deadlines_pass()
    chain.admin.retry_pending()
    assert chain.admin.get_pending() == late_work(chain)
    assert chain.ipam.subnet_ids(call(), uuid) == frozenset()
    assert chain.quantum.network_exists(call(), PROJECT, uuid) is not with_quantum


def test_a_refused_deletion_of_what_is_half_changed_leaves_it_there(
    chain: RecordedChain,
) -> None:
    made = chain.network("10.0.0.0/24")
    chain.quantum.attach_port(call(), PROJECT, made.id, PortRequest(attachment="theirs"))
    chain.manager._chain.store.network_updates.begin(call(), made.id, 7)
    chain.let_deadlines_pass()
    with pytest.raises(NetworkBusy):
        chain.manager.deleting.delete(call(), made)
    assert chain.admin.get_all() == [made]
    assert chain.admin.get_pending() == late_work(chain)


def test_a_deletion_takes_the_gateway_that_an_interrupted_change_was_giving(
    chain: RecordedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = chain.network("10.0.0.0/24", no_gateway=(4,))
    routed = replace(made, subnets=(*made.subnets, subnet("10.0.1.0/24")))
    chain.manager._chain.store.network_updates.begin(call(), made.id, 7)
    chain.l3.enable_nat(call(), routed)
    chain.let_deadlines_pass()
    chain.manager.deleting.delete(call(), made)
    assert chain.l3.translated == set()


def test_late_work_on_a_network_is_in_nobodys_way(chain: RecordedChain) -> None:
    """It has the id of the network itself, and cannot be done at the moment."""
    uuid = chain.quantum.create_network(call(), PROJECT, "blue", key="k")
    made = chain.network("10.0.0.0/24", uuid=uuid)
    chain.manager._chain.store.network_updates.begin(call(), made.id, 7)
    chain.let_deadlines_pass()
    chain.admin.retry_pending()
    chain.journal.fail("ipam.delete_subnets", GONE)
    with pytest.raises(BackendUnavailable):
        chain.admin.delete("blue")
    with chain._engine.begin() as tx:  # it is due before the network is
        tx.execute(sa.update(tombstones).values(due=after(-60)))
    chain.journal.fail("ipam.update_subnets", GONE, times=9)
    assert chain.network("10.0.0.0/24", uuid=uuid).id == uuid
    assert len(late_work(chain)) == 1


def test_who_gives_a_network_a_host_does_not_wait_where_nobody_comes_back(
    chain: RecordedChain,
) -> None:
    made = chain.network("10.0.0.0/24")
    chain.admin.disassociate("blue", host=True, project=False)
    chain.manager._chain.store.network_updates.begin(call(), made.id, 7)
    chain.let_deadlines_pass()
    began = time.monotonic()
    assert chain.admin.set_host("blue", "host-2") == "host-2"
    assert time.monotonic() - began < 5


# --- what an IPAM cannot do ---------------------------------------------------------------------


def test_an_address_that_cannot_be_asked_for_again_is_lost_to_an_interrupted_removal(
    chain: RecordedChain, blue: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = allocated(chain)
    monkeypatch.setattr(
        chain.ipam, "capabilities", chain.ipam.capabilities - {Capability.CHOSEN_ADDRESS}
    )
    first, second = chain.admin.get_all_fixed_ips(instance_id=mine.id)
    chain.journal.fail("ipam.remove_address", GONE, after=True)
    with pytest.raises(BackendUnavailable):
        chain.admin.remove_fixed_ip_from_instance(mine.id, first.address)
    [work] = chain.admin.get_pending()
    assert "may be lost to IPAM" in str(work.error)
    assert chain.admin.retry_pending() == []
    left = chain.admin.get_all_fixed_ips(instance_id=mine.id)
    assert [one.address for one in left] == [second.address]


# --- waiting ------------------------------------------------------------------------------------


def test_what_is_neither_done_nor_pending_is_waited_for_until_the_deadline_and_no_longer(
    chain: RecordedChain, blue: Network
) -> None:
    """An older release, running beside this one, writes no deadline."""
    mine = kept_back(chain)
    with chain._engine.begin() as tx:
        tx.execute(sa.update(instances).where(instances.c.id == mine.id).values(due=None))
    with pytest.raises(InstanceInTransition):
        chain.manager.instances.allocate(call(seconds=0.2), mine)


# --- late work ----------------------------------------------------------------------------------


def test_late_work_that_somebody_does_cannot_be_dropped(
    chain: RecordedChain, blue: Network
) -> None:
    half_built(chain)
    chain.admin.retry_pending()
    [work] = late_work(chain)
    assert chain.manager._chain.store.tombstones.take(call(), work.id)
    with pytest.raises(InstanceInTransition, match="released"):
        chain.manager.pending.finishing.forget(call(), work)


def test_late_work_that_is_noted_anew_stays_when_the_older_is_done(
    chain: RecordedChain, blue: Network
) -> None:
    mine = half_changed(chain)
    chain.admin.retry_pending()
    [work] = late_work(chain)
    stones = chain.manager._chain.store.tombstones
    older = stones.take(call(), work.id)
    assert older is not None
    chain.manager._chain.store.instance_updates.begin(call(), mine.id, 8)
    with chain._engine.begin() as tx:
        tx.execute(sa.update(instances).where(instances.c.due.is_not(None)).values(due=NOW))
    chain.admin.retry_pending()
    stones.remove(call(), older)
    assert [one.id for one in late_work(chain)] == [work.id]


def test_late_work_is_awaited_of_all_from_whom_something_was_taken_over(
    chain: RecordedChain, blue: Network
) -> None:
    """The second is dead by now, the first, which is this very process, is not."""
    mine = half_changed(chain)
    chain.admin.retry_pending()
    chain.manager._chain.store.instance_updates.begin(call(), mine.id, 8)
    dead = instances.update().where(instances.c.id == mine.id)
    with chain._engine.begin() as tx:
        [worker] = tx.execute(sa.select(instances.c.worker).where(instances.c.id == mine.id)).one()
        tx.execute(dead.values(worker=worker.rpartition(" ")[0] + " 1"))
    chain.admin.retry_pending()
    chain.let_deadlines_pass()
    assert len(chain.admin.retry_pending()) == 1


def test_late_work_on_a_network_that_is_gone_is_done_without_it(
    chain: RecordedChain, blue: Network
) -> None:
    half_built(chain)
    chain.admin.retry_pending()
    for row in chain.table(instances):
        chain.admin.deallocate_for_instance(row["id"])
    chain.admin.delete("blue")
    chain.let_deadlines_pass()
    chain.admin.retry_pending()
    assert [work.error for work in late_work(chain)] == [None]


def test_what_a_late_deletion_takes_of_a_network_that_is_adopted_again_is_given_back(
    chain: RecordedChain,
) -> None:
    uuid = chain.quantum.create_network(call(), PROJECT, "blue", key="k")
    chain.network("10.0.0.0/24", uuid=uuid)
    chain.manager._chain.store.network_deletions.begin(call(), uuid)
    chain.let_deadlines_pass()
    chain.admin.retry_pending()
    again = chain.network("10.0.0.0/24", uuid=uuid)
    chain.ipam.delete_subnets(call(), again)  # as the call that was under way
    chain.let_deadlines_pass()
    chain.admin.retry_pending()
    assert chain.ipam.subnet_ids(call(), uuid) == {again.subnets[0].id}


# --- interrupted --------------------------------------------------------------------------------


def late_writes(chain: RecordedChain) -> None:
    """Leave late work."""
    half_built(chain)
    chain.admin.retry_pending()


@pytest.mark.parametrize(
    ("leave", "step"),
    [
        (kept_back, "quantum.detach_port"),
        (half_changed, "quantum.attach_port"),
        (half_deleted, "quantum.delete_network"),
        (late_writes, "ipam.deallocate"),
    ],
)
def test_what_is_tried_when_ctrl_c_comes_is_free_for_others_at_once(
    chain: RecordedChain, blue: Network, leave: Callable[[RecordedChain], object], step: str
) -> None:
    leave(chain)
    chain.journal.fail(step, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        chain.admin.retry_pending()
    assert {work.worker for work in chain.admin.get_pending()} == {None}
    assert "interrupted" in {work.error for work in chain.admin.get_pending()}
    left = chain.admin.retry_pending()
    assert [work.state for work in left if work.state != "released"] == []


# --- what only an operator can end --------------------------------------------------------------


def half_widened(chain: RecordedChain) -> None:
    """Leave a network whose subnets a process was changing when it was killed."""
    [blue] = chain.admin.get_all()
    chain.manager._chain.store.network_updates.begin(call(), blue.id, 7)
    chain.let_deadlines_pass()


def subnets_in_ipam(chain: RecordedChain) -> list[frozenset[str]]:
    """Return the subnets that IPAM keeps of each network."""
    return [chain.ipam.subnet_ids(call(), row["id"]) for row in chain.table(networks)]


EACH_LEFT = [kept_back, half_changed, half_deleted, half_widened, late_writes]


@pytest.mark.parametrize("leave", EACH_LEFT)
def test_what_another_host_serves_is_let_alone_there_and_finished_by_that_one(
    chain: RecordedChain, blue: Network, leave: Callable[[RecordedChain], object]
) -> None:
    leave(chain)
    before = subnets_in_ipam(chain)
    chain.journal.clear()
    chain.manager.conf.set_override("host", "host-2")
    [work] = [one for one in chain.admin.retry_pending() if one.error]
    assert "host-1" in str(work.error)
    assert not [step for step in chain.journal.steps if step.startswith(("l3", "dhcp"))]
    assert subnets_in_ipam(chain) == before
    chain.manager.conf.set_override("host", "host-1")
    assert [one for one in chain.admin.retry_pending() if one.error] == []


@pytest.mark.parametrize("leave", EACH_LEFT)
def test_what_other_drivers_know_of_waits_with_the_reason_and_can_be_dropped(
    chain: RecordedChain, blue: Network, leave: Callable[[RecordedChain], object]
) -> None:
    leave(chain)
    with chain._engine.begin() as tx:
        tx.execute(sa.update(networks).values(ipam="melange"))
    [work] = [one for one in chain.admin.retry_pending() if one.error]
    assert "melange" in str(work.error)
    chain.admin.drop_pending(work.id)
    assert work.id not in {one.id for one in chain.admin.get_pending()}
