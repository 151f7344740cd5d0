"""Instances on a real Linux host: real bridges, real rules, real dnsmasq, real DHCP clients."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree

import hosts
import pytest
import scenes
from hosts import linux_host
from netaddr import IPAddress, IPNetwork
from scenes import WORLD, WORLD6, MakeScene, Scene, Vm, make_scene, scene

from qplug.manager import SubnetChanges
from qplug.model import Network, Plug, Route

pytestmark = pytest.mark.integration

__all__ = ["linux_host", "make_scene", "scene"]


def test_instances_get_their_addresses_and_reach_the_world(make_scene: MakeScene) -> None:
    scene = make_scene(metadata_host=scenes.HOST)
    hosts.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    world = scene.world()
    pools = ["2001:db8:20::10-2001:db8:20::99"]
    a = scene.network("a", "10.20.0.0/24", "2001:db8:20::/64", pools=pools)
    b = scene.network("b", "10.21.0.0/24", "2001:db8:21::/64")
    a1, a2 = scene.vm("a1", a, "10.20.0.10"), scene.vm("a2", a)
    b1 = scene.vm("b1", b)
    for address, port in ((WORLD, 80), (WORLD6, 80)):
        scene.serve(world, address, port)
    scene.serve(None, scenes.HOST, 8775)

    # exactly what was allocated
    a1.boots("udhcpc")
    a2.boots("dhclient")
    b1.boots("udhcpc")
    assert a1.has[0] == "10.20.0.10"
    for vm, router in ((a1, "10.20.0.1"), (a2, "10.20.0.1"), (b1, "10.21.0.1")):
        assert (vm.address in vm.has, vm.mtu, vm.router) == (True, 1450, router)

    # the world sees the host, the metadata service sees the instance
    assert a1.asks(WORLD) == scenes.HOST
    assert a1.asks("169.254.169.254") == "10.20.0.10"
    assert a1.asks(scenes.HOST, 8775, seconds=1) is None
    assert b1.asks("169.254.169.254") == b1.address

    # neighbours see each other, networks do not
    scene.serve(a2.netns, a2.address)
    assert a1.asks(a2.address) == "10.20.0.10"
    assert f"src={a1.address} dst={a2.address}" not in hosts.run("conntrack", "-L")
    assert b1.asks(a2.address, seconds=1) is None
    assert not b1.pings("10.20.0.10")

    # IPv6: derived, and by DHCPv6
    derived, stateful = (str(vm.addresses[-1]) for vm in (b1, a1))
    assert b1.when_ready("2001:db8:21:") == derived
    assert b1.asks(WORLD6) == derived
    a1.boots6()
    assert stateful in a1.has
    assert a1.asks(WORLD6) == stateful
    assert b1.asks(stateful, seconds=1) is None

    assert scene.audited() == []


def test_a_network_without_gateway_is_served_and_leads_nowhere(scene: Scene) -> None:
    scene.world()
    c = scene.network("c", "10.22.0.0/24", no_gateway=(4,))
    c1, c2 = scene.vm("c1", c), scene.vm("c2", c)
    c1.boots()
    c2.boots()
    assert (c1.has, c1.router) == ([c1.address], None)
    assert c1.pings(c2.address)
    assert not c1.pings(WORLD)
    c1.run("ip", "route", "add", "default", "via", str(c.subnets[0].dhcp_server))
    assert not c1.pings(WORLD)


def test_a_network_has_an_mtu_a_domain_and_a_lease_time_of_its_own_also_later(
    scene: Scene,
) -> None:
    a = scene.network("a", "10.20.0.0/24", mtu=1400, dns_domain="a.example.org", lease_time=600)
    plain = scene.vm("v0", scene.network("b", "10.21.0.0/24"))
    vm = scene.vm("v1", a)
    plain.boots()
    assert (plain.mtu, _told(scene, vm), vm.mtu) == (1450, "a.example.org 600", 1400)
    assert _mtus(a.bridge, vm.device) == [1400, 1400]
    scene.api.update("a", mtu=1300, dns_domain="b.example.org", lease_time=300)
    assert _mtus(a.bridge, vm.device) == [1300, 1300]
    assert (_told(scene, vm), vm.mtu, vm.has) == ("b.example.org 300", 1300, [vm.address])
    hosts.run("ip", "link", "set", a.bridge, "mtu", "1500")
    (found,) = scene.audited(repair=True)
    assert (found.where, found.found, found.repaired) == ("l3", "it has 1500", True)
    assert (_mtus(a.bridge, vm.device), scene.audited()) == ([1300, 1300], [])


def test_instances_are_told_further_routes_with_the_one_by_the_gateway(scene: Scene) -> None:
    way = Route(cidr=IPNetwork("192.168.0.0/16"), gateway=IPAddress("10.20.0.9"))
    vm = scene.vm("v1", scene.network("a", "10.20.0.0/24", routes=(way,)))
    told = Path(f"{scene.client}.routes")
    vm.boots()
    both = "192.168.0.0/16 10.20.0.9 0.0.0.0/0 10.20.0.1"
    assert told.read_text().strip() == both
    scene.api.update("a", SubnetChanges(routes=()))
    vm.boots()
    assert told.read_text().strip() == ""


def _told(scene: Scene, vm: Vm) -> str:
    """Return the domain and the seconds of the lease that a client is told."""
    vm.boots()
    return Path(f"{scene.client}.told").read_text().strip()


def _mtus(*devices: str) -> list[int]:
    found = (json.loads(hosts.run("ip", "-j", "link", "show", device)) for device in devices)
    return [int(link["mtu"]) for (link,) in found]


def test_networks_without_gateway_may_have_the_same_addresses_as_others(scene: Scene) -> None:
    routed = scene.network("routed", "10.30.0.0/24", project_id="a")
    apart = scene.network("apart", "10.30.0.0/24", no_gateway=(4,), project_id="b")
    again = scene.network("again", "10.30.0.0/24", no_gateway=(4,), project_id="c")
    vms = [scene.vm(f"v{n}", net) for n, net in enumerate((routed, apart, again))]
    for vm in vms:
        vm.boots()
        assert vm.has == [vm.address]
    assert vms[0].router == "10.30.0.1"


def test_what_is_freed_is_answered_no_more_and_its_successor_is(scene: Scene) -> None:
    a = scene.network("a", "10.20.0.0/29")
    first, second = scene.vm("v1", a), scene.vm("v2", a)
    first.boots()
    scene.free(first)
    assert first.device not in hosts.links()
    third = scene.vm("v3", a, "10.20.0.4")
    third.boots("dhclient")
    second.boots()
    assert (third.has, second.has) == (["10.20.0.4"], [second.address])
    assert [str(lease.address) for lease in scene.api.get_dhcp_leases("a")] == [
        second.address,
        third.address,
    ]
    # The lease of who was freed was given back in its name, so the rest of its address ends.
    assert scene.api.sweep_host() == 1


# --- the host loses what it has ------------------------------------------------------------------


def _is_served(scene: Scene, *vms: Vm) -> bool:
    """Say whether each is offered its address, and reaches the world."""
    for vm in vms:
        vm.boots()
        assert vm.has[0] == vm.address
    return all(vm.pings(WORLD) for vm in vms)


def _killed(scene: Scene, network: Network) -> None:
    for pid in scene.dnsmasqs(network):
        os.kill(pid, signal.SIGKILL)


def _rebooted(scene: Scene, network: Network) -> None:
    hosts.run("nft", "flush", "ruleset")
    for name in hosts.links():
        if name.startswith(("brq", "tap")):
            hosts.run("ip", "link", "delete", name)
    _killed(scene, network)
    hosts.run("sysctl", "-qw", "net.ipv4.ip_forward=0")


LOSSES = {
    "our table is deleted": lambda *_: hosts.run("nft", "delete", "table", "inet", "qplug_l3"),
    "all rules are flushed": lambda *_: hosts.run("nft", "flush", "ruleset"),
    "a set is flushed": lambda *_: hosts.run("nft", "flush", "set", "bridge", "qplug_ps", "mac"),
    "the bridge is deleted": lambda _, net: hosts.run("ip", "link", "delete", net.bridge),
    "the bridge is down": lambda _, net: hosts.run("ip", "link", "set", net.bridge, "down"),
    "dnsmasq is killed": _killed,
    "the hosts file is removed": lambda s, net: (s.folder / net.id / "hosts").unlink(),
    "dnsmasq's folder is removed": lambda s, net: rmtree(s.folder / net.id),
    "the machine was started again": _rebooted,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_an_audit_tells_what_a_host_lost_and_a_repair_heals_it(scene: Scene, loss: str) -> None:
    scene.world()
    a = scene.network("a", "10.20.0.0/24")
    vm, other = scene.vm("v1", a), scene.vm("v2", a)
    assert _is_served(scene, vm, other)
    assert scene.audited() == []
    LOSSES[loss](scene, a)
    found = scene.audited()
    assert found
    assert {one.label for one in found} == {"a"}
    healed = scene.audited(repair=True)
    assert [one.kept for one in healed] == [None] * len(healed)
    assert scene.audited() == []
    for one in (vm, other):
        scene.api.plug_vif(one.vif_id, Plug(netns=one.netns))
    assert _is_served(scene, vm, other)


def test_an_audit_tells_what_is_nobodys_and_a_repair_removes_it(scene: Scene) -> None:
    kept, gone = scene.network("kept", "10.20.0.0/24"), scene.network("gone", "10.21.0.0/24")
    vm = scene.vm("v1", kept)
    scene.vm("v2", gone)
    scene.api.disassociate("gone", host=True, project=False)
    scene.api.set_host("gone", "elsewhere")
    found = scene.audited()
    assert {(one.kind, one.where) for one in found} == {("extra", "l3"), ("extra", "dhcp")}
    scene.audited(repair=True)
    assert scene.audited() == []
    assert hosts.links() == sorted([kept.bridge, vm.device])
    assert "10.21.0.0" not in hosts.run("nft", "list", "ruleset")
    assert scene.dnsmasqs(gone) == []
    vm.boots()


def test_a_started_host_serves_what_is_recorded(scene: Scene) -> None:
    scene.world()
    a, b = scene.network("a", "10.20.0.0/24"), scene.network("b", "10.21.0.0/24")
    vms = [scene.vm("v1", a), scene.vm("v2", b)]
    for network in (a, b):
        _rebooted(scene, network)
    scene.api.init_host()
    for vm in vms:
        scene.api.plug_vif(vm.vif_id, Plug(netns=vm.netns))
    assert _is_served(scene, *vms)
    assert scene.audited() == []


def test_what_others_work_on_is_no_difference(scene: Scene) -> None:
    a = scene.network("a", "10.20.0.0/24")
    scene.allocated("there", a)
    until = time.monotonic() + 6

    def come_and_go(_: int) -> int:
        rounds = 0
        while time.monotonic() < until:
            scene.free(scene.allocated("x", a))
            rounds += 1
        return rounds

    with ThreadPoolExecutor(4) as threads:
        working = threads.map(come_and_go, range(4))
        audits = []
        while time.monotonic() < until:
            audits.append(scene.audited())
        assert sum(working) > 10
    assert len(audits) > 2
    assert [found for audit in audits for found in audit] == []
