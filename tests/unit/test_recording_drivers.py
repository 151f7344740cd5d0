import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.errors import BackendUnavailable
from qplug.testing.memory import MemoryDhcp, MemoryL3
from qplug.testing.recording import Journal
from qplug.testing.values import call, dhcp_host, network, vif
from qplug.testing.watching import watched

GONE = BackendUnavailable("dnsmasq", "told to")


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def dhcp(journal: Journal) -> MemoryDhcp:
    return watched(MemoryDhcp(ConfigOpts()), "dhcp", journal.run)


def test_calls_of_all_drivers_are_noted_in_their_order(journal: Journal) -> None:
    net, conf = network("10.0.0.0/29"), ConfigOpts()
    ipam = watched(MemoryIpam(conf), "ipam", journal.run)
    l3 = watched(MemoryL3(conf), "l3", journal.run)
    ipam.create_subnets(call(), net)
    l3.initialize(call())
    ipam.allocate(call(), net, vif(net))
    assert journal.steps == ["ipam.create_subnets", "l3.initialize", "ipam.allocate"]


def test_arguments_are_noted_by_name_however_they_were_given(
    journal: Journal, dhcp: MemoryDhcp
) -> None:
    net = network("10.0.0.0/29")
    host = dhcp_host(vif(net), "10.0.0.2")
    dhcp.apply(call(), network=net, changed=[host])
    (entry,) = journal.of("dhcp.apply")
    assert entry.args == {"network": net, "changed": [host]}


def test_a_step_that_fails_before_has_done_nothing(journal: Journal, dhcp: MemoryDhcp) -> None:
    net = network("10.0.0.0/29")
    journal.fail("dhcp.sync", GONE)
    with pytest.raises(BackendUnavailable):
        dhcp.sync(call(), net, [])
    assert dhcp.served == {}
    assert journal.steps == ["dhcp.sync"]


def test_a_step_that_fails_after_has_done_its_work(journal: Journal, dhcp: MemoryDhcp) -> None:
    net = network("10.0.0.0/29")
    journal.fail("dhcp.sync", GONE, after=True)
    with pytest.raises(BackendUnavailable):
        dhcp.sync(call(), net, [])
    assert dhcp.served == {net.id: {}}


def test_a_step_fails_as_often_as_it_was_told_to(journal: Journal, dhcp: MemoryDhcp) -> None:
    journal.fail("dhcp.check", GONE, times=2)
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            dhcp.check(call())
    assert dhcp.check(call())


def test_what_was_mended_works(journal: Journal, dhcp: MemoryDhcp) -> None:
    journal.fail("dhcp.check", GONE, times=100)
    journal.mend()
    assert dhcp.check(call())


def test_other_steps_and_other_journals_do_not_fail(journal: Journal, dhcp: MemoryDhcp) -> None:
    journal.fail("dhcp.sync", GONE)
    dhcp.stop(call(), network("10.0.0.0/29"))
    other = watched(MemoryDhcp(ConfigOpts()), "dhcp", Journal().run)
    other.sync(call(), network("10.0.0.0/29"), [])
    assert journal.steps == ["dhcp.stop"]


def test_a_misspelt_step_is_refused_at_once(journal: Journal) -> None:
    with pytest.raises(ValueError, match=r"no driver takes a step 'dhcp\.aply'"):
        journal.fail("dhcp.aply", GONE)
    with pytest.raises(ValueError, match="no driver takes a step"):
        journal.of("aply")


def test_cleared_entries_are_forgotten(journal: Journal, dhcp: MemoryDhcp) -> None:
    dhcp.check(call())
    journal.clear()
    assert journal.entries == []


def test_the_driver_that_is_recorded_is_left_as_it_is(journal: Journal) -> None:
    MemoryDhcp(ConfigOpts()).check(call())
    assert journal.entries == []


def test_floating_ips_are_those_that_were_set(journal: Journal) -> None:
    ipam = watched(MemoryIpam(ConfigOpts()), "ipam", journal.run)
    fixed, floating = IPAddress("10.0.0.2"), IPAddress("198.51.100.7")
    ipam.set_floating_ips("net-1", fixed, floating)
    assert ipam.floating_ips(call(), "net-1", [fixed, floating]) == {fixed: (floating,)}
    assert ipam.floating_ips(call(), "net-2", [fixed]) == {}
    ipam.set_floating_ips("net-1", fixed)
    assert ipam.floating_ips(call(), "net-1", [fixed]) == {}
