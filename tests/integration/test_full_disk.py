"""SQLite on a disk that is full, or becomes so at any moment of an operation."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
from agreement import Agreement, agreement
from disks import Disk, small_disk
from moments import moments

from qplug import loader
from qplug.api import NetworkApi
from qplug.db.sqlite import ROOM
from qplug.errors import DatabaseUnavailable, NetworkNotFound, Unavailable
from qplug.model import Instance
from qplug.testing.chain import instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.requirements import require
from qplug.testing.values import network_spec

pytestmark = pytest.mark.integration

GREEN = network_spec("10.5.0.0/24", "fd05::/64", label="green")
MAKE_ROOM = r"the disk is (all but )?full.*make room"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", size=4 * ROOM) as disk:
        yield disk


@pytest.fixture
def database_url(disk: Disk) -> str:
    return f"sqlite:///{disk.path}/qplug.sqlite"


@pytest.fixture
def api(make_manager: MakeManager, api_of: ApiOf) -> NetworkApi:
    """Return the operations of a manager all of whose drivers use the database."""
    nova = "nova" in loader.installed(loader.IPAM)
    require(nova, "no ipam driver 'nova' is installed; run make")
    api = api_of(make_manager(ipam="nova", quantum="local"))
    api.create(network_spec("10.0.0.0/24", "fd00::/64"))
    return api


@pytest.fixture
def mine(api: NetworkApi) -> Instance:
    """Return an instance with a vif."""
    mine = instance()
    api.allocate_for_instance(mine)
    return mine


@pytest.fixture
def records(api: NetworkApi, database_url: str) -> Iterator[Agreement]:
    with agreement(api, database_url) as records:
        yield records


def test_instances_are_allocated_whole_until_the_disk_is_all_but_full(
    api: NetworkApi, records: Agreement, disk: Disk
) -> None:
    disk.fill(leaving=ROOM + (1 << 19))
    given: list[Instance] = []

    def allocate_more() -> NoReturn:
        while True:
            more = instance()
            api.allocate_for_instance(more)
            given.append(more)

    with pytest.raises(DatabaseUnavailable, match=MAKE_ROOM):
        allocate_more()
    assert {each.id for each in api.get_all_instances()} == {each.id for each in given} != set()
    full = records.holdings()
    assert not api.deallocate_for_instance(given[0].id)
    assert len(records.holdings()) < len(full)
    disk.clear()
    api.allocate_for_instance(instance())
    assert len(records.holdings()) == len(full)


def test_without_a_byte_left_all_is_refused_but_reading(
    api: NetworkApi, records: Agreement, disk: Disk, mine: Instance
) -> None:
    api.create(GREEN)
    before = records.holdings()
    first = next(api.get_all_fixed_ips(instance_id=mine.id)).address
    operations: Sequence[Callable[[], object]] = [
        lambda: api.create(network_spec("10.6.0.0/24", label="red")),
        lambda: api.update("blue", priority=5),
        lambda: api.delete("green"),
        lambda: api.allocate_for_instance(instance()),
        lambda: api.add_fixed_ip_to_instance(mine.id, "blue"),
        lambda: api.remove_fixed_ip_from_instance(mine.id, first),
        lambda: api.deallocate_for_instance(mine.id),
    ]
    disk.fill()
    for operate in operations:
        with pytest.raises(DatabaseUnavailable, match=MAKE_ROOM):
            operate()
        assert records.holdings() == before
    disk.clear()
    for operate in operations:
        operate()


def test_a_deallocation_goes_on_when_there_is_room(
    api: NetworkApi, records: Agreement, disk: Disk
) -> None:
    before, mine = records.holdings(), instance()
    api.allocate_for_instance(mine)
    with moments(lambda _: disk.fill()) as fills:
        for _ in fills.each_of(lambda: api.deallocate_for_instance(mine.id)):
            disk.clear()
            assert not api.deallocate_for_instance(mine.id)
            assert records.holdings() == before
            api.allocate_for_instance(mine)


def test_a_deletion_of_a_network_goes_on_when_there_is_room(
    api: NetworkApi, records: Agreement, disk: Disk
) -> None:
    before = records.holdings()
    api.create(GREEN)
    with moments(lambda _: disk.fill()) as fills:
        for outcome in fills.each_of(lambda: api.delete("green")):
            disk.clear()
            if isinstance(outcome, Unavailable):
                with suppress(NetworkNotFound):  # a look for pending work was faster
                    api.delete("green")
            assert records.holdings() == before
            api.create(GREEN)


def test_an_allocation_that_found_no_room_to_be_taken_back_is_by_whoever_comes_next(
    api: NetworkApi, records: Agreement, disk: Disk
) -> None:
    before, mine = records.holdings(), instance()
    with moments(lambda _: disk.fill()) as fills:
        for _ in fills.each_of(lambda: api.allocate_for_instance(mine)):
            disk.clear()
            api.deallocate_for_instance(mine.id)
            assert records.holdings() == before
