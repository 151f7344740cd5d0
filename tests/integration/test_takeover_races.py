"""Several processes at what one has left: each piece is one's alone, and nobody is disturbed."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from typing import Any

import pytest
import sqlalchemy as sa
from netaddr import IPNetwork
from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.api import NetworkApi
from qplug.errors import InstanceInTransition, NetworkInTransition
from qplug.manager import NetworkSpec
from qplug.manager.pending import Pending
from qplug.model import Instance, Network
from qplug.store import Store
from qplug.store.records import VifRecord, new_epoch
from qplug.store.tables import instances, networks, tombstones
from qplug.testing.chain import instance
from qplug.testing.crash.stage import Stage
from qplug.testing.databases import every_database, on_servers
from qplug.testing.processes import at_once, in_child
from qplug.testing.requirements import require
from qplug.testing.values import call, network, network_spec, vif
from qplug.testing.watching import DriverCall

pytestmark = [
    pytest.mark.integration,
    # Python 3.12 warns of forks beside threads; the children here touch nothing that threads had.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

TAKERS = 6
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HERE = "host-1"


def overdue(store: Store, *tables: sa.Table) -> None:
    """Have everybody's time be over."""

    def work(tx: sa.Connection) -> None:
        for table in tables or (instances, networks, tombstones):
            tx.execute(table.update().where(table.c.due.is_not(None)).values(due=LONG_AGO))

    store.database.write(call(), work)


# --- one row ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """An instance on a network, both active."""

    store: Store
    blue: Network
    mine: Instance


@pytest.fixture
def row(database_url: str) -> Iterator[Row]:
    with closing(Store(database_url, HERE)) as store:
        blue, mine = network("10.0.0.0/24"), instance()
        store.network_creations.reserve(call(), blue, 1)
        store.network_creations.activate(call(), blue, 1)
        planned = VifRecord(vif=vif(blue, instance_id=mine.id), network=blue)
        store.instances.begin(call(), mine, "", [planned.vif], 1)
        store.instances.finish(call(), mine.id, 1, [planned], "[]")
        yield Row(store, blue, mine)


def an_update(row: Row) -> None:
    row.store.instance_updates.begin(call(), row.mine.id, new_epoch())


def a_release(row: Row) -> None:
    row.store.instance_releases.begin(call(), row.mine.id)


def a_change_of_the_network(row: Row) -> None:
    row.store.network_updates.begin(call(), row.blue.id, new_epoch())


def a_deletion(row: Row) -> None:
    row.store.network_creations.reserve(call(), network("10.1.0.0/24", label="red", id=RED), 1)


def late_work(row: Row) -> None:
    an_update(row)
    overdue(row.store)
    row.store.instance_updates.resume(call(), row.mine.id)


RED = "9d1b1a0e-43a4-4a7c-8bb4-0d5bde3b7c11"
TAKE: dict[Callable[[Row], None], Callable[[Store, Row], object]] = {
    an_update: lambda store, row: store.instance_updates.resume(call(), row.mine.id),
    a_release: lambda store, row: store.instance_releases.resume(call(), row.mine.id),
    a_change_of_the_network: lambda store, row: store.network_updates.resume(call(), row.blue.id),
    a_deletion: lambda store, row: store.network_deletions.resume(call(), RED),
    late_work: lambda store, row: store.tombstones.take(call(), store.work.all(call())[0].id),
}


@every_database
@pytest.mark.parametrize("leave", TAKE, ids=lambda leave: leave.__name__)
def test_of_several_processes_that_take_over_one_thing_at_once_one_does(
    row: Row, database_url: str, leave: Callable[[Row], None]
) -> None:
    leave(row)
    overdue(row.store, *[tombstones] if leave is late_work else [])
    alive = get_context("fork").Barrier(TAKERS)

    def take() -> str:
        with closing(Store(database_url, HERE)) as store:
            try:
                taken = TAKE[leave](store, row) is not None
            except (InstanceInTransition, NetworkInTransition):
                taken = False
            alive.wait()  # who is dead may be taken over again
            return "taken" if taken else "refused"

    said = [ended.said for ended in at_once([take] * TAKERS)]
    assert sorted(said) == ["refused"] * (TAKERS - 1) + ["taken"]


def finished(row: Row) -> Callable[[], object]:
    """Leave an instance being built, and return what makes it active."""
    fresh = instance()
    planned = VifRecord(vif=vif(row.blue, instance_id=fresh.id), network=row.blue)
    row.store.instances.begin(call(), fresh, "", [planned.vif], 2)
    return lambda: row.store.instances.finish(call(), fresh.id, 2, [planned], "[]")


def ended(row: Row) -> Callable[[], object]:
    known = row.store.instance_updates.begin(call(), row.mine.id, 2)
    return lambda: row.store.instance_updates.end(call(), known)


def activated(row: Row) -> Callable[[], object]:
    red = network("10.1.0.0/24", label="red")
    row.store.network_creations.reserve(call(), red, 2)
    return lambda: row.store.network_creations.activate(call(), red, 2)


