"""A real dnsmasq: what it may do, what it survives, and what its clients cannot do."""

import os
import pwd
import signal
import stat
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import hosts
import probing
import pytest
from hosts import LinuxHost
from linux_looks import wait_until
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.model import DhcpHost, Network
from qplug.testing.suite import race
from qplug.testing.values import call, dhcp_host, network, subnet, vif
from qplug_dhcp_dnsmasq.driver import DnsmasqDhcp
from qplug_dhcp_dnsmasq.errors import DnsmasqFailed, PathClosed, UserMissing
from qplug_dhcp_dnsmasq.options import GROUP
from qplug_dhcp_dnsmasq.serving import Serving

pytestmark = pytest.mark.integration


class Segment:
    """A network with a client's namespace, and the driver that serves it."""

    def __init__(self, host: LinuxHost, driver: DnsmasqDhcp, *subnets: object) -> None:
        self.driver = driver
        self.net: Network = network(*(subnets or ("10.20.0.0/24",)))  # type: ignore[arg-type]
        self.netns = host.namespace("client")
        hosts.run("ip", "link", "add", self.net.bridge, "type", "bridge", "forward_delay", "0")
        for each in self.net.subnets:
            address = f"{each.dhcp_server}/{each.cidr.prefixlen}"
            hosts.run("ip", "addr", "add", address, "dev", self.net.bridge)
        peer = ("type", "veth", "peer", "name", "eth0", "netns", self.netns)
        hosts.run("ip", "link", "add", "port", *peer)
        hosts.run("ip", "link", "set", "port", "master", self.net.bridge, "up")
        hosts.run("ip", "link", "set", self.net.bridge, "up")
        hosts.inside(self.netns, "ip", "link", "set", "eth0", "up")
        self.serving: Serving = driver._of(self.net.id)
        self.folder = Path(self.serving.folder)

    def host(self, address: str) -> DhcpHost:
        return dhcp_host(vif(self.net), address)

    def sync(self, *wanted: DhcpHost) -> None:
        self.driver.sync(call(), self.net, wanted)

    def offered(self, *asked: DhcpHost) -> list[str | None]:
        with hosts.entered(self.netns):
            found = probing.offers("eth0", [one.mac for one in asked])
        return [str(found[one.mac]) if one.mac in found else None for one in asked]

    def leases(self, one: DhcpHost, client_id: bytes = b"") -> str:
        with hosts.entered(self.netns):
            return str(probing.lease("eth0", one.mac, client_id))

    def reboots(self, one: DhcpHost, address: str, client_id: bytes = b"") -> int | None:
        with hosts.entered(self.netns):
            return probing.reboot("eth0", one.mac, address, client_id)

    @property
    def pid(self) -> int:
        pid = self.serving.process.find()
        assert pid is not None
        return pid

    @property
    def deltas(self) -> int:
        return len(list((self.folder / "hosts.d").iterdir()))


@pytest.fixture
def segment(linux_host: LinuxHost, driver: DnsmasqDhcp) -> Segment:
    return Segment(linux_host, driver)


# --- rights -------------------------------------------------------------------------------------


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_neither_dnsmasq_nor_its_helper_is_root_or_may_become_it(segment: Segment) -> None:
    segment.sync(segment.host("10.20.0.10"))
    uid = str(pwd.getpwnam("dnsmasq").pw_uid)
    found = [_status(pid) for pid in hosts.processes("dnsmasq", str(segment.folder))]
    assert len(found) == 2
    for status in found:
        assert set(status["Uid"].split()) == {uid}
        assert status["NoNewPrivs"] == "1"
    bounding = {int(status["CapBnd"], 16) for status in found}
    rights = sum(1 << number for number in (6, 7, 10, 12, 13))  # setgid setuid bind admin raw
    assert bounding == {rights}
    helper = min(found, key=lambda status: int(status["CapEff"], 16))
    assert int(helper["CapEff"], 16) == 0


