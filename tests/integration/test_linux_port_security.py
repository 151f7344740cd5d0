"""What an instance sends that is not its own, and what becomes of it."""

import socket
from collections.abc import Callable

import hosts
import pytest
from hosts import linux_host
from netaddr import EUI, IPAddress
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Advertise
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6NDOptDstLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw
from scenes import MakeScene, Scene, Vm, counters, make_scene, scene

from qplug.model import Network
from qplug.model.ipv6 import link_local

pytestmark = pytest.mark.integration

__all__ = ["linux_host", "make_scene", "scene"]

MARK, END = b"seen by a neighbour", b"and nothing after"
FOREIGN, STRANGER = "fa:16:3e:99:99:99", "10.20.0.99"
GATEWAY = "10.20.0.1"
ALL_NODES = "33:33:00:00:00:01"

Make = Callable[[Vm, Vm], Packet]


def _own6(vm: Vm) -> str:
    return str(link_local(vm.mac))


def _to(a: Vm, b: Vm, source: str = "") -> Packet:
    """Return a frame from one to the other."""
    return Ether(src=source or str(a.mac), dst=str(b.mac))


def _advert6(a: Vm, target: str) -> Packet:
    option = ICMPv6NDOptDstLLAddr(lladdr=str(a.mac))
    return ICMPv6ND_NA(tgt=target, R=0, S=0, O=1) / option


ATTACKS: dict[str, Make] = {
    "a foreign IPv4 address": lambda a, b: (
        _to(a, b) / IP(src=STRANGER, dst=b.address) / ICMP() / Raw(MARK)
    ),
    "a foreign MAC address": lambda a, b: (
        _to(a, b, FOREIGN) / IP(src=a.address, dst=b.address) / ICMP() / Raw(MARK)
    ),
    "ARP for the gateway": lambda a, b: (
        _to(a, b)
        / ARP(op=2, hwsrc=str(a.mac), psrc=GATEWAY, hwdst=str(b.mac), pdst=b.address)
        / Raw(MARK)
    ),
    "ARP with a foreign MAC address inside": lambda a, b: (
        _to(a, b)
        / ARP(op=2, hwsrc=FOREIGN, psrc=a.address, hwdst=str(b.mac), pdst=b.address)
        / Raw(MARK)
    ),
    "a router advertisement": lambda a, b: (
        Ether(src=str(a.mac), dst=ALL_NODES)
        / IPv6(src=_own6(a), dst="ff02::1", hlim=255)
        / ICMPv6ND_RA()
        / Raw(MARK)
    ),
    "a router advertisement behind a destination option": lambda a, b: (
        Ether(src=str(a.mac), dst=ALL_NODES)
        / IPv6(src=_own6(a), dst="ff02::1", hlim=255)
        / IPv6ExtHdrDestOpt()
        / ICMPv6ND_RA()
        / Raw(MARK)
    ),
    "a router advertisement behind a hop-by-hop option": lambda a, b: (
        Ether(src=str(a.mac), dst=ALL_NODES)
        / IPv6(src=_own6(a), dst="ff02::1", hlim=255)
        / IPv6ExtHdrHopByHop()
        / ICMPv6ND_RA()
        / Raw(MARK)
    ),
    "a redirect": lambda a, b: (
        _to(a, b)
        / IPv6(src=_own6(a), dst=_own6(b), hlim=255)
        / ICMPv6ND_Redirect(tgt=_own6(a), dst="2001:db8::1")
        / Raw(MARK)
    ),
    "a DHCP offer": lambda a, b: (
        _to(a, b)
        / IP(src=a.address, dst=b.address)
        / UDP(sport=67, dport=68)
        / BOOTP(op=2, yiaddr=STRANGER, chaddr=EUI(str(b.mac)).packed)
        / DHCP(options=[("message-type", "offer"), "end"])
        / Raw(MARK)
    ),
    "a DHCPv6 advertisement": lambda a, b: (
        _to(a, b)
        / IPv6(src=_own6(a), dst=_own6(b))
        / UDP(sport=547, dport=546)
        / DHCP6_Advertise()
        / Raw(MARK)
    ),
    "a foreign IPv6 address": lambda a, b: (
        _to(a, b) / IPv6(src="2001:db8:20::99", dst=_own6(b)) / ICMPv6EchoRequest(data=MARK)
    ),
    "a neighbour advertisement for the gateway": lambda a, b: (
        Ether(src=str(a.mac), dst=ALL_NODES)
        / IPv6(src=_own6(a), dst="ff02::1", hlim=255)
        / _advert6(a, "2001:db8:20::1")
        / Raw(MARK)
    ),
    "a tagged frame with a foreign address": lambda a, b: (
        _to(a, b) / Dot1Q(vlan=5) / IP(src=STRANGER, dst=b.address) / ICMP() / Raw(MARK)
    ),
    "an unknown ethertype": lambda a, b: (
        Ether(src=str(a.mac), dst=str(b.mac), type=0x88CC) / Raw(MARK)
    ),
}

