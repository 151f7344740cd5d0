"""What a driver does when the subnets of a network change that is in use."""

# mypy: disable-error-code=type-abstract
# Contracts are asked for here, and never made.

from collections.abc import Iterable
from dataclasses import replace

import pytest
from netaddr import IPAddress, IPRange

from qplug.contracts import AddressUsage, IpamDriver, SubnetUpdates
from qplug.errors import Conflict, FixedIpInvalid, NetworkInUse, NoMoreFixedIps
from qplug.model import Capability, Network
from qplug.testing.ipam.asking import fill, give, held, kept
from qplug.testing.suite import needs, provided
from qplug.testing.values import after, call, network, subnet, vif

DELAY = 600.0


class ChangingTests:
    """Pools and subnets change under addresses in use, and none is given twice or lost."""

    # --- pools and reservations -----------------------------------------------------------------

    def test_a_pool_that_grows_gives_more_and_none_twice(self, driver: IpamDriver) -> None:
        net = self._pooled(driver, "10.0.0.10-10.0.0.11")
        given = [give(driver, net)[0] for _ in range(2)]
        net = self._change(driver, net, pools=["10.0.0.9-10.0.0.13"])
        given += [give(driver, net)[0] for _ in range(3)]
        assert sorted(given, key=IPAddress) == [f"10.0.0.{n}" for n in range(9, 14)]
        with pytest.raises(NoMoreFixedIps):
            give(driver, net)

    def test_an_address_outside_a_new_pool_stays_with_its_vif_and_is_not_given_after_it(
        self, driver: IpamDriver
    ) -> None:
        net = self._pooled(driver, "10.0.0.10-10.0.0.11")
        first, second = fill(driver, net, 2)
        before = held(driver, network=net)
        net = self._change(driver, net, pools=["10.0.0.20-10.0.0.20"])
        assert held(driver, network=net) == before
        driver.deallocate(call(), net, first)
        assert give(driver, net) == ["10.0.0.20"]
        with pytest.raises(NoMoreFixedIps):
            give(driver, net)
        assert len(held(driver, by=second)) == 1

    def test_an_address_reserved_while_in_use_is_not_given_by_name_either(
        self, driver: IpamDriver
    ) -> None:
        net = self._pooled(driver)
        needs(driver, Capability.CHOSEN_ADDRESS)
        give(driver, net, owner := vif(net), "10.0.0.77")
        net = self._change(driver, net, reserved=["10.0.0.77-10.0.0.77"])
        assert give(driver, net, owner) == ["10.0.0.77"]
        driver.deallocate(call(), net, owner)
        with pytest.raises(FixedIpInvalid):
            give(driver, net, vif(net), "10.0.0.77")

    def test_a_reservation_taken_back_gives_the_address(self, driver: IpamDriver) -> None:
        net = self._pooled(driver, "10.0.0.10-10.0.0.11")
        net = self._change(driver, net, reserved=["10.0.0.10-10.0.0.11"])
        with pytest.raises(NoMoreFixedIps):
            give(driver, net)
        net = self._change(driver, net, reserved=[])
        assert sorted(give(driver, net)[0] for _ in range(2)) == ["10.0.0.10", "10.0.0.11"]

    def test_an_address_that_left_the_pools_and_came_back_still_rests(
        self, driver: IpamDriver
    ) -> None:
        net = self._pooled(driver, "10.0.0.10-10.0.0.11")
        needs(driver, Capability.REUSE_DELAY)
        (gone,) = fill(driver, net, 1)
        (rests,) = held(driver, by=gone)
        driver.deallocate(call(), net, gone, reuse_delay=DELAY)
        for pools in (["10.0.0.20-10.0.0.20"], ["10.0.0.10-10.0.0.11"]):
            net = self._change(driver, net, pools=pools)
        assert give(driver, net)[0] != rests
        assert give(driver, net, now=after(DELAY)) == [rests]

    def test_changing_to_what_is_there_changes_nothing(self, driver: IpamDriver) -> None:
        net = self._pooled(driver, "10.0.0.10-10.0.0.13")
        fill(driver, net, 2)
        before = held(driver, network=net)
        for _ in range(2):
            provided(driver, SubnetUpdates).update_subnets(call(), net)
        assert held(driver, network=net) == before
        assert len({give(driver, net)[0] for _ in range(2)} - set(before)) == 2

    def test_usage_counts_every_address_once_while_pools_change(self, driver: IpamDriver) -> None:
        net = self._pooled(driver, "10.0.0.10-10.0.0.13")
        usage = provided(driver, AddressUsage)
        fill(driver, net, 3)
        net = self._change(driver, net, pools=["10.0.0.12-10.0.0.19"])
        (told,) = usage.usage(call(), [net.id])
        inside = sum(IPAddress(each) >= IPAddress("10.0.0.12") for each in held(driver))
        assert (told.used, told.resting, told.held) == (3, 0, 0)
        assert told.free == 8 - inside
        assert told.used + told.reserved + told.free == 256

    # --- subnets --------------------------------------------------------------------------------

    def test_a_network_grows_by_a_subnet(self, driver: IpamDriver) -> None:
        updates = provided(driver, SubnetUpdates)
        net = kept(driver, "10.0.0.0/30")
        (owner,) = fill(driver, net, 1)
        before = held(driver, by=owner)
        wider = replace(net, subnets=(*net.subnets, subnet("10.0.1.0/30")))
        updates.update_subnets(call(), wider)
        assert held(driver, by=owner) == before
        assert driver.subnet_ids(call(), net.id) == {each.id for each in wider.subnets}
        assert str(driver.add_address(call(), wider, owner).address) == "10.0.1.2"

    def test_a_subnet_that_overlaps_is_refused_and_nothing_is_changed(
        self, driver: IpamDriver
    ) -> None:
        updates = provided(driver, SubnetUpdates)
        net = kept(driver, "10.0.0.0/29")
        fill(driver, net, 1)
        more = (subnet("10.0.1.0/29"), subnet("10.0.0.0/28"))
        with pytest.raises(Conflict):
            updates.update_subnets(call(), replace(net, subnets=(*net.subnets, *more)))
        assert driver.subnet_ids(call(), net.id) == {net.subnets[0].id}
        assert len(held(driver, network=net)) == 1

    def test_a_subnet_is_forgotten_unless_it_is_in_use(self, driver: IpamDriver) -> None:
        updates = provided(driver, SubnetUpdates)
        net = kept(driver, "10.0.0.0/29", "10.0.1.0/29")
        one, other = net.subnets
        (owner,) = fill(driver, net, 1)
        with pytest.raises(NetworkInUse):
            updates.update_subnets(call(), replace(net, subnets=(one,)))
        assert len(driver.subnet_ids(call(), net.id)) == 2
        driver.deallocate(call(), net, owner)
        updates.update_subnets(call(), replace(net, subnets=(one,)))
        assert driver.subnet_ids(call(), net.id) == {one.id}
        updates.update_subnets(call(), net)
        assert driver.subnet_ids(call(), net.id) == {one.id, other.id}

    def test_other_networks_stay_as_they_are(self, driver: IpamDriver) -> None:
        updates = provided(driver, SubnetUpdates)
        net, other = kept(driver, "10.0.0.0/29"), kept(driver, "10.9.0.0/29")
        fill(driver, other, 1)
        updates.update_subnets(call(), network(subnet("10.0.1.0/29"), id=net.id))
        assert driver.subnet_ids(call(), other.id) == {other.subnets[0].id}
        assert len(held(driver, network=other)) == 1

    def _pooled(self, driver: IpamDriver, *pools: str) -> Network:
        provided(driver, SubnetUpdates)
        needs(driver, Capability.POOLS)
        return kept(driver, subnet("10.0.0.0/24", pools=pools))

    def _change(
        self,
        driver: IpamDriver,
        net: Network,
        *,
        pools: Iterable[str] | None = None,
        reserved: Iterable[str] | None = None,
    ) -> Network:
        (before,) = net.subnets
        now = replace(
            before,
            pools=before.pools if pools is None else _ranges(pools),
            reserved=before.reserved if reserved is None else _ranges(reserved),
        )
        changed = replace(net, subnets=(now,))
        provided(driver, SubnetUpdates).update_subnets(call(), changed)
        return changed


def _ranges(texts: Iterable[str]) -> tuple[IPRange, ...]:
    return tuple(IPRange(*text.split("-")) for text in texts)
