"""Networks on a host of a test's own, with instances in namespaces and the world outside."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import hosts
import pytest
from hosts import LinuxHost, inside, run
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import Difference, Instance, Network, NetworkRequest, Plug
from qplug.testing.values import network_spec

WORLD = "203.0.113.100"
HOST = "203.0.113.1"
WORLD6, HOST6 = "2001:db8:ffff::100", "2001:db8:ffff::1"

CLIENT = """\
#!/bin/sh
case "$1$reason" in
bound|renew|BOUND|RENEW|REBOOT)
    # udhcpc and dhclient say it in other words
    address=${ip:-$new_ip_address} mask=${mask:-$new_subnet_mask} mtu=${mtu:-$new_interface_mtu}
    router=${router:-$new_routers}
    ip -4 addr flush dev $interface scope global
    ip addr add $address/$mask dev $interface
    echo "${domain:-$new_domain_name} ${lease:-$new_dhcp_lease_time}" >"$0.told"
    echo "$staticroutes" >"$0.routes"
    [ -z "$mtu" ] || ip link set $interface mtu $mtu
    [ -z "$router" ] || ip route replace default via $router
    ;;
BOUND6|RENEW6|REBIND6)
    ip addr replace $new_ip6_address/${new_ip6_prefixlen:-128} dev $interface nodad
    ;;
PREINIT|PREINIT6) ip link set $interface up ;;
esac
exit 0
"""

SERVER = """
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
    allow_reuse_address = True
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        peer = self.client_address[0].encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(peer)))
        self.end_headers()
        self.wfile.write(peer)
    def log_message(self, *_): pass
server = Server((sys.argv[1], int(sys.argv[2])), Handler)
print('ready', flush=True)
server.serve_forever()
"""

ASKING = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())
"""


class Vm:
    """An instance, in a namespace of its own."""

    def __init__(self, scene: "Scene", name: str, instance_id: str, info: Any) -> None:
        self.scene = scene
        self.id = instance_id
        self.info = info
        (vif,) = info
        self.vif_id: str = vif.id
        self.mac = vif.address
        self.device = f"tap{vif.id[:11]}"
        self.addresses = [ip.address for subnet in vif.network.subnets for ip in subnet.ips]
        self.netns = hosts.OURS + name

    @property
    def address(self) -> str:
        """Its first IPv4 address."""
        return str(next(a for a in self.addresses if a.version == 4))

    def run(self, *command: str, **options: Any) -> str:
        """Run a program there."""
        return inside(self.netns, *command, **options)

    def boots(self, client: str = "udhcpc") -> None:
        """Have a real DHCP client configure it."""
        script = str(self.scene.client)
        if client == "udhcpc":
            options = ("-n", "-q", "-f", "-t", "8", "-T", "1", "-O", "mtu", "-O", "staticroutes")
            self.run("udhcpc", "-i", "eth0", "-s", script, *options)
            return
        place = self.scene.host.path / self.netns
        files = ("-lf", f"{place}.leases", "-pf", f"{place}.pid")
        self.run("dhclient", "-1", "-sf", script, *files, "eth0")
        self.run("dhclient", "-x", "-sf", script, *files, "eth0", check=False)

    def boots6(self) -> None:
        """Have a real DHCPv6 client configure it."""
        place = self.scene.host.path / f"{self.netns}-6"
        files = ("-lf", f"{place}.leases", "-pf", f"{place}.pid")
        script = str(self.scene.client)
        self.when_ready("fe80::")
        self.run("dhclient", "-6", "-1", "-sf", script, *files, "eth0")
        self.run("dhclient", "-6", "-x", "-sf", script, *files, "eth0", check=False)

    def when_ready(self, begin: str, seconds: float = 10) -> str:
        """Wait for an IPv6 address that begins so, and return it when it can be used."""
        until = time.monotonic() + seconds
        while True:
            for line in self.run("ip", "-6", "-o", "addr", "show", "dev", "eth0").splitlines():
                found = line.split()[3].partition("/")[0]
                if found.startswith(begin) and "tentative" not in line:
                    return found
            assert time.monotonic() < until, f"no address {begin} came"
            time.sleep(0.05)

    @property
    def has(self) -> Sequence[str]:
        """Its global addresses."""
        found = json.loads(self.run("ip", "-j", "addr", "show", "dev", "eth0"))
        return [a["local"] for a in found[0]["addr_info"] if a["scope"] == "global"]

    @property
    def mtu(self) -> int:
        """Of its interface."""
        return int(json.loads(self.run("ip", "-j", "link", "show", "eth0"))[0]["mtu"])

    @property
    def router(self) -> str | None:
        """Its default route."""
        found = json.loads(self.run("ip", "-j", "-4", "route", "show", "default"))
        return str(found[0]["gateway"]) if found else None

    def asks(self, address: str, port: int = 80, seconds: float = 5) -> str | None:
        """Return as whom a server sees it; ``None`` if it reaches none."""
        return asks(self.netns, address, port, seconds)

    def pings(self, address: str) -> bool:
        """Say whether an address answers it."""
        return hosts.succeeds(self.netns, "ping", "-c", "1", "-W", "1", address)


