"""The contract's suite, the rows of parity, and what the driver nova does beyond both."""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from netaddr import IPAddress, IPNetwork, IPRange
from oslo_config.cfg import ConfigOpts

from qplug.errors import (
    CidrConflict,
    DatabaseUnavailable,
    FixedIpAlreadyInUse,
    FixedIpInvalid,
    NetworkInUse,
    NetworkNotFound,
    NoMoreFixedIps,
)
from qplug.model import Capability, Route
from qplug.model.ipv6 import to_global
from qplug.testing.databases import every_database
from qplug.testing.ipam import IpamDriverSuite
from qplug.testing.ipam.asking import fill, give, held, kept
from qplug.testing.values import after, call, lease, network, subnet, vif
from qplug_ipam_nova.driver import NovaIpam
from qplug_ipam_nova.options import list_opts
from qplug_ipam_nova.tables import addresses

PREFIX = IPNetwork("fd00::/64")


def nowhere(conf: ConfigOpts) -> NovaIpam:
    conf.set_override("connection", "sqlite:////nowhere/ipam.sqlite", "database")
    return NovaIpam(conf)


@every_database
class TestContract(IpamDriverSuite):
    """What every IPAM driver is asked."""

    @pytest.fixture
    def gone_driver(self, conf: ConfigOpts) -> NovaIpam:
        return nowhere(conf)

    @pytest.fixture
    def same_driver(self, driver: NovaIpam, conf: ConfigOpts) -> Iterator[NovaIpam]:
        with closing(NovaIpam(conf)) as second:
            yield second

    @pytest.fixture
    def account_driver(self, driver: NovaIpam, conf: ConfigOpts) -> NovaIpam:
        conf.set_override("ipv6_backend", "account_identifier", "ipam")
        return driver


