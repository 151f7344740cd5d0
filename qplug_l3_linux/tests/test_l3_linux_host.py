"""What the driver changes on a host, what it leaves alone, and what it costs."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import hosts
import pytest
from hosts import LinuxHost
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.errors import CidrConflict, ConfigInvalid
from qplug.model import DhcpHost, Network, Plug
from qplug.testing.suite import race
from qplug.testing.values import call, dhcp_host, network, subnet, vif
from qplug_l3_linux.driver import LinuxL3
from qplug_l3_linux.errors import (
    KernelRefused,
    NameTaken,
    NetnsNotFound,
    NotPermitted,
    PluggedElsewhere,
    RoutedElsewhere,
    UnguardedMetadata,
)
from qplug_l3_linux.links import Links
from qplug_l3_linux.nftables import Nftables
from qplug_l3_linux.options import GROUP, OPTS
from qplug_l3_linux.rules import of_network, of_port

pytestmark = pytest.mark.integration


@pytest.fixture
def net(driver: LinuxL3) -> Network:
    """Return a network whose gateway is there."""
    net = network("10.20.0.0/24", "2001:db8:20::/64")
    driver.initialize(call())
    driver.enable_gateway(call(), net)
    driver.enable_nat(call(), net)
    return net


def _host(net: Network, *addresses: str) -> DhcpHost:
    return dhcp_host(vif(net), *addresses)


def _bridge(name: str) -> Any:
    (found,) = json.loads(hosts.run("ip", "-d", "-j", "addr", "show", "dev", name))
    return found


# --- the bridge ---------------------------------------------------------------------------------


def test_a_bridge_has_a_mac_of_its_own_and_the_addresses_in_order(driver: LinuxL3) -> None:
    one = subnet("10.20.0.0/24", gateway="10.20.0.254", dhcp_server="10.20.0.2")
    net = network(one, "2001:db8:20::/64")
    driver.enable_gateway(call(), net)
    found = _bridge(net.bridge)
    assert found["address"].startswith("fe:16:3e:")
    addresses = [(a["local"], a["prefixlen"]) for a in found["addr_info"] if a["scope"] == "global"]
    assert addresses == [("10.20.0.2", 24), ("10.20.0.254", 24), ("2001:db8:20::1", 64)]
    info = found["linkinfo"]["info_data"]
    assert (info["forward_delay"], info["stp_state"]) == (0, 0)
    assert found["ifalias"] == f"qplug:network:{net.id}"
    assert found["altnames"] == [f"qplug-network-{net.id}"]


def test_its_mac_stays_whatever_vifs_come(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    before = _bridge(net.bridge)["address"]
    host = _host(net, "10.20.0.10")
    driver.plug(call(), net, host, Plug(netns=linux_host.namespace("vm")))
    assert _bridge(net.bridge)["address"] == before


def test_subnets_that_come_and_go_are_followed(driver: LinuxL3, net: Network) -> None:
    wider = replace(net, subnets=(*net.subnets, subnet("10.21.0.0/24")))
    driver.enable_gateway(call(), wider)
    assert "10.21.0.1" in json.dumps(_bridge(net.bridge))
    driver.enable_gateway(call(), net)
    assert "10.21.0.1" not in json.dumps(_bridge(net.bridge))
    assert "10.21.0.0" not in hosts.run("nft", "list", "ruleset")


def test_forwarding_is_switched_on_where_something_is_routed(driver: LinuxL3) -> None:
    def switches() -> list[str]:
        names = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
        return hosts.run("sysctl", "-n", *names).split()

    assert switches() == ["0", "0"]
    driver.enable_gateway(call(), network(subnet("10.20.0.0/24", routed=False)))
    assert switches() == ["0", "0"]
    driver.enable_gateway(call(), network("10.21.0.0/24"))
    assert switches() == ["1", "0"]
    driver.enable_gateway(call(), network("2001:db8::/64"))
    assert switches() == ["1", "1"]


def test_forwarding_can_be_left_to_the_operator(conf: ConfigOpts, linux_host: LinuxHost) -> None:
    conf.register_opts(OPTS, group=GROUP)
    conf.set_override("set_forwarding", False, GROUP)
    with closing(LinuxL3(conf)) as driver:
        driver.enable_gateway(call(), network("10.20.0.0/24"))
    assert hosts.run("sysctl", "-n", "net.ipv4.ip_forward").strip() == "0"


def test_all_of_it_is_gone_when_it_is_not_wanted(driver: LinuxL3, net: Network) -> None:
    host = _host(net, "10.20.0.10")
    driver.apply_ports(call(), net, changed=[host])
    driver.apply_ports(call(), net, removed=[host])
    driver.disable_nat(call(), net)
    driver.disable_gateway(call(), net)
    assert hosts.links() == []
    assert "elements" not in hosts.run("nft", "list", "ruleset")


# --- what is not ours ---------------------------------------------------------------------------


def test_a_foreign_bridge_of_our_name_is_neither_taken_nor_removed(driver: LinuxL3) -> None:
    net = network("10.20.0.0/24")
    hosts.run("ip", "link", "add", net.bridge, "type", "bridge")
    with pytest.raises(NameTaken, match=rf"'{net.bridge}' is the name of the bridge of network"):
        driver.enable_gateway(call(), net)
    driver.disable_gateway(call(), net)
    driver.prune(call(), [])
    assert hosts.links() == [net.bridge]
    assert _bridge(net.bridge)["addr_info"] == []


def test_the_bridge_of_a_network_whose_id_begins_the_same_is_not_taken(
    driver: LinuxL3, net: Network
) -> None:
    twin = replace(network("10.99.0.0/24"), id=f"{net.id[:11]}{'0' * 25}")
    with pytest.raises(NameTaken, match=net.id):
        driver.enable_gateway(call(), twin)
    driver.disable_gateway(call(), twin)
    assert net.bridge in hosts.links()
    assert "10.99.0.0" not in hosts.run("nft", "list", "ruleset")


def test_a_vif_whose_id_begins_the_same_as_anothers_is_noticed(
    driver: LinuxL3, net: Network
) -> None:
    host = _host(net, "10.20.0.10")
    driver.apply_ports(call(), net, changed=[host])
    twin = replace(_host(net, "10.20.0.11"), vif_id=f"{host.vif_id[:11]}{'0' * 25}")
    with pytest.raises(NameTaken, match=host.vif_id):
        driver.apply_ports(call(), net, changed=[twin])
    driver.apply_ports(call(), net, removed=[twin])
    assert "10.20.0.10" in hosts.run("nft", "list", "table", "bridge", "qplug_ps")


def test_a_foreign_table_of_our_name_is_left_alone(driver: LinuxL3) -> None:
    hosts.run("nft", "add", "table", "inet", "qplug_l3")
    hosts.run("nft", "add", "chain", "inet", "qplug_l3", "theirs")
    with pytest.raises(NameTaken, match="a table without our comment"):
        driver.initialize(call())
    assert "theirs" in hosts.run("nft", "list", "ruleset")


def test_other_tables_and_devices_are_left_alone(driver: LinuxL3, net: Network) -> None:
    hosts.run("nft", "add", "table", "inet", "firewall")
    hosts.run("ip", "link", "add", "tap0a1b2c3d-4e", "type", "veth", "peer", "name", "other")
    before = hosts.links()
    driver.prune(call(), [])
    assert hosts.links() == [name for name in before if name != net.bridge]
    assert "firewall" in hosts.run("nft", "list", "tables")


def test_what_the_host_is_in_itself_is_not_routed(driver: LinuxL3) -> None:
    hosts.run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
    hosts.run("ip", "addr", "add", "10.20.0.5/24", "dev", "lan0")
    with pytest.raises(RoutedElsewhere, match="device 'lan0' of this host has 10"):
        driver.enable_gateway(call(), network("10.20.0.0/16"))
    assert not any(name.startswith("brq") for name in hosts.links())


def test_of_networks_that_overlap_one_alone_is_routed(driver: LinuxL3) -> None:
    nets = [network("10.20.0.0/24", label=f"n{n}") for n in range(4)]
    answers = race([partial(driver.enable_gateway, call(), net) for net in nets])
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, CidrConflict) for answer in answers) == 3
    assert len([name for name in hosts.links() if name.startswith("brq")]) == 1


# --- devices of vifs ----------------------------------------------------------------------------


def test_a_plugged_vif_has_the_macs_and_mtu_and_is_up(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    host, name = _host(net, "10.20.0.10"), linux_host.namespace("vm")
    for _ in range(2):
        assert driver.plug(call(), net, host, Plug(netns=name, interface="net7")) == host.device
    (inner,) = json.loads(hosts.inside(name, "ip", "-j", "link", "show", "net7"))
    assert (inner["address"], inner["mtu"]) == (str(host.mac), 1500)
    assert "UP" in inner["flags"]
    (outer,) = json.loads(hosts.run("ip", "-j", "link", "show", host.device))
    assert (outer["master"], outer["ifalias"]) == (net.bridge, f"qplug:vif:{host.vif_id}")


def test_an_unplugged_vif_keeps_its_rules_and_can_be_plugged_elsewhere(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    host = _host(net, "10.20.0.10")
    driver.plug(call(), net, host, Plug(netns=linux_host.namespace("vm1")))
    for _ in range(2):
        driver.unplug(call(), net, host.vif_id)
    assert hosts.links() == [net.bridge]
    assert host.device in hosts.run("nft", "list", "table", "bridge", "qplug_ps")
    other = linux_host.namespace("vm2")
    driver.plug(call(), net, host, Plug(netns=other))
    assert hosts.succeeds(other, "ip", "link", "show", "eth0")


@pytest.mark.parametrize("name", ["nowhere", "../netns/vm", "a/b", "..", "", "x" * 300, "a\nb"])
def test_a_namespace_that_is_not_there_is_one_sentence(
    driver: LinuxL3, net: Network, name: str
) -> None:
    with pytest.raises(NetnsNotFound):
        driver.plug(call(), net, _host(net, "10.20.0.10"), Plug(netns=name))
    assert hosts.links() == [net.bridge]


def test_an_interface_that_is_there_already_is_one_sentence(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    name, first, second = linux_host.namespace("vm"), _host(net, "10.20.0.10"), _host(net)
    driver.plug(call(), net, first, Plug(netns=name))
    with pytest.raises(NameTaken, match=f"'eth0' .* there is a device in namespace '{name}'"):
        driver.plug(call(), net, second, Plug(netns=name))
    assert second.device not in hosts.links()


def test_a_vif_that_is_plugged_elsewhere_is_not_said_to_be_here(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    host, here = _host(net, "10.20.0.10"), linux_host.namespace("vm1")
    driver.plug(call(), net, host, Plug(netns=here))
    for plug in (Plug(netns=linux_host.namespace("vm2")), Plug(netns=here, interface="eth1")):
        with pytest.raises(PluggedElsewhere, match="unplug it first"):
            driver.plug(call(), net, host, plug)
    assert hosts.succeeds(here, "ip", "link", "show", "eth0")


def test_a_virtual_machine_gets_a_tap(driver: LinuxL3, net: Network) -> None:
    if not Path("/dev/net/tun").exists():
        pytest.skip("this machine has no /dev/net/tun")
    host = _host(net, "10.20.0.10")
    for _ in range(2):
        driver.plug(call(), net, host, Plug())
    (found,) = json.loads(hosts.run("ip", "-d", "-j", "link", "show", host.device))
    assert (found["linkinfo"]["info_kind"], found["master"]) == ("tun", net.bridge)
    driver.apply_ports(call(), net, removed=[host])
    assert hosts.links() == [net.bridge]


def test_vifs_come_back_to_a_bridge_that_was_deleted(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    host = _host(net, "10.20.0.10")
    driver.plug(call(), net, host, Plug(netns=linux_host.namespace("vm")))
    hosts.run("ip", "link", "delete", net.bridge)
    driver.enable_gateway(call(), net)
    (outer,) = json.loads(hosts.run("ip", "-j", "link", "show", host.device))
    assert outer["master"] == net.bridge


# --- a sync, and what is killed -----------------------------------------------------------------


def test_after_a_sync_its_vifs_may_send_and_those_that_are_gone_may_not(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    kept, gone = _host(net, "10.20.0.10"), _host(net, "10.20.0.11")
    driver.plug(call(), net, gone, Plug(netns=linux_host.namespace("vm")))
    moved = replace(kept, addresses=(IPAddress("10.20.0.12"),))
    assert driver.known_ports(call(), net) == {gone.vif_id}
    driver.sync_ports(call(), net, [kept])
    assert driver.known_ports(call(), net) == {kept.vif_id, gone.vif_id}
    driver.sync_ports(call(), net, [moved], gone={gone.vif_id})
    rules = hosts.run("nft", "list", "table", "bridge", "qplug_ps")
    assert ("10.20.0.12" in rules, "10.20.0.10" in rules, gone.device in rules) == (
        True,
        False,
        False,
    )
    assert hosts.links() == [net.bridge]


def test_what_was_in_doubt_when_a_process_was_killed_is_looked_after_by_the_next(
    driver: LinuxL3, net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, other = _host(net, "10.20.0.10"), _host(net, "10.20.0.11")

    class Killed(BaseException):
        pass

    def run_and_die(self: Nftables, text: str) -> None:
        run(self, text)
        raise Killed

    run = Nftables.run
    with monkeypatch.context() as patch:
        patch.setattr(Nftables, "run", run_and_die)
        with pytest.raises(Killed):
            driver.apply_ports(call(), net, changed=[lost])
    assert "10.20.0.10" in hosts.run("nft", "list", "table", "bridge", "qplug_ps")
    driver.apply_ports(call(), net, changed=[other])
    rules = hosts.run("nft", "list", "table", "bridge", "qplug_ps")
    assert ("10.20.0.10" in rules, "10.20.0.11" in rules) == (False, True)


def test_a_damaged_record_begins_anew_and_the_store_says_it_again(
    driver: LinuxL3, net: Network, conf: ConfigOpts
) -> None:
    Path(conf.state_path, "l3_linux.sqlite").write_bytes(b"rubbish" * 1000)
    driver.enable_gateway(call(), net)
    driver.enable_nat(call(), net)
    driver.prune(call(), [net.id])
    assert driver.faults(call(), net, []) == []


def test_after_all_was_lost_the_next_change_brings_everything_back(
    driver: LinuxL3, net: Network
) -> None:
    first, second = _host(net, "10.20.0.10"), _host(net, "10.20.0.11")
    driver.apply_ports(call(), net, changed=[first])
    hosts.run("nft", "flush", "ruleset")
    driver.apply_ports(call(), net, changed=[second])
    rules = hosts.run("nft", "list", "ruleset")
    assert all(text in rules for text in ("10.20.0.10", "10.20.0.11", net.bridge))


# --- traffic ------------------------------------------------------------------------------------

STREAM = """
import socket, sys, time
with socket.create_connection(("203.0.113.100", 9000), timeout=5) as stream:
    print("open", flush=True)
    while True:
        stream.sendall(b"x"); stream.settimeout(float(sys.argv[1]))
        if not stream.recv(1): break
        time.sleep(0.005)