def asks(namespace: str | None, address: str, port: int = 80, seconds: float = 5) -> str | None:
    """Return as whom a server sees who asks from a namespace, or from the host."""
    host = f"[{address}]" if ":" in address else address
    command = (sys.executable, "-c", ASKING, f"http://{host}:{port}/", str(seconds))
    where = (f"--net=/run/netns/{namespace}",) if namespace else ()
    entered = ("nsenter", *where, *command) if where else command
    done = subprocess.run(entered, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or None


class Scene:
    """A host with qplug, and what happens there."""

    def __init__(self, host: LinuxHost, api: NetworkApi, closing: ExitStack) -> None:
        self.host = host
        self.api = api
        self._closing = closing
        self.client = host.path / "client"
        self.client.write_text(CLIENT)
        self.client.chmod(0o755)

    def network(self, label: str, *cidrs: str, **more: Any) -> Network:
        """Make a network."""
        return self.api.create(network_spec(*cidrs, label=label, **more))

    def vm(self, name: str, network: Network, *addresses: str) -> Vm:
        """Allocate an instance, make it a namespace and plug it there."""
        vm = self.allocated(name, network, *addresses)
        self.host.namespace(name)
        self.api.plug_vif(vm.vif_id, Plug(netns=vm.netns))
        return vm

    def allocated(self, name: str, network: Network, *addresses: str) -> Vm:
        """Allocate an instance, and no more."""
        wanted = NetworkRequest(network_id=network.id, addresses=tuple(map(IPAddress, addresses)))
        id_ = str(uuid4())
        instance = Instance(id=id_, project_id=str(network.project_id), name=name)
        return Vm(self, name, id_, self.api.allocate_for_instance(instance, [wanted]))

    def free(self, vm: Vm) -> None:
        """Deallocate an instance."""
        assert self.api.deallocate_for_instance(vm.id) == []

    def world(self) -> str:
        """Make the world outside, which knows a way to IPv6 networks, and return its namespace."""
        gateway = (f"{HOST}/24", f"{HOST6}/64")
        name = self.host.outside(f"{WORLD}/24", f"{WORLD6}/64", gateway=gateway)
        inside(name, "ip", "-6", "route", "add", "2001:db8::/32", "via", HOST6)
        return name

    def serve(self, namespace: str | None, address: str, port: int = 80) -> None:
        """Have a server in a namespace, or on the host, that says who asks it."""
        command: Sequence[str] = (sys.executable, "-c", SERVER, address, str(port))
        if namespace:
            command = ("nsenter", f"--net=/run/netns/{namespace}", *command)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._closing.callback(_ended, process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def audited(self, *, repair: bool = False) -> Sequence[Difference]:
        """Return what an audit finds."""
        return list(self.api.audit(repair=repair))

    def dnsmasqs(self, network: Network) -> Sequence[int]:
        """Return the processes of a network's dnsmasq."""
        return hosts.processes("dnsmasq", f"/{network.id}/pid")

    @property
    def folder(self) -> Path:
        """Where dnsmasq's files are."""
        return self.host.path / "dnsmasq"


def _ended(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def linux_options(conf: ConfigOpts, host: LinuxHost, **options: Any) -> None:
    """Configure the drivers of a host; further options are of ``[l3_linux]``."""
    from qplug_dhcp_dnsmasq.options import opts
    from qplug_l3_linux.options import OPTS

    conf.register_opts(OPTS, group="l3_linux")
    conf.register_opts(opts(), group="dhcp_dnsmasq")
    drivers = {"ipam": "nova", "quantum": "local", "l3": "linux", "dhcp": "dnsmasq"}
    for kind, name in drivers.items():
        conf.set_override("driver", name, kind)
    conf.set_override("networks_path", str(host.path / "dnsmasq"), "dhcp_dnsmasq")
    conf.set_override("mtu", 1450, "l3")
    for name, value in options.items():
        conf.set_override(name, value, "l3_linux")


MakeScene = Callable[..., Scene]


@pytest.fixture
def make_scene(conf: ConfigOpts, linux_host: LinuxHost) -> Iterator[MakeScene]:
    """Return what sets the scene, with options of ``[l3_linux]``."""
    with ExitStack() as closing:

        def make(**options: Any) -> Scene:
            linux_options(conf, linux_host, **options)
            return closing.enter_context(_scene(conf, linux_host))

        yield make


@contextmanager
def _scene(conf: ConfigOpts, host: LinuxHost) -> Iterator[Scene]:
    with ExitStack() as closing:
        manager = create_manager(conf)
        closing.callback(manager.close)
        api = NetworkApi(manager, Context(is_admin=True))
        yield Scene(host, api, closing)


@pytest.fixture
def scene(make_scene: MakeScene) -> Scene:
    """Return a host with qplug as it comes."""
    return make_scene()


def counters(table: str, chain: str) -> int:
    """Return how many packets the counting rules of a chain have seen."""
    text = run("nft", "list", "chain", *table.split(), chain)
    return sum(map(int, re.findall(r"counter packets (\d+)", text)))