@every_database
class TestPolicy:
    """Which address is given."""

    def test_r69_a_24_with_gateway_gives_253_addresses_lowest_first(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24")
        assert [give(driver, net) for _ in range(253)] == [[f"10.0.0.{n}"] for n in range(2, 255)]
        with pytest.raises(NoMoreFixedIps):
            give(driver, net)

    @pytest.mark.parametrize("address", ["10.0.0.0", "10.0.0.1", "10.0.0.9", "10.0.0.255"])
    def test_r69_network_gateway_dhcp_server_and_broadcast_are_never_given(
        self, driver: NovaIpam, address: str
    ) -> None:
        net = kept(driver, subnet("10.0.0.0/24", dhcp_server="10.0.0.9"))
        with pytest.raises(FixedIpInvalid):
            give(driver, net, vif(net), address)
        [usage] = driver.usage(call(), [net.id])
        assert (usage.free, usage.reserved) == (252, 4)

    def test_r69_never_used_addresses_come_first_then_the_one_whose_rest_ended_first(
        self, driver: NovaIpam
    ) -> None:
        net = kept(driver, "10.0.0.0/29")
        for each, delay in zip(fill(driver, net, 4), [30, 10, 20, 40], strict=True):
            driver.deallocate(call(), net, each, reuse_delay=delay)
        given = [give(driver, net, now=after(35))[0] for _ in range(4)]
        assert given == ["10.0.0.6", "10.0.0.3", "10.0.0.4", "10.0.0.2"]

    def test_r70_a_full_pool_says_which(self, driver: NovaIpam) -> None:
        net = kept(driver, subnet("10.0.0.0/24", pools=["10.0.0.10-10.0.0.11"]))
        fill(driver, net, 2)
        with pytest.raises(NoMoreFixedIps) as caught:
            give(driver, net)
        assert (caught.value.network, caught.value.cidr) == (net.label, "10.0.0.0/24")

    def test_r70_a_wanted_address_that_is_taken_is_refused(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24")
        assert give(driver, net, vif(net), "10.0.0.77") == ["10.0.0.77"]
        with pytest.raises(FixedIpAlreadyInUse, match="another vif has it"):
            give(driver, net, vif(net), "10.0.0.77")

    def test_r72_a_freed_address_rests_until_its_time_is_over_or_its_lease_ends(
        self, driver: NovaIpam
    ) -> None:
        net = kept(driver, "10.0.0.0/29")
        vifs = fill(driver, net, 5)
        for each in vifs[:3]:
            driver.deallocate(call(), net, each, reuse_delay=600)
        driver.lease_ended(call(now=after(10)), lease(net, vifs[1], "10.0.0.3"))
        [usage] = driver.usage(call(now=after(10)), [net.id])
        assert (usage.used, usage.resting, usage.free) == (2, 2, 1)
        assert give(driver, net, now=after(10)) == ["10.0.0.3"]
        [usage] = driver.usage(call(now=after(600)), [net.id])
        assert (usage.used, usage.resting, usage.free) == (3, 0, 2)

    def test_a_rest_that_is_cut_short_is_logged_and_counted(
        self, driver: NovaIpam, caplog: pytest.LogCaptureFixture
    ) -> None:
        net = kept(driver, "10.0.0.0/29")
        vifs = fill(driver, net, 5)
        driver.deallocate(call(now=after(1)), net, vifs[3], reuse_delay=600)
        driver.deallocate(call(now=after(2)), net, vifs[1], reuse_delay=600)
        assert "0 address(es) were given again" in driver.check(call())
        with caplog.at_level(logging.WARNING):
            assert give(driver, net, now=after(3)) == ["10.0.0.5"]
        assert "10.0.0.5" in caplog.text
        assert "1 address(es) were given again" in driver.check(call())

    def test_the_addresses_around_wanted_ones_are_given_in_order(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/29")
        for address in ("10.0.0.4", "10.0.0.2", "10.0.0.6"):
            give(driver, net, vif(net), address)
        assert [give(driver, net) for _ in range(2)] == [["10.0.0.3"], ["10.0.0.5"]]
        with pytest.raises(NoMoreFixedIps):
            give(driver, net)

    def test_two_wanted_addresses_of_one_subnet_are_refused(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24")
        with pytest.raises(FixedIpInvalid, match="one address only"):
            give(driver, net, vif(net), "10.0.0.5", "10.0.0.6")


@every_database
class TestDerived:
    """IPv6 /64 without pools."""

    @pytest.mark.parametrize("backend", ["rfc2462", "account_identifier"])
    def test_the_option_says_how_addresses_are_derived(
        self, driver: NovaIpam, conf: ConfigOpts, backend: str
    ) -> None:
        conf.set_override("ipv6_backend", backend, "ipam")
        net = kept(driver, "10.0.0.0/24", "fd00::/64")
        owner = vif(net)
        derived = to_global(backend, PREFIX, owner.mac, net.quantum_project)
        assert give(driver, net, owner) == ["10.0.0.2", str(derived)]

    @pytest.mark.parametrize("kept_back", ["reserved", "gateway"])
    def test_a_derived_address_that_is_kept_back_is_a_conflict_and_nothing_is_given(
        self, driver: NovaIpam, kept_back: str
    ) -> None:
        owner = vif(network())
        derived = to_global("rfc2462", PREFIX, owner.mac, "")
        hit = {"reserved": [str(derived)], "gateway": str(derived)}[kept_back]
        net = kept(driver, "10.0.0.0/24", subnet("fd00::/64", **{kept_back: hit}))  # type: ignore[arg-type]  # the value's type goes with its name
        with pytest.raises(FixedIpAlreadyInUse, match="derived from the MAC"):
            give(driver, net, owner)
        assert give(driver, net)[0] == "10.0.0.2"

    def test_an_instance_gets_its_derived_address_again_while_that_rests(
        self, driver: NovaIpam
    ) -> None:
        net = kept(driver, "fd00::/64")
        owner = vif(net)
        before = give(driver, net, owner)
        driver.deallocate(call(), net, owner, reuse_delay=600)
        assert give(driver, net, owner) == before

    def test_a_derived_address_reserved_while_it_was_given_is_not_given_again(
        self, driver: NovaIpam
    ) -> None:
        net = kept(driver, "fd00::/64")
        owner = vif(net)
        [derived] = give(driver, net, owner)
        part = replace(net.subnets[0], reserved=(IPRange(derived, derived),))
        reserved = replace(net, subnets=(part,))
        driver.update_subnets(call(), reserved)
        # The change did not see the address yet, as whoever inserted it waited for its end.
        unseen = addresses.update().values(assignable=True)
        driver._database.write(call(), lambda tx: tx.execute(unseen))
        driver.deallocate(call(), reserved, owner)
        with pytest.raises(FixedIpAlreadyInUse, match="derived from the MAC"):
            give(driver, reserved, owner)
        driver.update_subnets(call(), net)
        assert give(driver, net, owner) == [derived]

    @pytest.mark.parametrize(
        ("cidr", "lowest"), [("fd00::/48", "fd00::1"), ("fd00::/96", "fd00::1")]
    )
    def test_other_lengths_are_pools(self, driver: NovaIpam, cidr: str, lowest: str) -> None:
        net = kept(driver, replace(subnet(cidr), gateway=None, dhcp_server=None))
        assert give(driver, net) == [lowest]


@every_database
class TestSubnets:
    """What is kept decides, not what the manager believes."""

    def test_r71_the_subnets_of_a_network_are_known_by_id_with_routes_or_without(
        self, driver: NovaIpam
    ) -> None:
        route = Route(cidr=IPNetwork("192.0.2.0/24"), gateway=IPAddress("10.1.0.9"))
        bare, told = subnet("10.0.0.0/24", routed=False), subnet("10.1.0.0/24", routes=[route])
        assert (bare.routes, bare.dns) == ((), ())
        net = kept(driver, bare, told)
        assert driver.subnet_ids(call(), net.id) == {bare.id, told.id}
        assert driver.subnet_ids(call(), str(uuid4())) == frozenset()

    def test_a_subnet_that_is_kept_with_another_cidr_is_a_conflict_and_none_is_kept(
        self, driver: NovaIpam
    ) -> None:
        [known] = kept(driver, "10.0.0.0/24").subnets
        net = network("10.4.0.0/24", replace(subnet("10.5.0.0/24"), id=known.id))
        with pytest.raises(CidrConflict):
            driver.create_subnets(call(), net)
        assert driver.subnet_ids(call(), net.id) == frozenset()

    def test_a_subnet_that_overlaps_one_kept_before_is_a_conflict(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24")
        with pytest.raises(CidrConflict) as caught:
            driver.create_subnets(call(), network("10.0.0.128/25", id=net.id))
        assert (caught.value.cidr, caught.value.other) == ("10.0.0.128/25", "10.0.0.0/24")

    def test_a_subnet_can_be_added(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24")
        give(driver, net)
        wider = network(*net.subnets, "10.1.0.0/24", id=net.id)
        driver.create_subnets(call(), wider)
        assert give(driver, wider) == ["10.0.0.3", "10.1.0.2"]

    def test_r73_subnets_with_an_address_in_use_are_not_deleted(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24", "10.1.0.0/24")
        fill(driver, net, 2)
        with pytest.raises(NetworkInUse) as caught:
            driver.delete_subnets(call(), net)
        assert (caught.value.network, caught.value.addresses) == (net.id, 4)
        assert len(driver.subnet_ids(call(), net.id)) == 2
        assert len(held(driver, network=net)) == 4

    def test_a_network_that_another_process_deleted_is_not_found(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24", "fd00::/64")
        driver.delete_subnets(call(), net)
        with pytest.raises(NetworkNotFound):
            give(driver, net)
        with pytest.raises(NetworkNotFound):
            driver.add_address(call(), net, vif(net), wanted=IPAddress("fd00::5"))

    def test_a_subnet_that_is_not_kept_gives_nothing(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24")
        believed = network(*net.subnets, "10.7.0.0/24", id=net.id)
        assert give(driver, believed) == ["10.0.0.2"]
        with pytest.raises(FixedIpInvalid, match="was deleted"):
            give(driver, believed, vif(net), "10.7.0.5")

    def test_a_vif_keeps_what_it_holds_on_other_networks(self, driver: NovaIpam) -> None:
        net, other = kept(driver, "10.0.0.0/24"), kept(driver, "10.1.0.0/24")
        owner = vif(net)
        for each in (net, other):
            driver.allocate(call(), each, owner)
        driver.remove_address(call(), other, owner, IPAddress("10.0.0.2"))
        driver.deallocate(call(), other, owner)
        assert held(driver, by=owner) == ["10.0.0.2"]

    def test_usage_leaves_out_strangers_however_many_are_asked_for(self, driver: NovaIpam) -> None:
        net = kept(driver, "10.0.0.0/24")
        kept(driver, "10.1.0.0/24")
        strangers = [str(uuid4()) for _ in range(2000)]
        for ids in ([net.id, *strangers[:9]], [net.id, *strangers]):
            assert [u.subnet_id for u in driver.usage(call(), ids)] == [net.subnets[0].id]

    def test_usage_of_a_64_is_exact(self, driver: NovaIpam) -> None:
        net = kept(driver, "fd00::/64")
        give(driver, net)
        [usage] = driver.usage(call(), [net.id])
        assert (usage.used, usage.reserved, usage.free) == (1, 2, 2**64 - 3)


class TestSetup:
    """Options, and the way to the database."""

    def test_what_the_driver_can_do_is_declared(self) -> None:
        assert NovaIpam.policy == "sequential"
        assert NovaIpam.capabilities == {
            Capability.SHARED,
            Capability.CHOSEN_ADDRESS,
            Capability.POOLS,
            Capability.REUSE_DELAY,
        }

    def test_a_connection_of_its_own_goes_before_the_cores(
        self, conf: ConfigOpts, tmp_path: Path
    ) -> None:
        [(group, options)] = list_opts()
        conf.register_opts(options, group)
        conf.set_override("connection", f"sqlite:///{tmp_path}/own.sqlite", group)
        driver = NovaIpam(conf)
        assert driver.check(call()).startswith(f"database {tmp_path}/own.sqlite keeps 0 subnet(s)")
        driver.close()

    def test_a_database_that_is_away_is_no_matter_before_the_first_call(
        self, conf: ConfigOpts
    ) -> None:
        driver = nowhere(conf)
        with pytest.raises(DatabaseUnavailable, match=r"/nowhere/ipam\.sqlite"):
            driver.check(call())