"""
CONNECTING = """
import signal, socket
over = []
signal.signal(signal.SIGTERM, lambda *_: over.append(1))
print("begun", flush=True)
made = failed = 0
while not over:
    try:
        with socket.create_connection(("203.0.113.100", 9000), timeout=5) as one:
            one.sendall(b"x"); one.recv(1)
        made += 1
    except OSError:
        failed += 1
print(made, failed)
"""
ECHO = """
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(100): self.request.sendall(data)
socketserver.ThreadingTCPServer.daemon_threads = True
socketserver.ThreadingTCPServer.request_queue_size = 500
server = socketserver.ThreadingTCPServer(("203.0.113.100", 9000), Echo)
print("ready", flush=True)
server.serve_forever()
"""


class World:
    """A vif with its address, and a server outside that sends back what it gets."""

    def __init__(self, driver: LinuxL3, net: Network, host: LinuxHost) -> None:
        self.vif = _host(net, "10.20.0.10")
        self.netns = host.namespace("vm")
        driver.plug(call(), net, self.vif, Plug(netns=self.netns))
        self.out = host.outside("203.0.113.100/24")
        hosts.inside(self.netns, "ip", "addr", "add", "10.20.0.10/24", "dev", "eth0")
        hosts.inside(self.netns, "ip", "route", "add", "default", "via", "10.20.0.1")

    @contextmanager
    def stream(self, patience: float) -> Iterator["subprocess.Popen[str]"]:
        with _inside(self.out, ECHO), _inside(self.netns, STREAM, str(patience)) as stream:
            yield stream


@contextmanager
def _inside(netns: str, text: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    entered = ("nsenter", f"--net=/run/netns/{netns}", sys.executable, "-c", text, *words)
    pipe = subprocess.PIPE
    with subprocess.Popen(entered, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), process.communicate()
            yield process
        finally:
            process.kill()


def test_rules_replaced_many_times_end_no_connection_and_refuse_none(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    world = World(driver, net, linux_host)
    with world.stream(patience=2) as stream, _inside(world.netns, CONNECTING) as connecting:
        for _ in range(250):
            driver.prune(call(), [net.id])
        connecting.send_signal(signal.SIGTERM)
        out, _ = connecting.communicate(timeout=20)
        assert stream.poll() is None
    made, failed = map(int, out.split())
    assert made > 20
    assert failed == 0


def test_the_connections_of_an_address_end_with_it(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    world = World(driver, net, linux_host)
    tracked = ("conntrack", "-L", "-s", "10.20.0.10", "-p", "tcp", "--dport", "9000")
    with world.stream(patience=1) as stream:
        assert "10.20.0.10" in hosts.run(*tracked)
        without = replace(world.vif, addresses=())
        driver.apply_ports(call(), net, changed=[without])
        assert "10.20.0.10" not in hosts.run(*tracked)
        assert stream.wait(10) != 0


# --- cost ---------------------------------------------------------------------------------------


def test_a_change_is_one_transaction_and_starts_no_program(
    driver: LinuxL3, net: Network, linux_host: LinuxHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, host = linux_host.namespace("vm"), _host(net, "10.20.0.10", "2001:db8:20::10")
    other = network("10.21.0.0/24")
    counts = {}

    def counted(what: str, work: Any) -> None:
        before = driver._rules.transactions
        work()
        counts[what] = driver._rules.transactions - before

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a program is started")

    for module in (subprocess, os):
        for function in ("Popen", "run", "system", "posix_spawn", "fork"):
            if hasattr(module, function):
                monkeypatch.setattr(module, function, refused)
    counted("enable a gateway", lambda: driver.enable_gateway(call(), other))
    counted("enable NAT", lambda: driver.enable_nat(call(), other))
    counted("change a vif", lambda: driver.apply_ports(call(), net, changed=[host]))
    counted("plug a vif", lambda: driver.plug(call(), net, host, Plug(netns=name)))
    counted("remove a vif", lambda: driver.apply_ports(call(), net, removed=[host]))
    counted("disable NAT", lambda: driver.disable_nat(call(), other))
    counted("disable a gateway", lambda: driver.disable_gateway(call(), other))
    monkeypatch.undo()
    assert {what: n for what, n in counts.items() if n > (2 if "plug" in what else 1)} == {}


# --- options and texts --------------------------------------------------------------------------


def test_metadata_is_not_served_to_who_may_be_anybody(conf: ConfigOpts) -> None:
    conf.register_opts(OPTS, group=GROUP)
    conf.set_override("metadata_host", "192.0.2.1", GROUP)
    conf.set_override("port_security", False, GROUP)
    with pytest.raises(UnguardedMetadata):
        LinuxL3(conf)


@pytest.mark.parametrize("cidr", ["10.0.0.0/8 } ; flush ruleset", "2001:db8::/32", "x"])
def test_a_cidr_that_is_none_is_one_sentence(conf: ConfigOpts, cidr: str) -> None:
    conf.register_opts(OPTS, group=GROUP)
    conf.set_override("dmz_cidr", [cidr], GROUP)
    with pytest.raises(ConfigInvalid, match="dmz_cidr"):
        LinuxL3(conf)


def test_overlapping_dmz_cidrs_and_a_source_address_are_understood(
    conf: ConfigOpts, linux_host: LinuxHost
) -> None:
    conf.register_opts(OPTS, group=GROUP)
    conf.set_override("dmz_cidr", ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.7"], GROUP)
    conf.set_override("routing_source_ip", "203.0.113.9", GROUP)
    with closing(LinuxL3(conf)) as driver:
        driver.initialize(call())
    rules = hosts.run("nft", "list", "table", "inet", "qplug_l3")
    assert "snat ip to 203.0.113.9" in rules
    assert "10.0.0.0/8, 192.0.2.7" in rules


@pytest.mark.parametrize("name", ['a" } ; flush ruleset', "a\nb", "a,b", "", "x" * 16, "$(id)"])
def test_a_name_that_no_device_has_never_becomes_a_rule(name: str) -> None:
    one = _host(network("10.0.0.0/24"), "10.0.0.2")
    with pytest.raises(ValueError, match="no name of a device"):
        of_port(name, one.mac, one.addresses)
    with pytest.raises(ValueError, match="no name of a device"):
        of_network(name, [])


def test_without_the_right_to_it_a_sentence_says_so(
    driver: LinuxL3, net: Network, conf: ConfigOpts
) -> None:
    text = (
        "from qplug.config import load_config; from qplug.testing.values import *\n"
        "from qplug_l3_linux.driver import LinuxL3\n"
        "conf = load_config([]); conf.set_override('state_path', '/tmp')\n"
        "LinuxL3(conf)._rules.run('add table inet x')\n"
    )
    command = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", text)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert NotPermitted.__name__ in done.stderr
    assert "CAP_NET_ADMIN" in done.stderr


def test_what_the_kernel_refuses_is_told_in_its_words(linux_host: LinuxHost) -> None:
    with closing(Nftables()) as rules, pytest.raises(KernelRefused, match="No such file"):
        rules.run("add element inet nowhere things { 1 }")


def test_its_record_is_private(driver: LinuxL3, net: Network, conf: ConfigOpts) -> None:
    path = Path(conf.state_path, "l3_linux.sqlite")
    assert path.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(path)) as rows:
        assert rows.execute("SELECT count(*) FROM suspects").fetchone() == (0,)


def test_a_vif_is_plugged_without_looking_at_the_others(
    driver: LinuxL3, net: Network, linux_host: LinuxHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise AssertionError("all devices are listed")

    monkeypatch.setattr(Links, "all", refused)
    monkeypatch.setattr(Links, "addresses", refused)
    first, second = _host(net, "10.20.0.10"), _host(net, "10.20.0.11")
    for name, host in (("vm1", first), ("vm2", second)):
        driver.plug(call(), net, host, Plug(netns=linux_host.namespace(name)))
    driver.apply_ports(call(), net, removed=[first])
    driver.unplug(call(), net, second.vif_id)
    assert hosts.links() == [net.bridge]


def test_the_device_of_a_vif_has_no_address_of_its_own(
    driver: LinuxL3, net: Network, linux_host: LinuxHost
) -> None:
    host = _host(net, "10.20.0.10")
    driver.plug(call(), net, host, Plug(netns=linux_host.namespace("vm")))
    (found,) = json.loads(hosts.run("ip", "-j", "addr", "show", "dev", host.device))
    assert found["addr_info"] == []
