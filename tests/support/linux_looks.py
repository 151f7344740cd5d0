"""What a Linux host does, seen in its kernel and in dnsmasq's files."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hosts
import pytest
from netaddr import EUI, IPAddress

from qplug.model import Network, mac_address
from qplug.testing.looking import Looks
from qplug.testing.values import call
from qplug_dhcp_dnsmasq.driver import DnsmasqDhcp
from qplug_dhcp_dnsmasq.texts import leased
from qplug_l3_linux.driver import LinuxL3
from qplug_l3_linux.rules import L3, PS, in_json
from qplug_l3_linux.wanted import Wanted

Answers = Mapping[EUI, frozenset[IPAddress]]


class LinuxLooks(Looks):
    """Looks at the drivers ``linux`` and ``dnsmasq``."""

    def answers(self, driver: Any, network: Network) -> Answers | None:
        """Return whom the network's dnsmasq tells what, once its files say just that."""
        if not isinstance(driver, DnsmasqDhcp):
            return super().answers(driver, network)
        serving = driver._of(network.id)
        if serving.process.find() is None:
            if serving.is_known():
                pytest.fail(f"there is something left of network {network.id}: {serving.folder}")
            return None
        with serving.ledger(call()) as ledger:
            known, changes = list(ledger.hosts()), ledger.changes()
        told = {
            host.mac: frozenset(leased(network, host.addresses))
            for host in known
            if leased(network, host.addresses)
        }
        if changes or told != files_say(Path(serving.folder)):
            pytest.fail(f"dnsmasq was told {files_say(Path(serving.folder))}, wanted are {told}")
        return {host.mac: frozenset(host.addresses) for host in known}

    def has_gateway(self, driver: Any, network: Network) -> bool:
        """Say whether the bridge is there, and the rules know it."""
        if not isinstance(driver, LinuxL3):
            return super().has_gateway(driver, network)
        refuse_leaks(driver)
        device = f'"{network.bridge}"'
        known = f"{device} . {device}" in hosts.run(
            "nft", "list", "table", "inet", "qplug_l3", check=False
        )
        there = network.bridge in hosts.links()
        if there != known:
            pytest.fail(f"bridge {network.bridge} is there: {there}, in the rules: {known}")
        return there

    def has_nat(self, driver: Any, network: Network) -> bool:
        """Say whether the network's first IPv4 cidr is translated."""
        if not isinstance(driver, LinuxL3):
            return super().has_nat(driver, network)
        rules = hosts.run("nft", "list", "set", "inet", "qplug_l3", "nat_src", check=False)
        cidrs = [str(subnet.cidr) for subnet in network.subnets if subnet.version == 4]
        with driver._file.turn(call()) as rows:  # another network may have the cidr by now
            known = Wanted(rows).network(network.id)
        return bool(known and known.is_translated) and any(cidr in rules for cidr in cidrs)


def refuse_leaks(driver: LinuxL3) -> None:
    """See that the kernel has what was written down, and nothing else."""
    kernel = {
        in_json(table, name, value)
        for table in (L3, PS)
        for name, values in driver._rules.sets(table).items()
        for value in values
        if not name.startswith("rules_")
    }
    with driver._file.turn(call()) as rows:
        wanted = Wanted(rows)
        written, doubted = wanted.elements(), wanted.suspects()
    if kernel and kernel - doubted != written - doubted:
        pytest.fail(f"the kernel has {kernel - written} too, and lacks {written - kernel}")


def files_say(folder: Path) -> Answers:
    """Return what dnsmasq takes from its files: of the lines of a MAC address the newest."""
    found: dict[EUI, frozenset[IPAddress]] = {}
    for path in [folder / "hosts", *sorted((folder / "hosts.d").iterdir())]:
        for line in path.read_text().splitlines():
            mac, *words = line.split(",")
            addresses = [word.strip("[]") for word in words if word[0] in "[0123456789"]
            addresses = [word for word in addresses if "." in word or ":" in word]
            found[mac_address(mac)] = frozenset(map(IPAddress, addresses))
    return {mac: addresses for mac, addresses in found.items() if addresses}


def wait_until(condition: Any, seconds: float = 5) -> None:
    """Wait for something that comes by itself."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.01)
