"""The driver as its contract wants it, on a host of its own."""

import hosts

from qplug.contracts import L3Driver
from qplug.model import Network
from qplug.testing.l3 import L3DriverSuite


class TestLinuxL3(L3DriverSuite):
    backend_can_go = False

    def has_gateway(self, driver: L3Driver, network: Network) -> bool:
        rules = hosts.run("nft", "list", "table", "inet", "qplug_l3")
        return (
            network.bridge in hosts.links() and f'"{network.bridge}" . "{network.bridge}"' in rules
        )

    def has_nat(self, driver: L3Driver, network: Network) -> bool:
        rules = hosts.run("nft", "list", "set", "inet", "qplug_l3", "nat_src")
        return any(str(subnet.cidr) in rules for subnet in network.subnets)