HONEST: dict[str, Make] = {
    "an echo request": lambda a, b: _to(a, b) / _echo(a, b) / Raw(MARK),
    "an ARP request": lambda a, b: (
        Ether(src=str(a.mac), dst="ff:ff:ff:ff:ff:ff")
        / ARP(op=1, hwsrc=str(a.mac), psrc=a.address, pdst=b.address)
        / Raw(MARK)
    ),
    "an ARP probe": lambda a, b: (
        Ether(src=str(a.mac), dst="ff:ff:ff:ff:ff:ff")
        / ARP(op=1, hwsrc=str(a.mac), psrc="0.0.0.0", pdst=a.address)  # noqa: S104
        / Raw(MARK)
    ),
    "a DHCP discovery": lambda a, b: (
        Ether(src=str(a.mac), dst="ff:ff:ff:ff:ff:ff")
        / IP(src="0.0.0.0", dst="255.255.255.255")  # noqa: S104
        / UDP(sport=68, dport=67)
        / BOOTP(chaddr=EUI(str(a.mac)).packed)
        / DHCP(options=[("message-type", "discover"), "end"])
        / Raw(MARK)
    ),
    "a detection of duplicates": lambda a, b: (
        Ether(src=str(a.mac), dst=ALL_NODES)
        / IPv6(src="::", dst="ff02::1", hlim=255)
        / ICMPv6ND_NS(tgt=_own6(a))
        / Raw(MARK)
    ),
    "a neighbour advertisement of its own": lambda a, b: (
        Ether(src=str(a.mac), dst=ALL_NODES)
        / IPv6(src=_own6(a), dst="ff02::1", hlim=255)
        / _advert6(a, _own6(a))
        / Raw(MARK)
    ),
    "an IPv6 echo request": lambda a, b: (
        _to(a, b) / IPv6(src=str(a.addresses[1]), dst=_own6(b)) / ICMPv6EchoRequest(data=MARK)
    ),
}


class Watched:
    """Two instances of a network, one of which sends whatever it likes."""

    def __init__(self, scene: Scene) -> None:
        self.network: Network = scene.network("a", "10.20.0.0/24", "2001:db8:20::/64")
        self.scene = scene
        self.a, self.b = scene.vm("a1", self.network), scene.vm("a2", self.network)
        for vm in (self.a, self.b):
            vm.boots()

    def passes(self, make: Make) -> bool:
        """Send a frame from one and say whether the other sees it."""
        frames = [make(self.a, self.b), _to(self.a, self.b) / _echo(self.a, self.b) / Raw(END)]
        with hosts.entered(self.b.netns), _wire() as seeing:
            with hosts.entered(self.a.netns), _wire() as sending:
                for frame in frames:
                    sending.send(bytes(frame))
            seen = False
            while END not in (got := seeing.recv(4096)):
                seen |= MARK in got
        return seen


def _echo(a: Vm, b: Vm) -> Packet:
    return IP(src=a.address, dst=b.address) / ICMP()


def _wire() -> socket.socket:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("eth0", 3))
    wire.settimeout(2)
    return wire


def test_what_is_not_its_own_is_dropped_and_counted(scene: Scene) -> None:
    watched = Watched(scene)
    passed, counted = [], []
    for name, make in ATTACKS.items():
        before = _dropped()
        if watched.passes(make):
            passed.append(name)
        counted.append((name, _dropped() - before))
    assert passed == []
    assert [name for name, number in counted if number < 1] == []


def _dropped() -> int:
    chains = ("from_vm", "arp_in", "ip4_in", "ip6_in")
    return sum(counters("bridge qplug_ps", chain) for chain in chains)


def test_what_is_its_own_passes(scene: Scene) -> None:
    watched = Watched(scene)
    assert [name for name, make in HONEST.items() if not watched.passes(make)] == []


def test_without_port_security_addresses_can_be_taken_and_nothing_can_be_served(
    make_scene: MakeScene,
) -> None:
    watched = Watched(make_scene(port_security=False))
    assert watched.passes(ATTACKS["a foreign IPv4 address"])
    served = [name for name in ATTACKS if "DHCP" in name or "router" in name or "redirect" in name]
    assert len(served) == 6
    assert [name for name in served if watched.passes(ATTACKS[name])] == []


def test_an_added_address_may_be_used_and_a_removed_one_not(scene: Scene) -> None:
    watched = Watched(scene)

    def uses_it(a: Vm, b: Vm) -> Packet:
        return _to(a, b) / IP(src=STRANGER, dst=b.address) / ICMP() / Raw(MARK)

    scene.api.add_fixed_ip_to_instance(watched.a.id, "a", address=IPAddress(STRANGER))
    assert watched.passes(uses_it)
    scene.api.remove_fixed_ip_from_instance(watched.a.id, IPAddress(STRANGER))
    assert not watched.passes(uses_it)
    assert scene.audited() == []


def test_a_device_is_guarded_before_it_is_there(scene: Scene) -> None:
    a = scene.network("a", "10.20.0.0/24")
    vm = scene.allocated("v1", a)
    assert vm.device not in hosts.links()
    assert vm.device in hosts.run("nft", "list", "set", "bridge", "qplug_ps", "ports")
    scene.free(vm)
    assert vm.device not in hosts.run("nft", "list", "table", "bridge", "qplug_ps")