def test_of_its_files_it_may_write_the_events_alone(segment: Segment) -> None:
    segment.sync(segment.host("10.20.0.10"))
    uid = pwd.getpwnam("dnsmasq").pw_uid
    writable = set()
    for path in [segment.folder, *segment.folder.rglob("*")]:
        found = path.stat()
        mine = found.st_uid == uid and found.st_mode & stat.S_IWUSR
        if mine or found.st_mode & stat.S_IWOTH:
            writable.add(path.name)
    assert writable == {"events"}
    for path in segment.folder.parent.glob(f"{segment.net.id}.*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_its_arguments_are_those_that_were_thought_about(segment: Segment) -> None:
    segment.sync()
    words = Path(f"/proc/{segment.pid}/cmdline").read_text().split("\0")
    wanted = {
        "--port=0",
        "--no-ping",
        "--no-hosts",
        "--no-resolv",
        "--bind-dynamic",
        "--leasefile-ro",
        "--dhcp-authoritative",
        "--dhcp-ignore-names",
        "--except-interface=lo",
        "--conf-file=/dev/null",
        "--user=dnsmasq",
        "--dhcp-scriptuser=dnsmasq",
        f"--interface={segment.net.bridge}",
        "--dhcp-range=set:s0,10.20.0.0,static,255.255.255.0,120s",
    }
    assert wanted <= set(words)


def test_where_its_user_cannot_go_nothing_is_begun(
    dnsmasq_conf: ConfigOpts, linux_host: LinuxHost
) -> None:
    closed = linux_host.path / "closed"
    closed.mkdir(mode=0o700)
    dnsmasq_conf.set_override("networks_path", str(closed / "dnsmasq"), GROUP)
    with closing(DnsmasqDhcp(dnsmasq_conf)) as driver:
        with pytest.raises(PathClosed, match=f"as {closed} lets nobody else in"):
            driver.check(call())
        with pytest.raises(PathClosed):
            driver.sync(call(), network("10.20.0.0/24"), [])


def test_a_user_that_is_not_there_is_one_sentence(dnsmasq_conf: ConfigOpts) -> None:
    dnsmasq_conf.set_override("user", "nobody-knows-it", GROUP)
    with closing(DnsmasqDhcp(dnsmasq_conf)) as driver, pytest.raises(UserMissing):
        driver.check(call())


def test_what_dnsmasq_refuses_is_told_in_its_words(segment: Segment) -> None:
    Path(segment.folder).mkdir(parents=True)
    (segment.folder / "pid").mkdir()  # where its pid should be
    with pytest.raises(DnsmasqFailed, match="failed to open pidfile"):
        segment.sync()


# --- changes ------------------------------------------------------------------------------------


def test_a_change_starts_nothing_anew_and_is_there_at_once(segment: Segment) -> None:
    first, second = segment.host("10.20.0.10"), segment.host("10.20.0.11")
    segment.sync(first)
    pid = segment.pid
    segment.driver.apply(call(), segment.net, changed=[second])
    assert segment.offered(first, second) == ["10.20.0.10", "10.20.0.11"]
    segment.driver.apply(call(), segment.net, removed=[first])
    assert segment.offered(first, second) == [None, "10.20.0.11"]
    assert (segment.pid, segment.deltas) == (pid, 2)


def test_many_changes_at_once_are_told_in_few_files(segment: Segment) -> None:
    segment.sync()
    many = [segment.host(f"10.20.0.{n}") for n in range(10, 60)]
    apply = segment.driver.apply
    answers = race([partial(apply, call(), segment.net, changed=[one]) for one in many])
    assert answers == [None] * 50
    assert segment.offered(*many) == [str(one.addresses[0]) for one in many]
    assert segment.deltas < 50


def test_what_a_killed_process_had_written_down_is_told_by_the_next(segment: Segment) -> None:
    first, second = segment.host("10.20.0.10"), segment.host("10.20.0.11")
    segment.sync()
    with segment.serving.ledger(call()) as ledger:
        ledger.want(first)  # as far as somebody came who was killed then
    segment.driver.apply(call(), segment.net, changed=[second])
    assert segment.offered(first, second) == ["10.20.0.10", "10.20.0.11"]


def test_a_killed_dnsmasq_is_started_by_the_next_change(segment: Segment) -> None:
    first, second = segment.host("10.20.0.10"), segment.host("10.20.0.11")
    segment.sync(first)
    os.kill(segment.pid, signal.SIGKILL)
    segment.driver.apply(call(), segment.net, changed=[second])
    assert segment.offered(first, second) == ["10.20.0.10", "10.20.0.11"]


def test_a_stopped_dnsmasq_is_said_to_be_silent_when_the_time_is_over(segment: Segment) -> None:
    first = segment.host("10.20.0.10")
    segment.sync()
    os.kill(segment.pid, signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(Exception, match="has not taken notice of a change in time"):
        segment.driver.apply(call(seconds=1), segment.net, changed=[first])
    assert time.monotonic() - begin < 2
    os.kill(segment.pid, signal.SIGCONT)
    segment.driver.apply(call(), segment.net)
    assert segment.offered(first) == ["10.20.0.10"]


def test_an_address_that_was_anothers_is_given_after_a_new_start(segment: Segment) -> None:
    first, heir = segment.host("10.20.0.10"), segment.host("10.20.0.10")
    segment.sync(first)
    assert segment.leases(first) == "10.20.0.10"
    segment.driver.apply(call(), segment.net, removed=[first])
    segment.driver.apply(call(), segment.net, changed=[heir])
    assert segment.offered(first, heir) == [None, "10.20.0.10"]
    assert segment.leases(heir) == "10.20.0.10"


def test_leases_are_kept_when_it_starts_anew(segment: Segment) -> None:
    first = segment.host("10.20.0.10")
    segment.sync(first)
    assert segment.leases(first) == "10.20.0.10"
    wider = replace(segment.net, subnets=(*segment.net.subnets, subnet("10.21.0.0/24")))
    segment.driver.apply(call(), wider)
    (lease,) = segment.driver.leases(call(), wider)
    assert (str(lease.address), lease.mac) == ("10.20.0.10", first.mac)
    assert segment.reboots(first, "10.20.0.10") == probing.ACK


def test_who_asks_for_a_wrong_address_is_told_no(segment: Segment) -> None:
    first = segment.host("10.20.0.10")
    segment.sync(first)
    assert segment.reboots(first, "10.20.0.11") == probing.NAK


def test_many_changes_are_written_into_the_hosts_some_time(segment: Segment) -> None:
    segment.sync()
    for number in range(260):
        one = segment.host(f"10.20.0.{10 + number % 200}")
        segment.driver.apply(call(), segment.net, changed=[one])
        segment.driver.apply(call(), segment.net, removed=[one])
    assert segment.deltas <= 250


# --- clients ------------------------------------------------------------------------------------


def test_a_clone_takes_nobodys_lease(segment: Segment) -> None:
    first, clone = segment.host("10.20.0.10"), segment.host("10.20.0.11")
    segment.sync(first, clone)
    same = b"\x01cloned"
    assert segment.leases(first, same) == "10.20.0.10"
    assert segment.leases(clone, same) == "10.20.0.11"
    assert segment.reboots(first, "10.20.0.10", same) == probing.ACK


@pytest.mark.parametrize(
    "client_id",
    [b"\nadd aa:bb:cc:dd:ee:ff 10.20.0.99 x", b"$(id)", b"\xff" * 250],
    ids=["a line", "a command", "much"],
)
def test_what_a_client_calls_itself_is_written_nowhere(segment: Segment, client_id: bytes) -> None:
    first = segment.host("10.20.0.10")
    segment.sync(first)
    assert segment.leases(first, client_id) == "10.20.0.10"
    events = segment.folder / "events"
    wait_until(lambda: "add " in events.read_text())
    (lease,) = segment.driver.leases(call(), segment.net)
    assert (lease.client_id, lease.hostname) == (None, "host-10-20-0-10")
    assert len(events.read_text().splitlines()) == 1


def test_events_that_nobody_could_have_written_are_passed_over(segment: Segment) -> None:
    segment.sync(segment.host("10.20.0.10"))
    with (segment.folder / "events").open("a") as file:
        file.write(
            "add rubbish\n\0\xff\nadd fa:16:3e:00:00:01 999.1.2.3 x exp=1 cid=* iaid= mac=\n"
        )
    assert list(segment.driver.leases(call(), segment.net)) == []


def test_events_are_begun_anew_when_they_are_many_and_none_is_lost(segment: Segment) -> None:
    first = segment.host("10.20.0.10")
    segment.sync(first)
    events = segment.folder / "events"
    line = f"add {first.mac} 10.20.0.10 x exp=1 cid=* iaid= mac=\n"
    events.write_text(line * 5000)
    with events.open("a") as late:  # a hook that has it open meanwhile
        assert len(segment.driver.leases(call(), segment.net)) == 1
        assert events.stat().st_size == 0
        late.write(f"del {first.mac} 10.20.0.10 x exp=1 cid=* iaid= mac=\n")
    assert list(segment.driver.leases(call(), segment.net)) == []
    (ended,) = segment.driver.ended_leases(call())
    assert ended.address == IPAddress("10.20.0.10")
    assert events.owner() == "dnsmasq"


@pytest.fixture
def stateful(linux_host: LinuxHost, driver: DnsmasqDhcp) -> Segment:
    return Segment(linux_host, driver, "2001:db8:20::/112")


def test_an_ipv6_lease_is_given_back_for_a_client_that_goes(stateful: Segment) -> None:
    one = stateful.host("2001:db8:20::10")
    stateful.sync(one)
    mac = str(one.mac)
    hosts.inside(stateful.netns, "ip", "link", "set", "eth0", "down")
    hosts.inside(stateful.netns, "ip", "link", "set", "eth0", "address", mac, "up")
    wait_until(lambda: "tentative" not in hosts.inside(stateful.netns, "ip", "-6", "addr"))
    script = stateful.folder.parent.parent / "script"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    place = stateful.folder.parent.parent / "client"
    files = ("-sf", str(script), "-lf", f"{place}.leases", "-pf", f"{place}.pid")
    hosts.inside(stateful.netns, "dhclient", "-6", "-1", *files, "eth0")
    hosts.inside(stateful.netns, "dhclient", "-6", "-x", *files, "eth0", check=False)
    wait_until(lambda: len(stateful.driver.leases(call(), stateful.net)) == 1)
    stateful.driver.apply(call(), stateful.net, removed=[one])
    wait_until(lambda: len(stateful.driver.ended_leases(call())) == 1)
    (ended,) = stateful.driver.ended_leases(call())
    assert (str(ended.address), ended.mac) == ("2001:db8:20::10", one.mac)
