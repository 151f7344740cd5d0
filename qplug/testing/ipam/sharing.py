"""What a driver whose state is shared does when several processes use it."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from netaddr import IPAddress

from qplug.contracts import IpamDriver
from qplug.errors import NoMoreFixedIps
from qplug.model import Capability, Network, Vif
from qplug.testing.ipam.asking import fill, give, held, kept, texts
from qplug.testing.processes import at_once
from qplug.testing.suite import needs, race
from qplug.testing.values import call, vif

ALL = [f"10.0.0.{n}" for n in range(2, 15)]
"""What 10.0.0.0/28 gives."""

EACH = len(ALL) + 1
"""How many vifs a process has, so that one alone finds the subnet full."""

# Python 3.12 warns of forks beside threads; the children here touch nothing that threads had.
forking = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

Part = Callable[[IpamDriver, Network, Sequence[Vif]], Sequence[str]]


class SharingTests:
    """Two drivers on one state are as one, in threads and in processes that were forked."""

    @pytest.fixture
    def same_driver(self, driver: IpamDriver) -> IpamDriver:
        """Return a second driver on the state of ``driver``, as another process would make it."""
        needs(driver, Capability.SHARED)
        pytest.fail(
            f"{type(self).__name__} lacks a fixture 'same_driver': a second driver on the state of "
            "'driver', as another process would make it"
        )

    def test_each_of_two_drivers_sees_what_the_other_gave_and_took_back(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/29")
        (ours,), (theirs,) = fill(driver, net, 1), fill(same_driver, net, 1)
        assert driver.allocate(call(), net, theirs) == same_driver.allocate(call(), net, theirs)
        assert driver.allocate(call(), net, ours) == same_driver.allocate(call(), net, ours)
        assert held(driver, network=net) == held(same_driver, network=net)
        same_driver.deallocate(call(), net, ours)
        driver.deallocate(call(), net, theirs)
        assert held(driver, network=net) == held(same_driver, network=net) == []

    def test_each_of_two_drivers_sees_the_subnets_of_the_other(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/29")
        assert same_driver.subnet_ids(call(), net.id) == {net.subnets[0].id}
        same_driver.delete_subnets(call(), net)
        assert driver.subnet_ids(call(), net.id) == frozenset()

    def test_the_last_addresses_go_to_different_vifs_who_race_through_two_drivers(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/28")
        given = [give(each, net)[0] for each in (driver, same_driver) * 4]
        tasks = [
            partial(each.allocate, call(), net, vif(net)) for each in (driver, same_driver) * 4
        ]
        answers = race(tasks)
        lost = [each for each in answers if isinstance(each, Exception)]
        assert [type(each) for each in lost] == [NoMoreFixedIps] * 3
        given += [texts(each)[0] for each in answers if not isinstance(each, Exception)]
        assert sorted(given) == sorted(f"10.0.0.{n}" for n in range(2, 15))

    def test_a_vif_asked_for_through_two_drivers_at_once_gets_one_answer(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/24")
        owner = vif(net)
        both = [partial(each.allocate, call(), net, owner) for each in (driver, same_driver)]
        answers = race(both * 4)
        assert all(answer == answers[0] for answer in answers)
        assert len(held(driver, network=net)) == 1

    @forking
    def test_processes_fill_a_subnet_together_and_every_address_goes_to_one_of_them(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/28")
        given = _processes([driver, same_driver] * 2, net, _take)
        assert sorted(given, key=IPAddress) == sorted(held(driver, network=net), key=IPAddress)
        assert sorted(given, key=IPAddress) == ALL

    @forking
    def test_what_processes_give_back_while_others_take_is_nobodys_afterwards(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        net = kept(driver, "10.0.0.0/24")

        def keep_every_second(
            driver: IpamDriver, network: Network, vifs: Sequence[Vif]
        ) -> Sequence[str]:
            left: list[str] = []
            for gone, stays in zip(vifs[::2], vifs[1::2], strict=True):
                give(driver, network, gone)
                left += give(driver, network, stays)
                driver.deallocate(call(), network, gone)
            return left

        left = _processes([driver, same_driver] * 2, net, keep_every_second)
        assert len(left) == 4 * EACH / 2
        assert sorted(left) == sorted(held(driver, network=net))

    @forking
    def test_no_address_is_lost_where_processes_take_the_last_ones_from_each_other(
        self, driver: IpamDriver, same_driver: IpamDriver
    ) -> None:
        needs(driver, Capability.SHARED)
        needs(driver, Capability.REUSE_DELAY)  # else it may keep back what was just given back
        net = kept(driver, "10.0.0.0/28")

        def come_and_go(driver: IpamDriver, network: Network, vifs: Sequence[Vif]) -> Sequence[str]:
            for n in range(0, len(vifs), 3):
                _take(driver, network, vifs[n:])
                for each in vifs[n:]:
                    driver.deallocate(call(), network, each)
            return ()

        assert _processes([driver, same_driver] * 2, net, come_and_go) == []
        assert held(driver, network=net) == []
        assert sorted(_take(driver, net, _vifs(net)), key=IPAddress) == ALL


def _processes(drivers: Sequence[IpamDriver], network: Network, part: Part) -> list[str]:
    """Do it in as many processes at once, and return what all of them return."""
    parts = [partial(part, each, network, _vifs(network)) for each in drivers]
    ends = at_once([partial(_joined, each) for each in parts])
    assert [end.said for end in ends if end.status] == []
    return [address for end in ends for address in end.said.split()]


def _joined(part: Callable[[], Sequence[str]]) -> str:
    return " ".join(part())


def _vifs(network: Network) -> Sequence[Vif]:
    """Return the vifs of a process, made before the fork so that all differ."""
    return [vif(network) for _ in range(EACH)]


def _take(driver: IpamDriver, network: Network, vifs: Sequence[Vif]) -> Sequence[str]:
    """Return what the vifs are given until nothing is left."""
    given: list[str] = []
    for each in vifs:
        try:
            given += give(driver, network, each)
        except NoMoreFixedIps:
            break
    return given
