"""What a driver gives to vifs, and takes back."""

import tracemalloc
from dataclasses import replace
from functools import partial
from threading import Lock
from time import monotonic
from typing import ClassVar

import pytest
from netaddr import IPAddress

from qplug.contracts import AddressUsage, IpamDriver
from qplug.errors import FixedIpAlreadyInUse, NetworkNotFound, NoMoreFixedIps
from qplug.model import Capability, Network, Subnet, Vif
from qplug.model.ipv6 import ACCOUNT_IDENTIFIER, RFC2462, to_global
from qplug.testing.ipam.asking import fill, give, held, kept, texts
from qplug.testing.suite import needs, race
from qplug.testing.values import OTHER_PROJECT, PROJECT, call, network, subnet, vif

MEGABYTES = 16


class AllocatingTests:
    """Each vif has addresses of its own, one of each subnet, or none at all."""

    ipv6_backend: ClassVar[str] = RFC2462
    """What the fixture ``driver`` configured for addresses derived from the MAC."""

    @pytest.fixture
    def account_driver(self) -> IpamDriver:
        """Return the driver under ``[ipam] ipv6_backend = account_identifier``; override it."""
        pytest.skip(
            "no fixture 'account_driver': the driver with [ipam] ipv6_backend = account_identifier"
        )

    # --- what is given --------------------------------------------------------------------------

    def test_a_vif_gets_one_address_of_each_subnet_in_their_order(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.1.0/29", "fd00:10::/112", "10.0.0.0/29")
        owner = vif(net)
        given = driver.allocate(call(), net, owner)
        assert [each.subnet_id for each in given] == [each.id for each in net.subnets]
        assert all(a.address in s.cidr for a, s in zip(given, net.subnets, strict=True))
        assert {each.vif_id for each in given} == {owner.id}

    def test_all_usable_addresses_are_given_and_no_other(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        given = [give(driver, net)[0] for _ in range(5)]
        assert sorted(given) == [f"10.0.0.{n}" for n in range(2, 7)]

    def test_a_subnet_without_gateway_keeps_back_its_dhcp_server(self, driver: IpamDriver) -> None:
        net = kept(driver, subnet("10.0.0.0/29", routed=False, dhcp_server="10.0.0.4"))
        given = [give(driver, net)[0] for _ in range(5)]
        assert sorted(given) == [f"10.0.0.{n}" for n in (1, 2, 3, 5, 6)]

    @pytest.mark.parametrize(
        ("small", "all_of_it"),
        [
            (subnet("10.0.0.0/31"), ["10.0.0.0"]),
            (subnet("10.0.0.0/31", routed=False), ["10.0.0.1"]),
            (subnet("10.0.0.5/32"), ["10.0.0.5"]),
            (subnet("fd00:10::/127"), ["fd00:10::"]),
            (subnet("fd00:10::5/128"), ["fd00:10::5"]),
            (subnet("fd00:10::/126"), ["fd00:10::2", "fd00:10::3"]),
        ],
        ids=lambda value: f"{value.cidr}" if isinstance(value, Subnet) else "",
    )
    def test_the_smallest_subnets_are_used_up(
        self, driver: IpamDriver, small: Subnet, all_of_it: list[str]
    ) -> None:
        net = kept(driver, small)
        assert sorted(give(driver, net)[0] for _ in all_of_it) == all_of_it
        with pytest.raises(NoMoreFixedIps):
            driver.allocate(call(), net, vif(net))

    def test_asking_again_gives_the_same_answer(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        owner = vif(net)
        first = driver.allocate(call(), net, owner)
        assert driver.allocate(call(), net, owner) == first
        assert len(held(driver, network=net)) == 2

    def test_a_vif_asked_for_by_many_threads_gets_one_answer(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/24", "fd00:10::/112")
        owner = vif(net)
        answers = race([partial(driver.allocate, call(), net, owner)] * 8)
        assert all(answer == answers[0] for answer in answers)
        assert len(held(driver, network=net)) == 2

    def test_two_vifs_of_one_instance_have_addresses_of_their_own(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        one, two = _of_one_instance(net)
        given = driver.allocate(call(), net, one), driver.allocate(call(), net, two)
        assert len({each.address for answer in given for each in answer}) == 4
        assert set(driver.allocations(call(), vif_id=one.id)) == set(given[0])
        assert set(driver.allocations(call(), vif_id=two.id)) == set(given[1])

    # --- what is not ----------------------------------------------------------------------------

    def test_a_network_that_is_not_kept_is_not_found(self, driver: IpamDriver) -> None:
        net = network("10.0.0.0/29")
        with pytest.raises(NetworkNotFound):
            driver.allocate(call(), net, vif(net))

    @pytest.mark.parametrize("full", ["10.0.0.0/30", "10.0.2.0/30", "fd00:10::/126"])
    def test_a_full_subnet_says_so_and_gives_nothing_of_the_others(
        self, driver: IpamDriver, full: str
    ) -> None:
        net = kept(driver, "10.0.1.0/29", full)
        fill(driver, net, 2 if "::" in full else 1)
        late = vif(net)
        with pytest.raises(NoMoreFixedIps):
            driver.allocate(call(), net, late)
        assert held(driver, by=late) == []

    def test_pools_and_reservations_are_kept_to(self, driver: IpamDriver) -> None:
        needs(driver, Capability.POOLS)
        made = subnet(
            "10.0.0.0/24",
            pools=["10.0.0.20-10.0.0.22", "10.0.0.10-10.0.0.11"],
            reserved=["10.0.0.21", "10.0.0.200-10.0.0.250"],
        )
        net = kept(driver, made)
        given = [give(driver, net)[0] for _ in range(4)]
        assert sorted(given) == ["10.0.0.10", "10.0.0.11", "10.0.0.20", "10.0.0.22"]
        with pytest.raises(NoMoreFixedIps):
            driver.allocate(call(), net, vif(net))

    def test_a_subnet_reserved_as_a_whole_gives_nothing(self, driver: IpamDriver) -> None:
        needs(driver, Capability.POOLS)
        net = kept(driver, subnet("10.0.0.0/29", reserved=["10.0.0.0-10.0.0.7"]))
        with pytest.raises(NoMoreFixedIps):
            driver.allocate(call(), net, vif(net))

    def test_never_used_addresses_are_given_lowest_first(self, driver: IpamDriver) -> None:
        if driver.policy != "sequential":
            pytest.skip(f"the driver's policy is '{driver.policy}', not 'sequential'")
        net = kept(driver, "10.0.0.0/28", "fd00:10::/112")
        given = [give(driver, net) for _ in range(12)]
        assert given == [[f"10.0.0.{n}", f"fd00:10::{n:x}"] for n in range(2, 14)]

    # --- IPv6 -----------------------------------------------------------------------------------

    def test_a_64_gives_the_address_derived_from_the_mac(self, driver: IpamDriver) -> None:
        net = kept(driver, "fd00:10::/64")
        owner = vif(net)
        prefix = net.subnets[0].cidr
        wanted = to_global(self.ipv6_backend, prefix, owner.mac, net.quantum_project)
        assert give(driver, net, owner) == [str(wanted)]

    def test_a_derived_address_is_of_the_networks_project_and_not_of_the_vifs(
        self, driver: IpamDriver
    ) -> None:
        self._derives(driver, self.ipv6_backend)

    def test_a_derived_address_is_of_the_backend_that_is_configured(
        self, account_driver: IpamDriver
    ) -> None:
        self._derives(account_driver, ACCOUNT_IDENTIFIER)

    def _derives(self, driver: IpamDriver, backend: str) -> None:
        """Ask for a vif of one project on networks that Quantum keeps under two others."""
        for project_id in (PROJECT, None):
            net = kept(driver, "fd00:10::/64", project_id=project_id)
            owner = vif(net, project_id=OTHER_PROJECT)
            wanted = to_global(backend, net.subnets[0].cidr, owner.mac, net.quantum_project)
            assert give(driver, net, owner) == [str(wanted)]

    def test_a_derived_address_that_is_taken_is_a_conflict(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        first = vif(net)
        double = vif(net, mac=first.mac)
        driver.allocate(call(), net, first)
        with pytest.raises(FixedIpAlreadyInUse):
            driver.allocate(call(), net, double)
        assert held(driver, by=double) == []

    def test_a_derived_address_that_is_kept_back_is_a_conflict(self, driver: IpamDriver) -> None:
        net = network("fd00:10::/64")
        owner = vif(net)
        prefix = net.subnets[0].cidr
        own = to_global(self.ipv6_backend, prefix, owner.mac, net.quantum_project)
        routed = replace(net, subnets=(subnet("fd00:10::/64", gateway=str(own)),))
        driver.create_subnets(call(), routed)
        with pytest.raises(FixedIpAlreadyInUse):
            driver.allocate(call(), routed, owner)
        assert held(driver, by=owner) == []

    def test_a_64_with_pools_is_a_pool(self, driver: IpamDriver) -> None:
        needs(driver, Capability.POOLS)
        net = kept(driver, subnet("fd00:10::/64", pools=["fd00:10::a-fd00:10::b"]))
        assert sorted(give(driver, net)[0] for _ in range(2)) == ["fd00:10::a", "fd00:10::b"]

    @pytest.mark.parametrize("cidr", ["10.0.0.0/8", "fd00:10::/48", "fd00:10::/112"])
    def test_a_large_subnet_costs_no_more_than_a_small_one(
        self, driver: IpamDriver, cidr: str
    ) -> None:
        tracemalloc.start()
        start = monotonic()
        try:
            _use_a_little(driver, network(cidr))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < MEGABYTES << 20
        assert monotonic() - start < 10

    # --- what is taken back ---------------------------------------------------------------------

    def test_deallocation_takes_back_all_the_vif_holds(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        owner, neighbour = fill(driver, net, 2)
        driver.add_address(call(), net, owner)
        before = held(driver, by=neighbour)
        driver.deallocate(call(), net, owner)
        assert held(driver, by=owner) == []
        assert held(driver, by=neighbour) == before

    def test_deallocating_again_is_quiet(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        (owner,) = fill(driver, net, 1)
        driver.deallocate(call(), net, owner)
        driver.deallocate(call(), net, owner)
        assert held(driver, network=net) == []

    def test_deallocating_what_was_never_given_is_quiet(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        driver.deallocate(call(), net, vif(net))
        stranger = network("10.0.0.0/29")
        driver.deallocate(call(), stranger, vif(stranger))
        assert held(driver, network=net) == []

    def test_a_vif_can_be_allocated_again_after_deallocation(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        (owner,) = fill(driver, net, 1)
        driver.deallocate(call(), net, owner)
        assert len(give(driver, net, owner)) == 2

    def test_taking_back_from_one_vif_of_an_instance_leaves_the_other(
        self, driver: IpamDriver
    ) -> None:
        net = kept(driver, "10.0.0.0/29", "fd00:10::/64")
        gone, stays = _of_one_instance(net)
        for each in (gone, stays):
            driver.allocate(call(), net, each)
        before = held(driver, by=stays)
        for address in before:
            driver.remove_address(call(), net, gone, IPAddress(address))
        driver.deallocate(call(), net, gone)
        assert held(driver, by=gone) == []
        assert held(driver, by=stays) == before

    def test_a_late_deallocation_never_hits_the_next_owner(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/29")
        gone = fill(driver, net, 3)
        for each in gone:
            driver.deallocate(call(), net, each)
        owners = fill(driver, net, 2)
        before = held(driver, network=net)
        for each in gone:
            driver.deallocate(call(), net, each)
        assert held(driver, network=net) == before
        assert len(before) == len(owners)

    # --- races ----------------------------------------------------------------------------------

    def test_racing_vifs_have_addresses_of_their_own(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/28")
        tasks = [partial(driver.allocate, call(), net, vif(net)) for _ in range(13)]
        given = [texts(answer) for answer in race(tasks) if not isinstance(answer, Exception)]
        assert sorted(given) == sorted([f"10.0.0.{n}"] for n in range(2, 15))

    def test_the_last_address_goes_to_one_of_those_who_race(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/30", "fd00:10::/112")
        answers = race([partial(driver.allocate, call(), net, vif(net)) for _ in range(8)])
        lost = [answer for answer in answers if isinstance(answer, Exception)]
        assert [type(each) for each in lost] == [NoMoreFixedIps] * 7
        assert len(held(driver, network=net)) == 2

    def test_no_address_is_ever_in_two_hands(self, driver: IpamDriver) -> None:
        net = kept(driver, "10.0.0.0/26")
        in_hand: set[str] = set()
        lock = Lock()
        answers = race([partial(_come_and_go, driver, net, in_hand, lock) for _ in range(6)])
        assert answers == [None] * 6
        assert held(driver, network=net) == []


def _of_one_instance(net: Network) -> tuple[Vif, Vif]:
    one = vif(net)
    return one, vif(net, instance_id=one.instance_id)


def _use_a_little(driver: IpamDriver, net: Network) -> None:
    driver.create_subnets(call(), net)
    vifs = fill(driver, net, 3)
    if isinstance(driver, AddressUsage):
        assert sum(each.used for each in driver.usage(call(), [net.id])) == 3
    assert len(held(driver, network=net)) == 3
    for each in vifs:
        driver.deallocate(call(), net, each)
    driver.delete_subnets(call(), net)


def _come_and_go(driver: IpamDriver, net: Network, in_hand: set[str], lock: Lock) -> None:
    for _ in range(5):
        owner = vif(net)
        given = give(driver, net, owner)
        with lock:
            assert not in_hand & set(given)
            in_hand.update(given)
        with lock:
            in_hand.difference_update(given)
        driver.deallocate(call(), net, owner)
