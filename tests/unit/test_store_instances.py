"""Records of instances: the states between two commands, and who may leave them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
from netaddr import IPAddress

from qplug.errors import (
    FixedIpAlreadyInUse,
    InstanceInTransition,
    InstanceNotFound,
    MacInUse,
    NetworkNotFound,
)
from qplug.model import Allocation, Instance, Network
from qplug.store import Store, VifRecord
from qplug.store.records import new_epoch
from qplug.store.tables import instances
from qplug.testing.chain import instance
from qplug.testing.databases import every_database
from qplug.testing.values import NOW, call, network, vif

pytestmark = every_database

EPOCH = 7


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url, "host-1")
    yield store
    store.close()


@pytest.fixture
def blue(store: Store) -> Network:
    return kept(store, "blue")


def kept(store: Store, label: str) -> Network:
    """Return an active network, recorded."""
    made = network(f"10.{len(store.networks.all(call()))}.0.0/24", label=label)
    store.network_creations.reserve(call(), made, EPOCH)
    store.network_creations.activate(call(), made, EPOCH)
    return made


def planned(mine: Instance, *networks: Network) -> Sequence[VifRecord]:
    return [VifRecord(vif=vif(each, instance_id=mine.id), network=each) for each in networks]


def begun(store: Store, mine: Instance, *networks: Network) -> Sequence[VifRecord]:
    records = planned(mine, *networks)
    assert store.instances.begin(call(), mine, "request", [record.vif for record in records], EPOCH)
    return records


def given(record: VifRecord, *addresses: str) -> VifRecord:
    (subnet,) = record.network.subnets
    return replace(
        record,
        port_id=str(uuid4()),
        allocations=tuple(
            Allocation(vif_id=record.vif.id, subnet_id=subnet.id, address=IPAddress(address))
            for address in addresses
        ),
    )


def overdue(store: Store) -> None:
    """Let the deadline of every worker pass."""
    store.database.write(call(), lambda tx: tx.execute(instances.update().values(due=NOW)))


def active(store: Store, blue: Network, *addresses: str) -> Instance:
    """Return an instance with one vif, recorded."""
    mine = instance()
    (record,) = begun(store, mine, blue)
    store.instances.finish(call(), mine.id, EPOCH, [given(record, *addresses)], "[]")
    return mine


def state_of(store: Store, mine: Instance) -> str | None:
    record = store.instances.get(call(), mine.id)
    return None if record is None else record.state


# --- building -----------------------------------------------------------------------------------


def test_what_was_finished_is_found_again_as_it_was_written(store: Store, blue: Network) -> None:
    green, mine = kept(store, "green"), instance(name="web", zone="east", host="h", rxtx_factor=2.5)
    first, second = begun(store, mine, green, blue)
    built = [given(first, "10.1.0.9", "10.1.0.5"), given(second, "10.0.0.2")]
    store.instances.finish(call(), mine.id, EPOCH, built, "[1]")
    found = store.instances.get(call(), mine.id)
    assert found is not None
    assert (found.instance, found.state, found.network_info) == (mine, "active", "[1]")
    assert [record.network.label for record in found.vifs] == ["green", "blue"]
    assert [str(a.address) for record in found.vifs for a in record.allocations] == [
        "10.1.0.5",
        "10.1.0.9",
        "10.0.0.2",
    ]
    assert [record.port_id for record in found.vifs] == [record.port_id for record in built]


def test_an_instance_is_begun_once(store: Store, blue: Network) -> None:
    mine = instance()
    (record,) = begun(store, mine, blue)
    other = [each.vif for each in planned(mine, blue)]
    assert not store.instances.begin(call(), mine, "another", other, EPOCH)
    found = store.instances.get(call(), mine.id)
    assert found is not None
    assert (found.request, [each.vif for each in found.vifs]) == ("request", [record.vif])


def test_a_taken_mac_is_refused_with_the_whole_instance(store: Store, blue: Network) -> None:
    other, mine = instance(), instance()
    (taken,) = begun(store, other, blue)
    store.instances.finish(call(), other.id, EPOCH, [given(taken, "10.0.0.2")], "[]")
    first, second = (record.vif for record in planned(mine, blue, blue))
    both = [first, replace(second, mac=taken.vif.mac)]
    with pytest.raises(MacInUse):
        store.instances.begin(call(), mine, "", both, EPOCH)
    assert state_of(store, mine) is None
    begun(store, mine, blue)
    with pytest.raises(MacInUse):
        store.instances.set_mac(call(), replace(first, mac=taken.vif.mac, id=_vif(store, mine)))


def _vif(store: Store, mine: Instance) -> str:
    record = store.instances.get(call(), mine.id)
    assert record is not None
    return record.vifs[0].vif.id


def test_a_network_that_goes_away_is_named_and_nothing_is_begun(
    store: Store, blue: Network
) -> None:
    green, mine = kept(store, "green"), instance()
    store.network_deletions.begin(call(), green.id)
    with pytest.raises(NetworkNotFound) as raised:
        begun(store, mine, blue, green, green)
    assert raised.value.network == green.id
    assert state_of(store, mine) is None


def test_an_address_that_another_vif_has_cannot_be_finished_with(
    store: Store, blue: Network
) -> None:
    active(store, blue, "10.0.0.2")
    mine = instance()
    (record,) = begun(store, mine, blue)
    with pytest.raises(FixedIpAlreadyInUse, match=r"10.0.0.2"):
        store.instances.finish(call(), mine.id, EPOCH, [given(record, "10.0.0.2")], "[]")
    assert state_of(store, mine) == "building"


def test_an_abandoned_instance_is_forgotten_when_it_is_clean(store: Store, blue: Network) -> None:
    mine = instance()
    begun(store, mine, blue, blue)
    store.instances.abandon(call(), mine.id, EPOCH, None)
    assert state_of(store, mine) is None
    begun(store, mine, blue)


def test_an_abandoned_instance_is_hidden_when_something_is_left(
    store: Store, blue: Network
) -> None:
    mine = instance()
    begun(store, mine, blue)
    store.instances.abandon(call(), mine.id, EPOCH, "it is away")
    assert state_of(store, mine) == "deleting"
    known = store.instance_releases.begin(call(), mine.id)
    assert known is not None
    store.instance_releases.forget(call(), known, [], "")
    assert state_of(store, mine) is None


def test_what_was_finished_without_the_answer_arriving_can_be_abandoned(
    store: Store, blue: Network
) -> None:
    mine = instance()
    (record,) = begun(store, mine, blue)
    store.instances.finish(call(), mine.id, EPOCH, [given(record, "10.0.0.2")], "[]")
    store.instances.abandon(call(), mine.id, EPOCH, None)
    assert state_of(store, mine) is None
    assert list(store.search.fixed_ips(call())) == []


def test_what_another_command_took_up_is_neither_finished_nor_abandoned(
    store: Store, blue: Network
) -> None:
    mine = active(store, blue, "10.0.0.2")
    store.instance_releases.begin(call(), mine.id)
    with pytest.raises(InstanceInTransition):
        store.instances.finish(call(), mine.id, EPOCH, [], "[]")
    known = store.instances.get(call(), mine.id)
    store.instances.abandon(call(), mine.id, EPOCH, None)
    assert store.instances.get(call(), mine.id) == known


def test_who_lost_an_instance_that_is_gone_by_now_hears_so_at_once(
    store: Store, blue: Network
) -> None:
    mine = instance()
    (record,) = begun(store, mine, blue)
    overdue(store)
    leaving = store.instance_releases.begin(call(), mine.id)
    assert leaving is not None
    store.instance_releases.forget(call(), leaving, (), "")
    with pytest.raises(InstanceInTransition):
        store.instances.finish(call(0.2), mine.id, EPOCH, [given(record, "10.0.0.2")], "[]")


# --- changing -----------------------------------------------------------------------------------


def test_one_command_at_a_time_changes_an_instance(store: Store, blue: Network) -> None:
    mine = active(store, blue, "10.0.0.2")
    known = store.instance_updates.begin(call(), mine.id, new_epoch())
    refused: list[Callable[[], object]] = [
        lambda: store.instance_updates.begin(call(), mine.id, new_epoch()),
        lambda: store.instance_releases.begin(call(), mine.id),
    ]
    for act in refused:
        with pytest.raises(InstanceInTransition) as raised:
            act()
        assert raised.value.state == "updating"
    store.instance_updates.end(call(), known)
    assert state_of(store, mine) == "active"


def test_a_change_adds_and_removes_addresses_and_keeps_the_rest(
    store: Store, blue: Network
) -> None:
    mine = active(store, blue, "10.0.0.2", "10.0.0.3")
    known = store.instance_updates.begin(call(), mine.id, new_epoch())
    (record,) = known.vifs
    added, gone = given(record, "10.0.0.9"), record.allocations[0]
    store.instance_updates.end(call(), known, added=[added], removed=[gone], network_info="[2]")
    found = store.instances.get(call(), mine.id)
    assert found is not None
    assert found.network_info == "[2]"
    assert [str(a.address) for a in found.vifs[0].allocations] == ["10.0.0.3", "10.0.0.9"]


def test_an_update_that_lost_its_instance_changes_nothing(store: Store, blue: Network) -> None:
    mine = active(store, blue, "10.0.0.2")
    known = store.instance_updates.begin(call(), mine.id, new_epoch())
    stale = replace(known, epoch=known.epoch - 1)
    with pytest.raises(InstanceInTransition):
        store.instance_updates.end(call(), stale, removed=known.vifs[0].allocations)
    assert len(list(store.search.fixed_ips(call()))) == 1
    assert state_of(store, mine) == "updating"


def test_info_is_cached_only_for_what_has_not_changed_since(store: Store, blue: Network) -> None:
    mine = active(store, blue, "10.0.0.2")
    before = store.instances.get(call(), mine.id)
    assert before is not None
    store.instances.cache_info(call(), before, "[1]")
    store.instance_updates.end(call(), store.instance_updates.begin(call(), mine.id, new_epoch()))
    store.instances.cache_info(call(), before, "[2]")
    after = store.instances.get(call(), mine.id)
    assert after is not None
    assert after.network_info == "[1]"


def test_what_is_not_there_or_being_deleted_cannot_be_changed(store: Store, blue: Network) -> None:
    mine = active(store, blue, "10.0.0.2")
    store.instance_releases.begin(call(), mine.id)
    for each in (mine, instance()):
        with pytest.raises(InstanceNotFound):
            store.instance_updates.begin(call(), each.id, new_epoch())


# --- deleting -----------------------------------------------------------------------------------


def test_forgetting_keeps_what_is_left_and_frees_what_was_given_back(
    store: Store, blue: Network
) -> None:
    mine = instance()
    records = [
        given(record, f"10.0.0.{number}")
        for number, record in enumerate(begun(store, mine, blue, blue, blue), start=2)
    ]
    store.instances.finish(call(), mine.id, EPOCH, records, "[]")
    known = store.instance_releases.begin(call(), mine.id)
    assert known is not None
    gone, held, macs_own = known.vifs
    left_over = [held, replace(macs_own, allocations=())]
    store.instance_releases.forget(call(), known, left_over, "it is away")
    left = store.instances.get(call(), mine.id)
    assert left is not None
    assert [record.vif.id for record in left.vifs] == [held.vif.id, macs_own.vif.id]
    assert [record.allocations for record in left.vifs] == [held.allocations, ()]
    assert store.search.held(call(), [blue.id]) == {blue.subnets[0].id: 1}
    assert gone.vif.id not in [record.vif.id for record in left.vifs]


def test_a_late_deallocation_does_not_disturb_what_comes_after_the_one_that_took_over(
    store: Store, blue: Network
) -> None:
    mine = active(store, blue, "10.0.0.2")
    first = store.instance_releases.begin(call(), mine.id)
    assert first is not None
    with pytest.raises(InstanceInTransition):
        store.instance_releases.begin(call(), mine.id)
    overdue(store)
    second = store.instance_releases.begin(call(), mine.id)
    assert second is not None
    store.instance_releases.forget(call(), second, [], "")
    assert state_of(store, mine) is None
    begun(store, mine)  # anew, without any network
    store.instance_releases.forget(call(), first, [], "")
    assert state_of(store, mine) == "building"


def test_deleting_what_is_not_there_finds_nothing(store: Store) -> None:
    assert store.instance_releases.begin(call(), instance().id) is None
