"""Rows of parity with Nova's QuantumManager, on a real host."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import hosts
import pytest
from hosts import linux_host
from netaddr import IPNetwork
from oslo_config.cfg import ConfigOpts
from scenes import Scene, Vm, make_scene, scene

from qplug.cli.dhcp import hosts_text, leases_text
from qplug.manager import SubnetChanges
from qplug.manager.hosts import Hosts
from qplug.model import Call, DhcpHost, Network
from qplug.testing.values import call

pytestmark = pytest.mark.integration

__all__ = ["linux_host", "make_scene", "scene"]


def test_r3_r4_r6_r7_a_host_serves_its_own_networks_and_translates_those_with_a_gateway(
    scene: Scene, conf: ConfigOpts
) -> None:
    scene.api.init_host()  # without any network
    mine = scene.network("mine", "10.20.0.0/24")
    apart = scene.network("apart", "10.21.0.0/24", no_gateway=(4,))
    other = scene.network("other", "10.22.0.0/24")
    scene.vm("v1", mine)
    scene.api.disassociate("other", project=False)
    scene.api.set_host("other", "elsewhere")
    hosts.run("nft", "flush", "ruleset")
    scene.api.init_host()
    rules = hosts.run("nft", "-j", "list", "set", "inet", "qplug_l3", "nat_src")
    assert ("10.20.0.0" in rules, "10.21.0.0" in rules, "10.22.0.0" in rules) == (
        True,
        False,
        False,
    )
    bridges = {name for name in hosts.links() if name.startswith("brq")}
    assert bridges == {mine.bridge, apart.bridge}
    assert other.bridge not in bridges


def test_r31_r35_r84_the_first_vif_of_a_network_gets_it_its_gateway_once(scene: Scene) -> None:
    a = scene.network("a", "10.20.0.0/24")
    assert a.bridge not in hosts.links()
    first = scene.vm("v1", a)
    index = json.loads(hosts.run("ip", "-j", "link", "show", a.bridge))[0]["ifindex"]
    pids = scene.dnsmasqs(a)
    second = scene.vm("v2", a)
    assert json.loads(hosts.run("ip", "-j", "link", "show", a.bridge))[0]["ifindex"] == index
    assert scene.dnsmasqs(a) == pids
    chain = scene.api._manager._chain
    ports = list(chain.quantum.ports(call(), a.quantum_project, a.id))
    assert sorted(port.attachment for port in ports) == sorted(
        [a.gateway_device, first.vif_id, second.vif_id]
    )
    for vm in (first, second):
        vm.boots()
        assert vm.has == [vm.address]


def test_r82_rules_are_there_once_however_often_a_host_is_initialised(scene: Scene) -> None:
    a = scene.network("a", "10.20.0.0/24")
    scene.vm("v1", a)
    before = hosts.run("nft", "-s", "list", "ruleset")
    for _ in range(3):
        scene.api.init_host()
    assert hosts.run("nft", "-s", "list", "ruleset") == before
    for text in ("masquerade", "dport 67", "@nat_src", "@isolated_if drop"):
        assert text in before


def test_r83_the_gateway_device_has_its_name_a_mac_and_the_dhcp_server_first(
    scene: Scene,
) -> None:
    routed = scene.network("routed", "10.20.0.0/24", gateways=["10.20.0.254"])
    apart = scene.network("apart", "10.21.0.0/24", no_gateway=(4,))
    for name, network in (("v1", routed), ("v2", apart)):
        scene.vm(name, network)
        (link,) = json.loads(hosts.run("ip", "-j", "addr", "show", "dev", network.bridge))
        assert network.bridge == f"brq{network.id[:11]}"
        assert link["address"].startswith("fe:16:3e:")
        first = next(a["local"] for a in link["addr_info"] if a["family"] == "inet")
        assert first == str(network.subnets[0].dhcp_server)
    rules = hosts.run("nft", "list", "table", "inet", "qplug_l3").partition("set isolated_if")
    assert f'"{routed.bridge}"' in rules[0]
    assert f'"{apart.bridge}"' in rules[2].partition("set same_if")[0]


def test_r85_r86_hosts_and_leases_have_the_lines_of_2012(scene: Scene) -> None:
    a = scene.network("a", "10.20.0.0/24", "2001:db8::/64")
    assert "".join(hosts_text(scene.api.get_dhcp_hosts("a"), "novalocal")) == ""
    vm, silent = scene.vm("v1", a), scene.vm("v2", a)
    domain = scene.api.get_dhcp_domain("a")
    assert "".join(hosts_text(scene.api.get_dhcp_hosts("a"), domain)) == (
        f"{vm.mac},host-{vm.address}.novalocal,{vm.address}\n"
        f"{silent.mac},host-{silent.address}.novalocal,{silent.address}\n"
    )
    vm.boots()
    text = "".join(leases_text(scene.api.get_dhcp_leases("a")))
    expires, _, rest = text.partition(" ")
    assert rest == f"{vm.mac} {vm.address} * *\n"
    assert 100 < int(expires) - time.time() <= 121  # not expired already, as it was in 2012 (D12)


def test_r87_dnsmasq_follows_changes_and_keeps_its_leases(scene: Scene) -> None:
    a = scene.network("a", "10.20.0.0/24")
    vm = scene.vm("v1", a)
    vm.boots()
    before = scene.dnsmasqs(a)
    scene.api.update("a", SubnetChanges(cidrs=(IPNetwork("10.21.0.0/24"),)))
    assert scene.dnsmasqs(a) != before
    (lease,) = scene.api.get_dhcp_leases("a")
    assert (str(lease.address), lease.mac) == (vm.address, vm.mac)
    vm.boots()
    assert vm.has == [vm.address]


def test_r88_r90_a_freed_host_is_dropped_and_the_end_of_its_lease_ends_its_rest(
    scene: Scene,
) -> None:
    a = scene.network("a", "10.20.0.0/29")
    vm, other = scene.vm("v1", a), scene.vm("v2", a)
    vm.boots()
    scene.free(vm)
    assert _resting(scene) == [1]
    assert [host.mac for host in scene.api.get_dhcp_hosts("a")] == [other.mac]
    with (scene.folder / a.id / "events").open("a") as events:  # of an address nobody ever had
        events.write("del fa:16:3e:00:00:99 10.20.0.6 x exp=1 cid=* iaid= mac=\n")
    assert scene.api.sweep_host() == 2
    assert _resting(scene) == [0]


def _resting(scene: Scene) -> list[int]:
    return [usage.resting for _, usage in scene.api.get_usage("a")]


def test_what_is_plugged_or_freed_while_a_host_starts_is_so_afterwards(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = scene.network("a", "10.20.0.0/24")
    freed, stays = scene.vm("v0", a), scene.vm("v1", a)
    found: list[Vm] = []
    look = Hosts.hosts_of

    def looked(hosts: Hosts, call: Call, network: Network) -> Sequence[DhcpHost]:
        answer = look(hosts, call, network)
        if not found:  # what the host is told is old from here on
            found.append(scene.vm("v2", a))
            scene.free(freed)
        return answer

    monkeypatch.setattr(Hosts, "hosts_of", looked)
    scene.api.init_host()
    (made,) = found
    assert {made.device, stays.device} <= set(hosts.links())
    assert freed.device not in hosts.links()
    for vm in (made, stays):
        vm.boots()
        assert vm.has == [vm.address]
    assert made.pings(stays.address)
    assert scene.audited() == []  # which would find whom DHCP answers unasked


def test_r89_changes_and_a_start_at_once_lose_nothing(scene: Scene) -> None:
    a = scene.network("a", "10.20.0.0/24")
    scene.vm("v0", a)

    def started() -> None:
        for _ in range(3):
            scene.api.init_host()

    with ThreadPoolExecutor(5) as threads:
        starting = threads.submit(started)
        made = list(threads.map(partial(scene.allocated, "x"), [a] * 24))
        starting.result()
    assert scene.audited() == []
    told = {host.vif_id for host in scene.api.get_dhcp_hosts("a")}
    assert {vm.vif_id for vm in made} <= told
    text = "".join(
        path.read_text()
        for path in [scene.folder / a.id / "hosts", *(scene.folder / a.id / "hosts.d").iterdir()]
    )
    assert all(f"{vm.mac},id:*,{vm.address}," in text for vm in made)
