"""The conformance suite of L3 drivers."""

from functools import partial
from typing import ClassVar

import pytest

from qplug.contracts import L3Driver
from qplug.errors import Conflict
from qplug.model import Capability, Network, Plug
from qplug.testing.suite import Calls, DriverSuite, needs, race
from qplug.testing.values import call, dhcp_host, network, subnet, vif

_NETWORK = network("10.0.0.0/24")
_HOST = dhcp_host(vif(_NETWORK), "10.0.0.2")


class L3DriverSuite(DriverSuite, base=True):
    """Inherit it and supply ``driver``, a fixture on a host without gateways of ours.

    A driver with ``Capability.SERVES`` is looked at from outside: override :meth:`has_gateway`
    and :meth:`has_nat`.
    """

    contract = L3Driver
    calls: ClassVar[Calls] = {
        "check": lambda driver, call: driver.check(call),
        "initialize": lambda driver, call: driver.initialize(call),
        "enable_gateway": lambda driver, call: driver.enable_gateway(call, _NETWORK),
        "disable_gateway": lambda driver, call: driver.disable_gateway(call, _NETWORK),
        "enable_nat": lambda driver, call: driver.enable_nat(call, _NETWORK),
        "disable_nat": lambda driver, call: driver.disable_nat(call, _NETWORK),
        "prune": lambda driver, call: driver.prune(call, []),
        "known_ports": lambda driver, call: driver.known_ports(call, _NETWORK),
        "sync_ports": lambda driver, call: driver.sync_ports(call, _NETWORK, []),
        "apply_ports": lambda driver, call: driver.apply_ports(call, _NETWORK, changed=[_HOST]),
        "plug": lambda driver, call: driver.plug(call, _NETWORK, _HOST, Plug()),
        "unplug": lambda driver, call: driver.unplug(call, _NETWORK, _HOST.vif_id),
        "faults": lambda driver, call: driver.faults(call, _NETWORK, []),
        "strays": lambda driver, call: driver.strays(call, []),
    }

    def has_gateway(self, driver: L3Driver, network: Network) -> bool:
        """Say whether the host has the network's gateway device; override it."""
        pytest.fail(f"{type(self).__name__} lacks a method 'has_gateway'")

    def has_nat(self, driver: L3Driver, network: Network) -> bool:
        """Say whether the host translates what leaves the network; override it."""
        pytest.fail(f"{type(self).__name__} lacks a method 'has_nat'")

    def test_initializing_may_be_repeated(self, driver: L3Driver) -> None:
        driver.initialize(call())
        driver.initialize(call())
        assert driver.initialized

    def test_every_wish_may_be_stated_and_taken_back_twice(self, driver: L3Driver) -> None:
        driver.initialize(call())
        net = network("10.0.0.0/24", "fd00:10::/64")
        for wish in (driver.enable_gateway, driver.enable_nat):
            wish(call(), net)
            wish(call(), net)
        for wish in (driver.disable_nat, driver.disable_gateway):
            wish(call(), net)
            wish(call(), net)
        assert driver.initialized

    def test_taking_back_what_was_never_wanted_is_quiet(self, driver: L3Driver) -> None:
        driver.initialize(call())
        driver.disable_nat(call(), network("10.0.0.0/24"))
        driver.disable_gateway(call(), network("10.0.0.0/24"))
        driver.prune(call(), [])
        assert driver.initialized

    # --- Capability.SERVES ----------------------------------------------------------------------

    @pytest.mark.parametrize("routed", [True, False], ids=["with gateway", "without gateway"])
    def test_a_network_has_its_device_until_it_is_disabled(
        self, driver: L3Driver, routed: bool
    ) -> None:
        self._ready(driver)
        net = network(subnet("10.0.0.0/24", routed=routed))
        assert not self.has_gateway(driver, net)
        driver.enable_gateway(call(), net)
        driver.enable_gateway(call(), net)
        assert self.has_gateway(driver, net)
        driver.disable_gateway(call(), net)
        assert not self.has_gateway(driver, net)

    def test_a_network_is_translated_until_it_is_disabled(self, driver: L3Driver) -> None:
        self._ready(driver)
        net = network("10.0.0.0/24", "fd00:10::/64")
        driver.enable_gateway(call(), net)
        assert not self.has_nat(driver, net)
        driver.enable_nat(call(), net)
        driver.enable_nat(call(), net)
        assert self.has_nat(driver, net)
        driver.disable_nat(call(), net)
        assert not self.has_nat(driver, net)
        assert self.has_gateway(driver, net)

    @pytest.mark.parametrize(
        "net",
        [network("fd00:10::/64"), network(subnet("10.0.0.0/24", routed=False))],
        ids=["IPv6", "without gateway"],
    )
    def test_what_has_no_ipv4_gateway_is_not_translated(
        self, driver: L3Driver, net: Network
    ) -> None:
        self._ready(driver)
        driver.enable_gateway(call(), net)
        driver.enable_nat(call(), net)
        assert not self.has_nat(driver, net)

    def test_a_routed_network_that_overlaps_another_is_refused(self, driver: L3Driver) -> None:
        self._ready(driver)
        first, second = network("10.0.0.0/16"), network("10.0.1.0/24")
        driver.enable_gateway(call(), first)
        with pytest.raises(Conflict):
            driver.enable_gateway(call(), second)
        assert self.has_gateway(driver, first)
        assert not self.has_gateway(driver, second)

    def test_an_overlapping_network_is_routed_when_the_other_is_gone(
        self, driver: L3Driver
    ) -> None:
        self._ready(driver)
        first, second = network("10.0.0.0/16"), network("10.0.1.0/24")
        driver.enable_gateway(call(), first)
        driver.disable_gateway(call(), first)
        driver.enable_gateway(call(), second)
        assert self.has_gateway(driver, second)

    def test_pruning_leaves_the_networks_named_and_nothing_else_of_ours(
        self, driver: L3Driver
    ) -> None:
        self._ready(driver)
        kept, gone = network("10.0.0.0/24"), network("10.0.1.0/24")
        for net in (kept, gone):
            driver.enable_gateway(call(), net)
            driver.enable_nat(call(), net)
        driver.prune(call(), [kept.id])
        driver.prune(call(), [kept.id])
        assert (self.has_gateway(driver, kept), self.has_nat(driver, kept)) == (True, True)
        assert (self.has_gateway(driver, gone), self.has_nat(driver, gone)) == (False, False)

    def test_networks_enabled_at_once_are_all_there(self, driver: L3Driver) -> None:
        self._ready(driver)
        nets = [network(f"10.0.{n}.0/24") for n in range(6)]
        answers = race([partial(driver.enable_gateway, call(), net) for net in nets])
        assert answers == [None] * 6
        assert all(self.has_gateway(driver, net) for net in nets)

    def _ready(self, driver: L3Driver) -> None:
        needs(driver, Capability.SERVES)
        driver.initialize(call())