def changed(row: Row) -> Callable[[], object]:
    row.store.network_updates.begin(call(), row.blue.id, 2)
    return lambda: row.store.network_updates.cancel(call(), row.blue.id, 2)


@on_servers
@pytest.mark.parametrize(
    ("begin", "take"),
    [
        (finished, lambda store, key: store.instance_releases.resume(call(), key)),
        (ended, lambda store, key: store.instance_updates.resume(call(), key)),
        (activated, lambda store, key: store.network_deletions.resume(call(), key)),
        (changed, lambda store, key: store.network_updates.resume(call(), key)),
    ],
)
def test_what_ends_just_as_it_is_taken_over_has_ended(
    row: Row,
    database_url: str,
    begin: Callable[[Row], Callable[[], object]],
    take: Callable[[Store, str], object],
) -> None:
    """Its worker is late, and writes between the look of another one at it and its own write."""
    ends = [begin(row)]
    overdue(row.store)
    [work] = row.store.work.all(call())
    with closing(Store(database_url, HERE)) as other:

        @sa.event.listens_for(other.database.engine, "before_cursor_execute")
        def before(_: object, __: object, statement: str, *___: object) -> None:
            if statement.startswith("UPDATE") and ends:
                ends.pop()()

        with pytest.raises((InstanceInTransition, NetworkInTransition)):
            take(other, work.id)
    assert row.store.work.all(call()) == []


# --- all there is -------------------------------------------------------------------------------

LEFT, RETRYING, USING = 8, 4, 2


@pytest.fixture
def stage(conf: ConfigOpts) -> Iterator[Stage]:
    nova = "nova" in loader.installed(loader.IPAM)
    require(nova, "no ipam driver 'nova' is installed; run make")
    with closing(Stage(conf, {})) as stage:
        yield stage


def killed(stage: Stage, step: str, act: Callable[[NetworkApi], object]) -> None:
    """Do something in a process that is killed when it has taken a step."""

    def strike(made: DriverCall, work: Callable[[], Any]) -> Any:
        answer = work()
        if made.step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def work() -> None:
        pytest.MonkeyPatch().setattr(Pending, "look", lambda *_: None)  # at what is left by now
        with stage.opened(strike) as opened:
            act(opened.api)

    assert in_child(work).status == -signal.SIGKILL


def leave_behind(stage: Stage, there: Sequence[Instance]) -> None:
    """Have processes killed in the middle of everything."""
    one, other = there
    for number in range(3):
        red = NetworkSpec(label=f"red-{number}", cidrs=(IPNetwork(f"10.{number}.0.0/24"),))
        killed(stage, "ipam.create_subnets", partial(NetworkApi.create, spec=red))
        killed(stage, "quantum.attach_port", lambda api: api.allocate_for_instance(instance()))
    killed(stage, "dhcp.apply", lambda api: api.add_fixed_ip_to_instance(one.id, "blue"))
    killed(stage, "ipam.deallocate", lambda api: api.deallocate_for_instance(other.id))


@every_database
def test_what_is_left_is_finished_by_many_at_once_and_others_work_meanwhile(stage: Stage) -> None:
    there = [instance(), instance()]
    with stage.opened() as opened:
        opened.api.create(network_spec("10.9.0.0/24"))
        for each in there:
            opened.api.allocate_for_instance(each)
        before = len(list(opened.api.get_all_fixed_ips()))
    leave_behind(stage, there)
    with stage.opened() as opened:
        assert len(opened.api.get_pending()) == LEFT

    def retry() -> None:
        with stage.opened() as opened:
            opened.api.retry_pending()

    def use() -> None:
        with stage.opened() as opened:
            for mine in [instance() for _ in range(5)]:
                opened.api.allocate_for_instance(mine)
                assert opened.api.deallocate_for_instance(mine.id) == []

    ends = at_once([retry] * RETRYING + [use] * USING)
    assert [end for end in ends if end.status] == []
    late_work_is_due(stage)
    with stage.opened() as opened:
        assert opened.api.retry_pending() == []
        assert list(opened.api.audit()) == []
        assert len(list(opened.api.get_all_fixed_ips())) == before - 1


def late_work_is_due(stage: Stage) -> None:
    """Let the minute pass that it is waited for."""
    due = tombstones.update().values(due=LONG_AGO)
    stage.tables.write(call(), lambda tx: tx.execute(due))


THREADS = 6


@every_database
def test_threads_of_one_process_take_turns_at_an_instance(stage: Stage) -> None:
    """None of them takes what another one works on for abandoned."""
    mine = instance()
    with stage.opened() as opened:
        opened.api.create(network_spec("10.9.0.0/24"))
        opened.api.allocate_for_instance(mine)
        add = partial(opened.api.add_fixed_ip_to_instance, mine.id, "blue")
        with ThreadPoolExecutor(THREADS) as pool:
            added = [future.result() for future in [pool.submit(add) for _ in range(THREADS)]]
        shown = {one.address for one in opened.api.get_all_fixed_ips(instance_id=mine.id)}
        assert len(shown) == THREADS + 1
        assert shown.issuperset(added)
        assert list(opened.api.audit()) == []
