"""The tables of the driver nova, and the walk to them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.db import Address, Database, Moment, identifier
from qplug.errors import NoMoreFixedIps
from qplug.model import Network
from qplug.testing.databases import every_database
from qplug.testing.ipam.asking import give, held
from qplug.testing.migrations import MigrationsSuite
from qplug.testing.values import NOW, after, call, lease, network, subnet, vif
from qplug_ipam_nova.driver import NovaIpam
from qplug_ipam_nova.migrations import MIGRATIONS
from qplug_ipam_nova.tables import metadata

FIRST = sa.MetaData()
SUBNETS = sa.Table(
    "qplug_ipam_nova_subnets",
    FIRST,
    sa.Column("id", identifier()),
    sa.Column("network_id", identifier()),
    sa.Column("cidr", identifier(43)),
    sa.Column("size", identifier(39)),
    sa.Column("early", sa.Integer),
)
FREE = sa.Table(
    "qplug_ipam_nova_free",
    FIRST,
    sa.Column("subnet_id", identifier()),
    sa.Column("first", Address),
    sa.Column("last", Address),
)
ADDRESSES = sa.Table(
    "qplug_ipam_nova_addresses",
    FIRST,
    sa.Column("subnet_id", identifier()),
    sa.Column("address", Address),
    sa.Column("network_id", identifier()),
    sa.Column("vif_id", identifier()),
    sa.Column("slot", sa.Integer),
    sa.Column("instance_id", identifier()),
    sa.Column("rest_end", Moment),
)


@every_database
class TestMigrations(MigrationsSuite):
    """What every distribution with tables is asked."""

    migrations = MIGRATIONS
    metadata = metadata
    texts = {"assignable": "[]"}  # noqa: RUF012  # the suite says that it is a class variable


@every_database
class TestFromTheFirstRelease:
    """Subnets that the first release kept can be changed by this one."""

    @pytest.fixture
    def net(self) -> Network:
        return network(
            subnet("10.0.0.0/29", pools=["10.0.0.2-10.0.0.3", "10.0.0.5-10.0.0.6"]),
            subnet("fd00::/64"),
        )

    @pytest.fixture
    def driver(self, net: Network, conf: ConfigOpts, bare_database_url: str) -> Iterator[NovaIpam]:
        """Return the driver on the tables of a release that gave, and took back, 10.0.0.3."""
        conf.set_override("connection", bare_database_url, "database")
        with closing(Database(bare_database_url, replace(MIGRATIONS, head="0001"))) as then:
            then.upgrade()
            then.write(call(), lambda tx: self._fill(tx, net))
        with closing(Database(bare_database_url, MIGRATIONS)) as now:
            now.upgrade()
        with closing(NovaIpam(conf)) as driver:
            yield driver

    def _fill(self, tx: sa.Connection, net: Network) -> None:
        four, six = net.subnets
        for part, size in ((four, 4), (six, 2**64 - 2)):
            row = {"id": part.id, "network_id": net.id, "cidr": str(part.cidr), "early": 0}
            tx.execute(SUBNETS.insert(), row | {"size": str(size)})
        whole = IPAddress("fd00::2"), IPAddress("fd00::ffff:ffff:ffff:ffff")
        for part, first, last in (
            (four, IPAddress("10.0.0.5"), IPAddress("10.0.0.6")),
            (six, *whole),
        ):
            tx.execute(FREE.insert(), {"subnet_id": part.id, "first": first, "last": last})
        known = {"network_id": net.id, "slot": 0, "instance_id": "had it"}
        for part, address, rest in (
            (four, "10.0.0.2", {"vif_id": "has it", "rest_end": None}),
            (four, "10.0.0.3", {"vif_id": None, "rest_end": after(60)}),
            (six, "fd00::77", {"vif_id": "has it", "rest_end": None}),
        ):
            row = {"subnet_id": part.id, "address": IPAddress(address), **known}
            tx.execute(ADDRESSES.insert(), row | rest)

    def test_what_was_given_and_rests_is_as_it_was(self, driver: NovaIpam, net: Network) -> None:
        assert sorted(held(driver, network=net)) == ["10.0.0.2", "fd00::77"]
        four, six = sorted(driver.usage(call(), [net.id]), key=lambda usage: usage.cidr)
        assert (four.used, four.resting, four.reserved, four.free) == (1, 1, 4, 2)
        assert (six.used, six.reserved, six.free) == (1, 2, 2**64 - 3)

    def test_pools_can_be_changed_and_no_address_is_given_twice_or_lost(
        self, driver: NovaIpam, net: Network
    ) -> None:
        four, six = net.subnets
        wider = replace(net, subnets=(replace(four, pools=()), six))
        driver.update_subnets(call(), wider)
        given = [give(driver, wider, now=NOW)[0] for _ in range(4)]
        assert given == ["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.3"]
        with pytest.raises(NoMoreFixedIps):
            give(driver, wider)

    def test_a_lease_ends_the_rest_of_an_address_of_which_no_mac_was_noted(
        self, driver: NovaIpam, net: Network
    ) -> None:
        assert sum(usage.resting for usage in driver.usage(call(), [net.id])) == 1
        driver.lease_ended(call(), lease(net, vif(net), "10.0.0.3"))
        assert [usage.resting for usage in driver.usage(call(), [net.id])] == [0, 0]
