"""A server that ends connections, at every statement and commit of every operation."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import sqlalchemy as sa
from agreement import Agreement, agreement
from moments import Moments, killer, moments
from netaddr import IPAddress

from qplug import loader
from qplug.api import NetworkApi
from qplug.errors import NetworkNotFound, Unavailable
from qplug.model import Instance
from qplug.testing.chain import instance
from qplug.testing.databases import on_servers
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.requirements import require
from qplug.testing.values import network_spec

pytestmark = [pytest.mark.integration, on_servers]

GREEN = network_spec("10.5.0.0/24", "fd05::/64", label="green")
ADDED = IPAddress("10.0.0.77")


@pytest.fixture
def api(make_manager: MakeManager, api_of: ApiOf) -> NetworkApi:
    """Return the operations of a manager all of whose drivers use the database."""
    nova = "nova" in loader.installed(loader.IPAM)
    require(nova, "no ipam driver 'nova' is installed; run make")
    api = api_of(make_manager(ipam="nova", quantum="local"))
    api.create(network_spec("10.0.0.0/24", "fd00::/64"))
    api.allocate_for_instance(instance())
    return api


@pytest.fixture
def records(api: NetworkApi, database_url: str) -> Iterator[Agreement]:
    with agreement(api, database_url) as records:
        yield records


@pytest.fixture
def kills(records: Agreement, database_url: str) -> Iterator[Moments]:
    with killer(sa.make_url(database_url)) as kill, moments(kill) as kills:
        yield kills


@pytest.fixture
def mine(api: NetworkApi) -> Instance:
    """Return an instance with a vif."""
    mine = instance()
    api.allocate_for_instance(mine)
    return mine


def test_an_allocation_is_done_or_leaves_nothing(
    api: NetworkApi, records: Agreement, kills: Moments
) -> None:
    before, mine = records.holdings(), instance()
    for outcome in kills.each_of(lambda: api.allocate_for_instance(mine)):
        assert (records.holdings() == before) == isinstance(outcome, Unavailable)
        api.allocate_for_instance(mine)
        assert len(records.holdings()) == len(before) + 4
        assert not api.deallocate_for_instance(mine.id)
        assert records.holdings() == before


def test_a_deallocation_is_done_or_completed_by_the_next_one(
    api: NetworkApi, records: Agreement, kills: Moments
) -> None:
    before, mine = records.holdings(), instance()
    api.allocate_for_instance(mine)
    for outcome in kills.each_of(lambda: api.deallocate_for_instance(mine.id)):
        if outcome:  # an error, or vifs of which something is left
            assert not api.deallocate_for_instance(mine.id)
        assert records.holdings() == before
        api.allocate_for_instance(mine)


def test_a_network_is_created_or_leaves_nothing(
    api: NetworkApi, records: Agreement, kills: Moments
) -> None:
    before = records.holdings()
    for outcome in kills.each_of(lambda: api.create(GREEN)):
        if isinstance(outcome, Unavailable):
            assert records.holdings() == before
            api.create(GREEN)
        assert len(records.holdings()) == len(before) + 3
        api.delete("green")
        assert records.holdings() == before


def test_a_network_is_deleted_or_stays_or_is_deleted_by_the_next_one(
    api: NetworkApi, records: Agreement, kills: Moments
) -> None:
    before = records.holdings()
    api.create(GREEN)
    for outcome in kills.each_of(lambda: api.delete("green")):
        if isinstance(outcome, Unavailable):
            with suppress(NetworkNotFound):  # the answer that was lost was the last one
                api.delete("green")
        assert records.holdings() == before
        api.create(GREEN)


def test_an_added_address_is_there_or_nowhere(
    api: NetworkApi, records: Agreement, kills: Moments, mine: Instance
) -> None:
    def add() -> None:
        api.add_fixed_ip_to_instance(mine.id, "blue", address=ADDED)

    before = records.holdings()
    for outcome in kills.each_of(add):
        if isinstance(outcome, Unavailable):
            assert records.holdings() == before
            add()
        assert len(records.holdings()) == len(before) + 1
        api.remove_fixed_ip_from_instance(mine.id, ADDED)
        assert records.holdings() == before


def test_a_removed_address_is_gone_or_still_there(
    api: NetworkApi, records: Agreement, kills: Moments, mine: Instance
) -> None:
    def remove() -> None:
        api.remove_fixed_ip_from_instance(mine.id, ADDED)

    before = records.holdings()
    api.add_fixed_ip_to_instance(mine.id, "blue", address=ADDED)
    for outcome in kills.each_of(remove):
        if isinstance(outcome, Unavailable):
            assert len(records.holdings()) == len(before) + 1
            remove()
        assert records.holdings() == before
        api.add_fixed_ip_to_instance(mine.id, "blue", address=ADDED)
