"""What a driver keeps of subnets."""

import pytest

from qplug.contracts import IpamDriver
from qplug.errors import Conflict, NetworkInUse, NetworkNotFound
from qplug.testing.ipam.asking import fill, give, held, kept
from qplug.testing.values import OTHER_PROJECT, call, network, vif


class SubnetTests:
    """Subnets are kept, all of a network's or none, until they are deleted."""

    def test_created_subnets_are_known_by_their_ids(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        assert driver.subnet_ids(call(), net.id) == {subnet.id for subnet in net.subnets}

    def test_a_network_never_seen_has_no_subnets(self, driver: IpamDriver) -> None:
        assert driver.subnet_ids(call(), network("10.0.0.0/29").id) == frozenset()

    def test_creating_again_leaves_addresses_as_they_are(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        (owner,) = fill(driver, net, 1)
        before = held(driver, by=owner)
        driver.create_subnets(call(), net)
        assert held(driver, by=owner) == before
        assert driver.subnet_ids(call(), net.id) == {net.subnets[0].id}

    def test_of_subnets_that_overlap_on_one_network_none_is_kept(self, driver: IpamDriver) -> None:
        net = network("10.0.0.0/24", "10.0.0.128/25")
        with pytest.raises(Conflict):
            driver.create_subnets(call(), net)
        assert driver.subnet_ids(call(), net.id) == frozenset()

    def test_networks_of_two_projects_may_have_the_same_cidr(self, driver: IpamDriver) -> None:
        ours, theirs = (
            kept(driver, "10.0.0.0/30"),
            kept(driver, "10.0.0.0/30", project_id=OTHER_PROJECT),
        )
        assert give(driver, ours) == give(driver, theirs) == ["10.0.0.2"]
        assert held(driver, network=ours) == held(driver, network=theirs) == ["10.0.0.2"]

    def test_a_global_network_is_kept_like_any_other(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/30", project_id=None)
        assert give(driver, net, vif(net, project_id=OTHER_PROJECT)) == ["10.0.0.2"]

    def test_deleted_subnets_are_forgotten(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        driver.delete_subnets(call(), net)
        assert driver.subnet_ids(call(), net.id) == frozenset()
        with pytest.raises(NetworkNotFound):
            driver.allocate(call(), net, vif(net))

    def test_deleting_what_is_not_kept_is_quiet(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        driver.delete_subnets(call(), net)
        driver.delete_subnets(call(), net)

    def test_subnets_with_an_address_in_use_are_not_deleted(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "10.0.1.0/29")
        (owner,) = fill(driver, net, 1)
        with pytest.raises(NetworkInUse):
            driver.delete_subnets(call(), net)
        assert len(driver.subnet_ids(call(), net.id)) == 2
        assert len(held(driver, by=owner)) == 2

    def test_subnets_whose_addresses_only_rest_are_deleted(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        (owner,) = fill(driver, net, 1)
        driver.deallocate(call(), net, owner, reuse_delay=600)
        driver.delete_subnets(call(), net)
        assert driver.subnet_ids(call(), net.id) == frozenset()

    def test_a_network_can_be_created_again_after_its_deletion(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/30")
        driver.delete_subnets(call(), net)
        driver.create_subnets(call(), net)
        assert give(driver, net) == ["10.0.0.2"]
