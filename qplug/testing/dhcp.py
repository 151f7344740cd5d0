"""The conformance suite of DHCP drivers."""

# mypy: disable-error-code=type-abstract
# Contracts are asked for here, and never made.

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

import pytest
from netaddr import EUI, IPAddress

from qplug.contracts import DhcpDriver, LeaseEvents
from qplug.model import Capability, DhcpHost, Network
from qplug.testing.suite import Calls, DriverSuite, needs, provided, race
from qplug.testing.values import call, dhcp_host, network, subnet, vif

Answers = Mapping[EUI, frozenset[IPAddress]]

_NETWORK = network("10.0.0.0/24", "fd00:10::/64")
_HOST = dhcp_host(vif(_NETWORK), "10.0.0.2")


def answers_for(*hosts: DhcpHost) -> Answers:
    """Return what the clients that are these hosts are to be told."""
    return {host.mac: frozenset(host.addresses) for host in hosts}


class DhcpDriverSuite(DriverSuite, base=True):
    """Inherit it and supply ``driver``, a fixture on a host that serves no network of ours.

    A driver with ``Capability.SERVES`` is looked at from outside: override :meth:`answers`, and
    :meth:`end_lease` if it keeps LeaseEvents.
    """

    contract = DhcpDriver
    calls: ClassVar[Calls] = {
        "check": lambda driver, call: driver.check(call),
        "sync": lambda driver, call: driver.sync(call, _NETWORK, [_HOST]),
        "apply": lambda driver, call: driver.apply(call, _NETWORK, changed=[_HOST]),
        "stop": lambda driver, call: driver.stop(call, _NETWORK),
        "prune": lambda driver, call: driver.prune(call, []),
        "ended_leases": lambda driver, call: driver.ended_leases(call),
        "acknowledge": lambda driver, call: driver.acknowledge(call, []),
        "leases": lambda driver, call: driver.leases(call, _NETWORK),
        "faults": lambda driver, call: driver.faults(call, _NETWORK, []),
        "strays": lambda driver, call: driver.strays(call, []),
    }

    def placed(self, network: Network) -> Network:
        """Return the network, its gateway device in place; override it for a driver that needs it.

        The fixture ``driver`` removes at its end what this leaves behind.
        """
        return network

    def answers(self, driver: DhcpDriver, network: Network) -> Answers | None:
        """Return what clients would be told, by MAC; ``None`` if not served. Override it."""
        pytest.fail(f"{type(self).__name__} lacks a method 'answers'")

    def end_lease(self, driver: DhcpDriver, network: Network, host: DhcpHost) -> None:
        """Let the lease of a served host's first address end; override it."""
        pytest.fail(f"{type(self).__name__} lacks a method 'end_lease'")

    def test_every_wish_may_be_stated_twice(self, driver: DhcpDriver) -> None:
        net = self.placed(network("10.0.0.0/24", "fd00:10::/64"))
        host = dhcp_host(vif(net), "10.0.0.2", "fd00:10::2", hostname="web")
        for _ in range(2):
            driver.sync(call(), net, [host])
            driver.apply(call(), net, changed=[host])
            driver.apply(call(), net, removed=[host])
            driver.stop(call(), net)
            driver.prune(call(), [])
        assert driver.check(call())

    # --- Capability.SERVES ----------------------------------------------------------------------

    def test_after_a_sync_exactly_its_hosts_are_answered(self, driver: DhcpDriver) -> None:
        net, _, second = self._served(driver)
        third = dhcp_host(vif(net), "10.0.0.4")
        driver.sync(call(), net, (host for host in (second, third)))
        assert self.answers(driver, net) == answers_for(second, third)

    def test_a_sync_with_no_hosts_serves_the_network_all_the_same(self, driver: DhcpDriver) -> None:
        net, *_ = self._served(driver)
        driver.sync(call(), net, [])
        assert self.answers(driver, net) == {}

    def test_a_sync_again_changes_nothing(self, driver: DhcpDriver) -> None:
        net, first, second = self._served(driver)
        driver.sync(call(), net, [second, first])
        assert self.answers(driver, net) == answers_for(first, second)

    def test_all_addresses_of_a_host_are_served(self, driver: DhcpDriver) -> None:
        needs(driver, Capability.SERVES)
        net = self.placed(network("10.0.0.0/24", "fd00:10::/112"))
        host = dhcp_host(vif(net), "10.0.0.2", "fd00:10::2", hostname="web")
        driver.sync(call(), net, [host])
        assert self.answers(driver, net) == answers_for(host)

    def test_a_network_without_gateway_is_served(self, driver: DhcpDriver) -> None:
        needs(driver, Capability.SERVES)
        net = self.placed(network(subnet("10.0.0.0/24", routed=False)))
        host = dhcp_host(vif(net), "10.0.0.2")
        driver.sync(call(), net, [host])
        assert self.answers(driver, net) == answers_for(host)

    def test_a_change_adds_a_host_and_leaves_the_others(self, driver: DhcpDriver) -> None:
        net, first, second = self._served(driver)
        third = dhcp_host(vif(net), "10.0.0.4")
        driver.apply(call(), net, changed=[third])
        assert self.answers(driver, net) == answers_for(first, second, third)

    def test_a_change_of_the_network_alone_leaves_its_hosts_and_serves_a_subnet_more(
        self, driver: DhcpDriver
    ) -> None:
        net, first, second = self._served(driver)
        wider = replace(net, subnets=(*net.subnets, subnet("10.0.1.0/24")))
        driver.apply(call(), wider)
        assert self.answers(driver, wider) == answers_for(first, second)
        third = dhcp_host(vif(wider), "10.0.1.2")
        driver.apply(call(), wider, changed=[third])
        assert self.answers(driver, wider) == answers_for(first, second, third)

    def test_a_changed_host_is_served_with_the_addresses_it_has_now(
        self, driver: DhcpDriver
    ) -> None:
        net, first, second = self._served(driver)
        moved = DhcpHost(vif_id=first.vif_id, mac=first.mac, addresses=(IPAddress("10.0.0.9"),))
        driver.apply(call(), net, changed=[moved])
        assert self.answers(driver, net) == answers_for(moved, second)

    def test_a_change_starts_a_network_not_served_yet(self, driver: DhcpDriver) -> None:
        needs(driver, Capability.SERVES)
        net = self.placed(network("10.0.0.0/24"))
        assert self.answers(driver, net) is None
        host = dhcp_host(vif(net), "10.0.0.2")
        driver.apply(call(), net, changed=[host])
        assert self.answers(driver, net) == answers_for(host)

    def test_a_removed_host_is_answered_no_more(self, driver: DhcpDriver) -> None:
        net, first, second = self._served(driver)
        driver.apply(call(), net, removed=[first])
        driver.apply(call(), net, removed=[first])
        assert self.answers(driver, net) == answers_for(second)

    def test_one_change_may_hand_an_address_from_one_host_to_another(
        self, driver: DhcpDriver
    ) -> None:
        net, first, second = self._served(driver)
        heir = dhcp_host(vif(net), str(first.addresses[0]))
        driver.apply(call(), net, changed=[heir], removed=[first])
        assert self.answers(driver, net) == answers_for(heir, second)

    def test_removing_an_unknown_host_is_quiet(self, driver: DhcpDriver) -> None:
        net, first, second = self._served(driver)
        driver.apply(call(), net, removed=[dhcp_host(vif(net), "10.0.0.77")])
        assert self.answers(driver, net) == answers_for(first, second)

    def test_removing_hosts_starts_no_network(self, driver: DhcpDriver) -> None:
        needs(driver, Capability.SERVES)
        net = network("10.0.0.0/24")
        driver.apply(call(), net, removed=[dhcp_host(vif(net), "10.0.0.77")])
        assert self.answers(driver, net) is None

    def test_changes_made_at_once_are_all_there(self, driver: DhcpDriver) -> None:
        net, first, second = self._served(driver)
        more = [dhcp_host(vif(net), f"10.0.0.{n}") for n in range(10, 18)]
        answers = race([partial(driver.apply, call(), net, changed=[host]) for host in more])
        assert answers == [None] * 8
        assert self.answers(driver, net) == answers_for(first, second, *more)

    def test_networks_are_served_apart(self, driver: DhcpDriver) -> None:
        net, first, second = self._served(driver)
        other = self.placed(network("10.0.1.0/24"))
        host = dhcp_host(vif(other), "10.0.1.2")
        driver.sync(call(), other, [host])
        driver.stop(call(), other)
        assert self.answers(driver, net) == answers_for(first, second)

    def test_a_stopped_network_is_not_served(self, driver: DhcpDriver) -> None:
        net, *_ = self._served(driver)
        driver.stop(call(), net)
        assert self.answers(driver, net) is None
        driver.stop(call(), net)
        driver.stop(call(), network("10.0.1.0/24"))

    def test_pruning_leaves_the_networks_named_and_nothing_else_of_ours(
        self, driver: DhcpDriver
    ) -> None:
        net, first, second = self._served(driver)
        gone = self.placed(network("10.0.1.0/24"))
        driver.sync(call(), gone, [dhcp_host(vif(gone), "10.0.1.2")])
        driver.prune(call(), [net.id])
        assert self.answers(driver, gone) is None
        assert self.answers(driver, net) == answers_for(first, second)

    # --- LeaseEvents ----------------------------------------------------------------------------

    def test_an_ended_lease_is_told_until_it_is_acknowledged(self, driver: DhcpDriver) -> None:
        events = provided(driver, LeaseEvents)
        net, first, second = self._served(driver)
        for host in (first, second):
            self.end_lease(driver, net, host)
        ended = list(events.ended_leases(call()))
        wanted = [(net.id, host.addresses[0], host.mac) for host in (first, second)]
        assert [(each.network_id, each.address, each.mac) for each in ended] == wanted
        events.acknowledge(call(), ended[:1])
        assert list(events.ended_leases(call())) == ended[1:]

    def test_acknowledging_again_is_quiet(self, driver: DhcpDriver) -> None:
        events = provided(driver, LeaseEvents)
        net, first, _ = self._served(driver)
        self.end_lease(driver, net, first)
        ended = events.ended_leases(call())
        events.acknowledge(call(), ended)
        events.acknowledge(call(), ended)
        assert list(events.ended_leases(call())) == []

    def _served(self, driver: DhcpDriver) -> tuple[Network, DhcpHost, DhcpHost]:
        needs(driver, Capability.SERVES)
        net = self.placed(network("10.0.0.0/24"))
        hosts = dhcp_host(vif(net), "10.0.0.2"), dhcp_host(vif(net), "10.0.0.3")
        driver.sync(call(), net, hosts)
        return net, *hosts
