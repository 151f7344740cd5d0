"""The contract's suite, and where Melange cannot do all that it asks."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.contracts import IpamDriver
from qplug.errors import InvalidInput
from qplug.model import Subnet
from qplug.testing.deaf import deaf_port
from qplug.testing.ipam import IpamDriverSuite
from qplug.testing.ipam.asking import fill, give, held, kept
from qplug.testing.values import call, network, subnet
from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.testing import StandIn


class TestContract(IpamDriverSuite):
    """What every IPAM driver is asked."""

    @pytest.fixture
    def gone_driver(self, melange_conf: ConfigOpts) -> Iterator[MelangeIpam]:
        with deaf_port() as port:
            melange_conf.set_override("port", port, "ipam_melange")
            with closing(MelangeIpam(melange_conf)) as gone:
                yield gone

    @pytest.fixture
    def same_driver(self, driver: MelangeIpam, conf: ConfigOpts) -> Iterator[MelangeIpam]:
        with closing(MelangeIpam(conf)) as second:
            yield second

    @pytest.fixture
    def account_driver(self, driver: MelangeIpam, conf: ConfigOpts) -> MelangeIpam:
        conf.set_override("ipv6_backend", "account_identifier", "ipam")
        return driver

    @pytest.mark.parametrize(
        ("small", "all_of_it"), [(subnet("fd00:10::/126"), ["fd00:10::2", "fd00:10::3"])]
    )
    def test_the_smallest_subnets_are_used_up(
        self, driver: IpamDriver, small: Subnet, all_of_it: list[str]
    ) -> None:
        """Those of one or two addresses the driver refuses, which the contract lets it do."""
        super().test_the_smallest_subnets_are_used_up(driver, small, all_of_it)

    @pytest.mark.parametrize(
        "cidr", ["10.0.0.0/31", "10.0.0.5/32", "fd00:10::/127", "fd00:10::5/128"]
    )
    def test_a_subnet_of_which_melange_gives_nothing_is_refused(
        self, driver: MelangeIpam, melange: StandIn, cidr: str
    ) -> None:
        net = network("10.9.0.0/24", cidr)
        with pytest.raises(InvalidInput, match="four addresses"):
            driver.create_subnets(call(), net)
        assert melange.requests == []

    def test_a_vif_can_be_allocated_again_after_deallocation(self, driver: IpamDriver) -> None:
        """Of IPv4 only: a derived address rests until Melange's job has run."""
        net = kept(driver, "10.0.0.0/29", "fd00:10::/112")
        (owner,) = fill(driver, net, 1)
        driver.deallocate(call(), net, owner)
        assert len(give(driver, net, owner)) == 2

    def test_a_derived_address_can_be_allocated_again_after_the_job(
        self, driver: MelangeIpam, melange: StandIn
    ) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        (owner,) = fill(driver, net, 1)
        before = held(driver, network=net)
        driver.deallocate(call(), net, owner)
        melange.delete_deallocated_ips(keep_days=0)
        assert give(driver, net, owner) == before
