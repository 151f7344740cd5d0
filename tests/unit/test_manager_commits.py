"""Every commit of every operation, done without its caller hearing of it: interrupted, or lost."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from netaddr import IPAddress, IPNetwork
from sqlalchemy.engine.default import DefaultDialect

from qplug.errors import DatabaseUnavailable, FixedIpNotFoundForAddress, NetworkNotFound
from qplug.manager import SubnetChanges
from qplug.store.tables import instances, networks, subnets
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.databases import every_database
from qplug.testing.values import call, network_spec

ADDRESS = IPAddress("10.0.0.77")
GREEN = network_spec("10.5.0.0/24", label="green")

pytestmark = [
    every_database,
    pytest.mark.parametrize(
        "unheard",
        [KeyboardInterrupt(), DatabaseUnavailable("it", "the connection broke")],
        ids=["interrupted", "lost"],
    ),
]


class Commits:
    """Does all commits, and raises as one of them returns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._before_it = -1
        self._unheard: BaseException | None = None
        monkeypatch.setattr(DefaultDialect, "do_commit", lambda _, c: self._commit(c))

    def _commit(self, connection: Any) -> None:
        connection.commit()
        self._before_it -= 1
        if self._before_it < 0 and self._unheard is not None:
            unheard, self._unheard = self._unheard, None
            raise unheard

    def each_of(self, act: Callable[[], object], unheard: BaseException) -> Iterator[bool]:
        """Do something with each of its commits unheard in turn; say whether it succeeded."""
        for number in range(100):
            self._before_it, self._unheard = number, unheard
            try:
                act()
                succeeded = True
            except type(unheard) as raised:
                assert raised is unheard  # noqa: PT017  # success is as good, where it is one
                succeeded = False
            if self._unheard is not None:
                self._unheard = None
                assert succeeded
                assert number > 1
                return
            yield succeeded
        raise AssertionError("there is no end of commits")


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(monkeypatch)


@pytest.fixture
def chain(chain: RecordedChain) -> RecordedChain:
    """Return a chain with a network and an instance, so that gateway and tables are there."""
    chain.network("10.0.0.0/24", "fd00::/64")
    chain.admin.allocate_for_instance(instance())
    return chain


def all_of(chain: RecordedChain) -> Any:
    return chain.holdings(), chain.table(networks), chain.table(subnets)


def test_an_allocation_unheard_of_leaves_nothing(
    chain: RecordedChain, commits: Commits, unheard: BaseException
) -> None:
    mine, before = instance(), all_of(chain)
    for succeeded in commits.each_of(lambda: chain.admin.allocate_for_instance(mine), unheard):
        assert not succeeded
        assert all_of(chain) == before


def test_an_allocation_without_networks_leaves_nothing_either(
    chain: RecordedChain, commits: Commits, unheard: BaseException
) -> None:
    mine, before = instance(project_id="without"), all_of(chain)
    for succeeded in commits.each_of(lambda: chain.admin.allocate_for_instance(mine), unheard):
        assert not succeeded
        assert all_of(chain) == before


def test_a_deallocation_unheard_of_is_completed_by_the_next_one(
    chain: RecordedChain, commits: Commits, unheard: BaseException
) -> None:
    before = all_of(chain)
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    for _ in commits.each_of(lambda: chain.admin.deallocate_for_instance(mine.id), unheard):
        assert {row["state"] for row in chain.table(instances)} <= {"active", "deleting"}
        assert not chain.admin.deallocate_for_instance(mine.id)
        assert all_of(chain) == before
        chain.admin.allocate_for_instance(mine)


def test_a_creation_unheard_of_leaves_nothing(
    chain: RecordedChain, commits: Commits, unheard: BaseException
) -> None:
    before = all_of(chain)
    for succeeded in commits.each_of(lambda: chain.admin.create(GREEN), unheard):
        assert not succeeded
        assert all_of(chain) == before


def test_a_change_of_subnets_unheard_of_is_undone_or_stands_everywhere(
    chain: RecordedChain, commits: Commits, unheard: BaseException
) -> None:
    before, [blue] = all_of(chain), chain.admin.get_all()
    wider = SubnetChanges(cidrs=(IPNetwork("10.0.1.0/24"),))
    for succeeded in commits.each_of(lambda: chain.admin.update("blue", wider), unheard):
        stands = len(chain.admin.get("blue").subnets) == 3
        assert stands or not succeeded
        assert stands == (len(chain.ipam.subnet_ids(call(), blue.id)) == 3)
        assert {row["state"] for row in chain.table(networks)} == {"active"}
        if stands:
            break
        assert all_of(chain) == before
    assert stands


def test_a_deletion_unheard_of_is_cancelled_or_completed_by_the_next_one(
    chain: RecordedChain, commits: Commits, unheard: BaseException
) -> None:
    before, green = all_of(chain), chain.admin.create(GREEN)
    for _ in commits.each_of(lambda: chain.admin.delete("green"), unheard):
        untouched = list(chain.ipam.subnet_ids(call(), green.id))
        assert not untouched or green in chain.admin.get_all()
        with suppress(NetworkNotFound):  # it is gone when it was the last commit
            chain.admin.delete(green.id)
        assert all_of(chain) == before
        green = chain.admin.create(GREEN)


def test_an_added_address_unheard_of_is_taken_back_or_stays_everywhere(
    chain: RecordedChain, commits: Commits, unheard: BaseException
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    without = all_of(chain)

    def add() -> None:
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=ADDRESS)

    for succeeded in commits.each_of(add, unheard):
        assert not succeeded or has_address(chain)
        if has_address(chain):
            chain.admin.remove_fixed_ip_from_instance(mine.id, ADDRESS)
        assert all_of(chain) == without
    assert has_address(chain)


def test_a_removed_address_unheard_of_is_given_back_or_gone_everywhere(
    chain: RecordedChain, commits: Commits, unheard: BaseException
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    without = all_of(chain)

    def remove() -> None:
        chain.admin.remove_fixed_ip_from_instance(mine.id, ADDRESS)

    chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=ADDRESS)
    for succeeded in commits.each_of(remove, unheard):
        assert not succeeded or not has_address(chain)
        if not has_address(chain):
            assert all_of(chain) == without
            chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=ADDRESS)
        assert {row["state"] for row in chain.table(instances)} == {"active"}
    assert all_of(chain) == without


def has_address(chain: RecordedChain) -> bool:
    """Say so of the store, and see that IPAM and DHCP say the same."""
    hosts = [host for served in chain.dhcp.served.values() for host in served.values()]
    places = [
        ADDRESS in [allocation.address for allocation in chain.holdings()["addresses"]],
        ADDRESS in [address for host in hosts for address in host.addresses],
    ]
    try:
        chain.admin.get_fixed_ip_by_address(ADDRESS)
        places.append(True)
    except FixedIpNotFoundForAddress:
        places.append(False)
    assert len(set(places)) == 1
    return places[0]
