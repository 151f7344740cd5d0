"""What drivers hold that their contracts do not list."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from netaddr import EUI, IPAddress

from qplug.model import Capability, Network
from qplug.testing.memory import MemoryDhcp, MemoryL3, MemoryMac


class Looks:
    """Looks at drivers from outside; a suite for another one than these overrides its methods.

    They are those of the suites of each kind, :class:`~qplug.testing.dhcp.DhcpDriverSuite` and
    :class:`~qplug.testing.l3.L3DriverSuite`, so that one class can serve both.
    """

    def answers(self, driver: Any, network: Network) -> Mapping[EUI, frozenset[IPAddress]] | None:
        """Return what DHCP clients would be told, by MAC; ``None`` if not served."""
        if Capability.SERVES not in driver.capabilities:
            return None
        served = self._of(driver, MemoryDhcp, "answers").served.get(network.id)
        if served is None:
            return None
        return {host.mac: frozenset(host.addresses) for host in served.values()}

    def has_gateway(self, driver: Any, network: Network) -> bool:
        """Say whether the host has the network's gateway device."""
        if Capability.SERVES not in driver.capabilities:
            return False
        return network.id in self._of(driver, MemoryL3, "has_gateway").gateways

    def has_nat(self, driver: Any, network: Network) -> bool:
        """Say whether the host translates what leaves the network."""
        if Capability.SERVES not in driver.capabilities:
            return False
        return network.id in self._of(driver, MemoryL3, "has_nat").translated

    def vifs_with_mac(self, driver: Any) -> Collection[str]:
        """Return the ids of the vifs that have a MAC address on the driver's record."""
        if Capability.STATELESS in driver.capabilities:
            return ()
        return list(self._of(driver, MemoryMac, "vifs_with_mac").given)

    def _of(self, driver: Any, ours: type, method: str) -> Any:
        if not isinstance(driver, ours):
            pytest.fail(f"{type(self).__name__} lacks a method '{method}' for its driver")
        return driver
