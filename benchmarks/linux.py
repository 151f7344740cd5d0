"""What a real host costs: rules, DHCP from the call to the answer, and a start.

``make bench-linux`` runs it in namespaces of its own. Beside each figure of DHCP is that of the
same change made as in 2012, by writing all hosts anew and starting dnsmasq anew, in the same run.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from millions import use_many
from netaddr import EUI, IPAddress
from probing import offers

from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.db import connection_url
from qplug.db.engine import make_engine
from qplug.factory import create_manager
from qplug.manager import Context, NetworkSpec
from qplug.model import DhcpHost, Network
from qplug.parsing import cidr
from qplug.testing.values import call, dhcp_host, network, vif
from qplug_dhcp_dnsmasq.driver import DnsmasqDhcp
from qplug_dhcp_dnsmasq.ledger import KnownLease
from qplug_dhcp_dnsmasq.process import Process
from qplug_dhcp_dnsmasq.serving import Serving
from qplug_l3_linux.driver import LinuxL3

QUICK = "--quick" in sys.argv
with open("/proc/self/uid_map") as users:
    IS_ROOT = users.read().split()[-1] != "1"
    """Whether it is root outside of its namespaces too."""
HOSTS = (10, 1000) if QUICK else (10, 1000, 4000)
ENTRIES = 2000 if QUICK else 10_000
STARTED = (100, 4) if QUICK else (10_000 if IS_ROOT else 1000, 20)
TIMES = 10
"""Changes of which the median is told."""


def run(*command: str) -> None:
    """Run a program that must succeed."""
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # ours


def configuration(folder: Path) -> Any:
    """Return options with the real drivers."""
    conf = load_config([])
    conf.set_override("state_path", str(folder / "state"))
    for kind, name in {"l3": "linux", "dhcp": "dnsmasq"}.items():
        conf.set_override("driver", name, kind)
    DnsmasqDhcp(conf)  # registers its options
    conf.set_override("networks_path", str(folder / "dnsmasq"), "dhcp_dnsmasq")
    return conf


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds something takes."""
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin)


# --- rules --------------------------------------------------------------------------------------


def port_security(conf: Any) -> None:
    """Tell what a vif's rules cost with few and with many there."""
    with closing(LinuxL3(conf)) as driver:
        net = network("10.0.0.0/8", "2001:db8::/64")
        driver.initialize(call())
        driver.enable_gateway(call(), net)

        def hosts(first: int, number: int) -> list[DhcpHost]:
            base = int(IPAddress("10.0.0.2"))
            return [dhcp_host(vif(net), str(IPAddress(base + first + n))) for n in range(number)]

        def cost(first: int) -> float:
            each = [
                timed(partial(driver.apply_ports, call(), net, changed=[one]))
                for one in hosts(first, 50)
            ]
            return median(each)

        few, before = cost(0), driver._rules.transactions
        driver.apply_ports(call(), net, changed=hosts(100, 1))
        count = driver._rules.transactions - before
        driver.apply_ports(call(), net, changed=hosts(1000, ENTRIES))
        many = cost(900_000)
        print(
            f"port security   a vif: {few:.2f} ms with none there, {many:.2f} ms with {ENTRIES} "
            f"({many / few:.2f} times), {count} nft transaction(s)"
        )
        driver.prune(call(), [])


# --- DHCP ---------------------------------------------------------------------------------------


@contextmanager
def segment(conf: Any) -> Iterator[tuple[DnsmasqDhcp, Network, str]]:
    """Make a network with a client's device on it."""
    net = network("10.0.0.0/8")
    run("ip", "link", "add", net.bridge, "type", "bridge", "forward_delay", "0")
    run("ip", "addr", "add", "10.0.0.1/8", "dev", net.bridge)
    run("ip", "link", "add", "client", "type", "veth", "peer", "name", "port")
    run("ip", "link", "set", "port", "master", net.bridge, "up")
    for device in (net.bridge, "client"):
        run("ip", "link", "set", device, "up")
    driver = DnsmasqDhcp(conf)
    try:
        yield driver, net, "client"
    finally:
        driver.stop(call(), net)
        for device in ("client", net.bridge):
            run("ip", "link", "delete", device)


