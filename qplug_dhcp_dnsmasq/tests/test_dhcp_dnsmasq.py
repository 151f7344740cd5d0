"""The driver as its contract wants it, each answer asked of a real dnsmasq."""

import time
from pathlib import Path

import hosts
import probing
import pytest
from hosts import LinuxHost
from netaddr import EUI
from oslo_config.cfg import ConfigOpts

from qplug.contracts import DhcpDriver
from qplug.model import DhcpHost, Network
from qplug.testing.dhcp import Answers, DhcpDriverSuite
from qplug_dhcp_dnsmasq.driver import DnsmasqDhcp


class Remembering(DnsmasqDhcp):
    """Remembers whom it was told of, so that all of them can be asked for."""

    def __init__(self, conf: ConfigOpts) -> None:
        super().__init__(conf)
        self.told: dict[EUI, None] = {}

    def sync(self, call, network, hosts):  # type: ignore[no-untyped-def]
        found = list(hosts)
        self.told |= dict.fromkeys(host.mac for host in found)
        super().sync(call, network, found)

    def apply(self, call, network, *, changed=(), removed=()):  # type: ignore[no-untyped-def]
        self.told |= dict.fromkeys(host.mac for host in (*changed, *removed))
        super().apply(call, network, changed=changed, removed=removed)


class TestDnsmasqDhcp(DhcpDriverSuite):
    backend_can_go = False

    @pytest.fixture
    def driver(self, dnsmasq_conf: ConfigOpts) -> Remembering:
        return Remembering(dnsmasq_conf)

    @pytest.fixture(autouse=True)
    def _on(self, linux_host: LinuxHost) -> None:
        self.host = linux_host

    def placed(self, network: Network) -> Network:
        """Make the bridge, and a client's namespace on it."""
        hosts.run("ip", "link", "add", network.bridge, "type", "bridge", "forward_delay", "0")
        self._address(network)
        name, port = self.host.namespace(network.id[:8]), f"p{network.id[:11]}"
        peer = ("type", "veth", "peer", "name", "eth0", "netns", name)
        hosts.run("ip", "link", "add", port, *peer)
        hosts.run("ip", "link", "set", port, "master", network.bridge, "up")
        hosts.run("ip", "link", "set", network.bridge, "up")
        hosts.inside(name, "ip", "link", "set", "eth0", "up")
        return network

    def _address(self, network: Network) -> None:
        for subnet in network.subnets:
            address = f"{subnet.dhcp_server}/{subnet.cidr.prefixlen}"
            nodad = ("nodad",) if subnet.version == 6 else ()
            added = ("addr", "add", address, "dev", network.bridge, *nodad)
            hosts.run("ip", *added, check=False)  # or it is there

    def answers(self, driver: DhcpDriver, network: Network) -> Answers | None:
        assert isinstance(driver, Remembering)
        if driver._of(network.id).process.find() is None:
            return None
        self._address(network)
        with hosts.entered(hosts.OURS + network.id[:8]):
            found = {m: {a} for m, a in probing.offers("eth0", driver.told).items()}
            for subnet in network.subnets:
                if subnet.version == 6 and not subnet.derived:
                    server, relay = str(subnet.dhcp_server), str(subnet.cidr[-2])
                    address = f"{relay}/{subnet.cidr.prefixlen}"
                    hosts.run("ip", "addr", "add", address, "dev", "eth0", "nodad")
                    given = probing.advertised(server, relay, driver.told)
                    for mac, addresses in given.items():
                        found.setdefault(mac, set()).update(addresses)
        return {mac: frozenset(addresses) for mac, addresses in found.items()}

    def end_lease(self, driver: DhcpDriver, network: Network, host: DhcpHost) -> None:
        with hosts.entered(hosts.OURS + network.id[:8]):
            assert probing.lease("eth0", host.mac) == host.addresses[0]
            server = network.subnets[0].dhcp_server
            assert server is not None
            probing.release("eth0", host.mac, host.addresses[0], server)
        self._wait_for_events(driver, network, host)

    def _wait_for_events(self, driver: DhcpDriver, network: Network, host: DhcpHost) -> None:
        events = Path(driver._of(network.id).folder, "events")  # type: ignore[attr-defined]
        until = time.monotonic() + 5
        while f"del {host.mac} {host.addresses[0]} " not in events.read_text():
            assert time.monotonic() < until, events.read_text()
            time.sleep(0.01)
