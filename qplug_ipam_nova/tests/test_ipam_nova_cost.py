"""What the driver nova costs: statements, and the steps SQLite takes for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Engine

from qplug.model import Network, Subnet
from qplug.testing.clock import counted_statements
from qplug.testing.databases import every_database
from qplug.testing.ipam.asking import fill, give, held, kept
from qplug.testing.values import NOW, call, lease, network, subnet, vif
from qplug_ipam_nova.driver import NovaIpam
from qplug_ipam_nova.tables import addresses, free

only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])  # it alone tells its steps


@every_database
class TestStatements:
    """How many an operation sends depends on nothing but the operation."""

    @pytest.mark.parametrize("cidr", ["10.0.0.0/24", "10.0.0.0/8", "fd00::/64", "fd00::/96"])
    def test_r74_an_address_is_given_in_three_at_most_and_taken_back_in_one(
        self, driver: NovaIpam, cidr: str
    ) -> None:
        assert_cost_of_one(driver, kept(driver, cidr))

    def test_r74_it_is_the_same_with_60000_addresses_in_use(
        self, driver: NovaIpam, database_url: str
    ) -> None:
        net = kept(driver, "10.0.0.0/16")
        in_use(database_url, net, 60_000)
        assert_cost_of_one(driver, net)
        assert sent(lambda: driver.usage(call(), [net.id])) == 1

    def test_r74_it_is_the_same_with_1000_fragments(self, driver: NovaIpam) -> None:
        assert_cost_of_one(driver, kept(driver, fragments(1000)))

    def test_r74_a_released_address_is_given_in_two(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/29")
        driver.deallocate(call(), net, fill(driver, net, 5)[2])
        assert sent(lambda: give(driver, net)) == 2

    def test_a_wanted_address_inside_an_interval_takes_one_more_to_split_it(
        self, driver: NovaIpam
    ) -> None:
        net = kept(driver, "10.0.0.0/24")
        assert sent(lambda: give(driver, net, vif(net), "10.0.0.9")) == 4

    def test_600_subnets_are_asked_for_in_parts(self, driver: NovaIpam) -> None:
        cidrs = [f"10.{n // 256}.{n % 256}.0/24" for n in range(600)]
        net = kept(driver, *cidrs)
        assert len(set(give(driver, net))) == 600
        assert len(set(give(driver, net, vif(net), "10.1.0.9", "10.2.0.9"))) == 600

    def test_a_second_stack_adds_none_when_it_is_derived(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24", "fd00::/64")
        assert sent(lambda: give(driver, net)) == 3

    def test_allocating_again_only_asks(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24", "fd00::/64")
        [owner] = fill(driver, net, 1)
        assert sent(lambda: give(driver, net, owner)) == 1

    def test_keeping_a_8_writes_what_a_24_writes(self, driver: NovaIpam) -> None:
        driver.check(call())
        for cidr in ("10.0.0.0/24", "10.0.0.0/8", "fd00::/64"):
            net = network(cidr)
            assert sent(lambda net=net: driver.create_subnets(call(), net)) == 3  # type: ignore[misc]  # mypy infers no lambda with a default

    def test_usage_of_any_number_of_networks_is_one(self, driver: NovaIpam) -> None:
        ids = [kept(driver, "10.0.0.0/24").id for _ in range(20)]
        strangers = [str(uuid4()) for _ in range(40_000)]
        assert sent(lambda: driver.usage(call(), ids[:1])) == 1
        assert sent(lambda: driver.usage(call(), ids)) == 1
        assert sent(lambda: driver.usage(call(), ids + strangers)) == 1


@every_database
class TestListing:
    """Allocations are read by pages of 1000."""

    def test_r74_a_page_is_one_statement_and_the_order_is_kept_across_pages(
        self, driver: NovaIpam, database_url: str
    ) -> None:
        nets = [kept(driver, "10.0.0.0/16") for _ in range(2)]
        for net in nets:
            in_use(database_url, net, 2500)
        for network_id, found, sent in ((nets[0].id, 2500, 1 + 3), (None, 5000, 6)):
            with counted_statements() as statements:
                listed = list(driver.allocations(call(), network_id=network_id))
            keys = [(one.subnet_id, one.address) for one in listed]
            assert keys == sorted(set(keys))
            assert (len(keys), len(statements), statements.transactions) == (found, sent, sent)

    def test_a_listing_keeps_no_one_from_writing(self, driver: NovaIpam, database_url: str) -> None:
        net = kept(driver, "10.0.0.0/16")
        in_use(database_url, net, 1500)
        listing = driver.allocations(call(), network_id=net.id)
        first = next(listing)
        [late] = give(driver, net)
        assert str([first, *listing][-1].address) == late


@only_sqlite
class TestSteps:
    """A statement is a few steps into an index, whatever else the tables hold."""

    def test_r74_with_20000_addresses_in_use_it_takes_as_many_as_with_200(
        self, driver: NovaIpam, database_url: str
    ) -> None:
        def cost(count: int) -> int:
            net = kept(driver, "10.0.0.0/16", "fd00::/64")
            in_use(database_url, net, count)
            with steps() as taken:
                use_every_way(driver, net)
            return len(taken)

        assert 0 < cost(20_000) < cost(200) * 1.2

    def test_with_20000_addresses_at_rest_it_takes_as_many_as_with_200(
        self, driver: NovaIpam, database_url: str
    ) -> None:
        def cost(count: int) -> int:
            net = kept(driver, "10.0.0.0/16")
            at_rest(database_url, net, count)
            with steps() as taken:
                give(driver, net)
            return len(taken)

        assert 0 < cost(20_000) < cost(200) * 1.2

    def test_with_1000_fragments_it_takes_as_many_as_with_10(self, driver: NovaIpam) -> None:
        def cost(count: int) -> int:
            net = kept(driver, fragments(count), "fd00::/64")
            with steps() as taken:
                give(driver, net)
                give(driver, net, vif(net), "10.0.0.10")
            return len(taken)

        assert 0 < cost(1000) < cost(10) * 1.2


# --- asking -------------------------------------------------------------------------------------


def sent(work: Callable[[], object]) -> int:
    with counted_statements() as statements:
        work()
    assert statements.transactions == 1
    return len(statements)


def assert_cost_of_one(driver: NovaIpam, net: Network) -> None:
    owner = vif(net)
    assert sent(lambda: give(driver, net, owner)) <= 3
    assert sent(lambda: driver.deallocate(call(), net, owner, reuse_delay=60)) == 1


def use_every_way(driver: NovaIpam, net: Network) -> None:
    owner = vif(net)
    four, _ = give(driver, net, owner)
    added = driver.add_address(call(), net, owner, wanted=IPAddress("10.0.200.1"))
    give(driver, net, owner)
    driver.remove_address(call(), net, owner, added.address, reuse_delay=60)
    assert len(held(driver, by=owner)) == len(held(driver, network=net, by=owner)) == 2
    driver.deallocate(call(), net, owner, reuse_delay=60)
    driver.lease_ended(call(), lease(net, owner, four))
    assert len(driver.subnet_ids(call(), net.id)) == 2


@contextmanager
def steps() -> Iterator[list[None]]:
    """Collect one item for every ten steps that SQLite takes."""
    taken: list[None] = []

    def watch(_: Any, cursor: Any, *__: Any) -> None:
        cursor.connection.set_progress_handler(lambda: taken.append(None), 10)

    sa.event.listen(Engine, "before_cursor_execute", watch)
    try:
        yield taken
    finally:
        sa.event.remove(Engine, "before_cursor_execute", watch)


# --- preparing ----------------------------------------------------------------------------------


def fragments(count: int) -> Subnet:
    pools = [f"10.0.{n // 100}.{n % 100 * 2 + 2}" for n in range(count)]
    return subnet("10.0.0.0/8", pools=pools)


def in_use(url: str, net: Network, count: int) -> None:
    """Put a network's lowest addresses in use, the quick way."""
    rows = [row(net, n) | {"vif_id": str(uuid4())} for n in range(count)]
    lowest = {"first": row(net, count)["address"]}
    write(url, addresses.insert(), rows)
    write(url, free.update().where(free.c.subnet_id == net.subnets[0].id).values(lowest))


def at_rest(url: str, net: Network, count: int) -> None:
    """Put a network's lowest addresses at rest and leave it no others."""
    rows = [row(net, n) | {"rest_end": NOW + timedelta(seconds=n)} for n in range(count)]
    write(url, addresses.insert(), rows)
    write(url, free.delete().where(free.c.subnet_id == net.subnets[0].id))


def row(net: Network, number: int) -> dict[str, Any]:
    return {
        "subnet_id": net.subnets[0].id,
        "address": IPAddress(net.subnets[0].cidr.first + 2 + number),
        "network_id": net.id,
        "slot": 0,
        "instance_id": "",
    }


def write(url: str, statement: sa.UpdateBase, rows: list[dict[str, Any]] | None = None) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(statement, rows)
    engine.dispose()