def dhcp(conf: Any, number: int) -> None:
    """Tell how long it takes from the call to the answer, and what the way of 2012 takes."""
    with segment(conf) as (driver, net, device):
        base = int(IPAddress("10.0.0.2"))
        there = [dhcp_host(vif(net), str(IPAddress(base + n))) for n in range(number)]
        driver.sync(call(600), net, there)
        lend(driver._of(net.id), there)
        driver.sync(call(600), net, there[:-1])
        driver.sync(call(600), net, there)  # the leases are known from now on
        following = iter(range(2_000_000, 9_000_000))

        def one() -> None:
            host = dhcp_host(
                vif(net),
                str(
                    IPAddress(next(following))  # an address of its own
                    + base
                ),
            )
            driver.apply(call(600), net, changed=[host])
            for _ in range(300):  # whoever asks while it is started anew asks again
                if offers(device, [host.mac], quiet=0.2) == {host.mac: host.addresses[0]}:
                    return
            raise RuntimeError(f"{host} is not answered")

        def eight() -> None:
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(lambda _: one(), range(8)))

        figures = []
        for work, times, share in ((one, TIMES, 1), (eight, 3, 8)):
            ours = median(timed(work) for _ in range(times)) / share
            with (
                patch.object(Serving, "_batch", lambda *_: None),
                patch.object(Process, "_end", lambda _, descriptor: killed(descriptor)),
            ):
                theirs = median(timed(work) for _ in range(min(times, 3))) / share
            figures.append(
                f"{ours:7.1f} ms, by a new start {theirs:7.1f} ms ({theirs / ours:.1f} x)"
            )
        print(
            f"DHCP            {number:5} hosts   one by one: {figures[0]}   8 at once: {figures[1]}"
        )


def killed(descriptor: int) -> None:
    """End dnsmasq as Nova did, which waited for nothing."""
    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    select.select([descriptor], [], [], 2)


def lend(serving: Serving, hosts: list[DhcpHost]) -> None:
    """Have each host hold its lease."""
    with serving.ledger(call(600)) as ledger:
        for host in hosts:
            ledger.put_lease(
                KnownLease(
                    address=host.addresses[0],
                    mac=EUI(str(host.mac)),
                    expires=int(time.time()) + 3600,
                    hostname=None,
                    client_id=None,
                    iaid=None,
                )
            )


# --- a host -------------------------------------------------------------------------------------


def start(conf: Any) -> None:
    """Tell how long a host takes to serve all again of which the kernel forgot everything."""
    instances, networks = STARTED
    manager = create_manager(conf)
    with closing(manager):
        api = NetworkApi(manager, Context(is_admin=True))
        for number in range(networks):
            label = f"net-{number}"
            api.create(
                NetworkSpec(label=label, project_id="p", cidrs=(cidr(f"10.{number}.0.0/16"),))
            )
        api.init_host()
        none = timed(api.init_host)
        use_many(make_engine(connection_url(conf)), api.get_all(), instances)
        api.init_host()
        subprocess.run(["pkill", "-9", "dnsmasq"], check=False)  # noqa: S607  # in our namespace
        run("nft", "flush", "ruleset")
        for made in api.get_all():
            run("ip", "link", "delete", made.bridge)
        took = timed(api.init_host)
        print(f"start           {instances} instances on {networks} networks: {took / 1000:.2f} s")
        again = timed(api.init_host)
        print(f"start           the same when nothing was lost: {again / 1000:.2f} s")
        print(f"start           with the networks alone: {none / 1000:.2f} s")


def main() -> None:
    """Measure all of it."""
    os.environ["QPLUG_CONFIG"] = os.devnull
    folder = Path(tempfile.mkdtemp(prefix="qplug-bench-", dir="/tmp"))  # for all to enter
    folder.chmod(0o755)
    try:
        run("ip", "link", "set", "lo", "up")
        conf = configuration(folder)
        port_security(conf)
        for number in HOSTS:
            dhcp(conf, number)
        start(conf)
    finally:
        subprocess.run(["pkill", "-9", "dnsmasq"], check=False)  # noqa: S607  # in our namespace
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
