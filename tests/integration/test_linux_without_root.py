"""The same on a host whose root is nobody outside of it; and a test that is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import hosts
import pytest
from hosts import linux_host
from linux_looks import wait_until

from qplug.testing.requirements import require

pytestmark = pytest.mark.integration

__all__ = ["linux_host"]

ROOT = Path(__file__).parents[2]
INSIDE = """
mount -t tmpfs tmpfs /run && mkdir /run/netns && exec "$@"
"""
HERE = "tests/integration"
CHOSEN = (
    f"{HERE}/test_linux_network.py::test_instances_get_their_addresses_and_reach_the_world",
    f"{HERE}/test_linux_network.py::test_what_is_freed_is_answered_no_more_and_its_successor_is",
    f"{HERE}/test_linux_port_security.py",
)


def test_without_root_instances_are_served_and_guarded_all_the_same(tmp_path: Path) -> None:
    require(hosts.unshared_works(), hosts.NO_USER_NAMESPACES)
    pytest_there = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHOSEN)
    base = f"--basetemp={tmp_path / 'there'}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [*hosts.UNSHARED, "sh", "-c", INSIDE, "sh", *pytest_there, base],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "7 passed" in done.stdout


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[1])
import hosts
from qplug.config import load_config
from qplug.testing.values import call, network
from qplug_dhcp_dnsmasq.driver import DnsmasqDhcp
with hosts.linux_hosts() as host:
    conf = load_config([])
    conf.set_override("state_path", str(host.path / "state"))
    DnsmasqDhcp(conf)
    conf.set_override("networks_path", str(host.path / "dnsmasq"), "dhcp_dnsmasq")
    net = network("10.20.0.0/24")
    DnsmasqDhcp(conf).sync(call(), net, [])
    print(host.path, host.namespace("vm"), flush=True)
    time.sleep(100)
"""


def test_a_test_that_is_killed_leaves_nothing(linux_host: object) -> None:
    support = str(ROOT / "tests" / "support")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, support], stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        path, namespace = killed.stdout.readline().split()
        assert hosts.processes("dnsmasq", path)
        killed.send_signal(signal.SIGKILL)
    wait_until(lambda: not os.path.exists(path), seconds=20)
    assert not hosts.processes("dnsmasq", path)
    assert namespace not in hosts.run("ip", "netns", "list")
