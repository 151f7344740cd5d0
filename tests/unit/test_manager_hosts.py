"""What is done on a network's host: at the start, for its first instance, and at the end."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.builtin.null_dhcp import NullDhcp
from qplug.builtin.null_l3 import NullL3
from qplug.builtin.random_mac import RandomMac
from qplug.contracts import KINDS
from qplug.errors import BackendUnavailable, DriverFailed, DriversChanged, NetworkOnOtherHost
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import Instance, Network, NetworkRequest
from qplug.store.tables import instances, networks, vifs
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.clock import Clock
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.recording import Journal
from qplug.testing.values import NOW, PROJECT, call, network_spec
from qplug.testing.watching import DriverCall

MakeChain = Callable[..., RecordedChain]
ADMIN = Context(is_admin=True)
LEASED = ("addresses", "ports", "mac", "qplug_instances", "qplug_vifs", "qplug_allocations")
"""What instances hold."""

GONE = BackendUnavailable("it", "told to")


def init_host(chain: RecordedChain) -> list[tuple[str, Any]]:
    """Start the host anew and return what its drivers were asked: steps and networks' labels."""
    chain.journal.clear()
    chain.manager.init_host(ADMIN)
    return [(entry.step, label_of(entry)) for entry in chain.journal.entries]


def label_of(entry: DriverCall) -> str | None:
    network: Network | None = entry.args.get("network")
    return network.label if network else None


def guest_on(chain: RecordedChain, label: str) -> Instance:
    guest = instance()
    chain.admin.allocate_for_instance(guest, [NetworkRequest(network_id=label)])
    return guest


def given(chain: RecordedChain, guest: Instance) -> set[str]:
    found = chain.admin.get_all_fixed_ips(instance_id=guest.id)
    return {str(fixed_ip.address) for fixed_ip in found}


def answered(chain: RecordedChain, network: Network) -> set[str]:
    """Return the addresses that DHCP answers with on a network."""
    hosts = chain.dhcp.served.get(network.id, {}).values()
    return {str(address) for host in hosts for address in host.addresses}


def gateway_ports(chain: RecordedChain, network: Network) -> int:
    project = network.quantum_project
    ports = MemoryQuantum.ports(chain.quantum, call(), project, network.id)
    return sum(port.attachment == network.gateway_device for port in ports)


def rows_of(chain: RecordedChain, network: Network, state: str) -> None:
    """Record an instance with a vif on the network, as another process may have just now."""
    row = {"id": str(uuid4()), "project_id": PROJECT, "rxtx_factor": 1.0, "request": ""}
    vif = {"id": str(uuid4()), "network_id": network.id, "project_id": PROJECT, "position": 0}

    def work(tx: Any) -> None:
        tx.execute(instances.insert().values(**row, state=state, epoch=1, created_at=NOW))
        tx.execute(vifs.insert().values(**vif, instance_id=row["id"], state=state))

    chain.manager._chain.store.database.write(call(), work)


# --- bootstrap ----------------------------------------------------------------------------------


def test_r1_a_manager_works_with_the_drivers_it_is_given(chain: RecordedChain) -> None:
    """R1: connection, IPAM, MAC, L3 and DHCP."""
    chain.network()
    guest_on(chain, "blue")
    chain.manager.init_host(ADMIN)
    assert {entry.kind for entry in chain.journal.entries} == set(KINDS)


def test_r1_a_driver_that_is_not_given_is_the_configured_one(conf: ConfigOpts) -> None:
    """R1: each kind for itself."""
    conf.set_override("connection", "sqlite://", "database")
    manager = create_manager(conf)
    chain = manager._chain
    found = [type(getattr(chain, kind)) for kind in ("ipam", "quantum", "mac", "l3", "dhcp")]
    assert found == [MemoryIpam, MemoryQuantum, RandomMac, NullL3, NullDhcp]
    manager.close()


def test_r2_a_given_ipam_takes_the_place_of_the_configured_one(
    make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts
) -> None:
    """R2: the configured one is not even looked for, and its name is what is recorded."""
    conf.set_override("driver", "nowhere-installed", "ipam")
    ipam = MemoryIpam(conf)
    network = api_of(make_manager(ipam=ipam)).create(network_spec("10.0.0.0/24"))
    assert ipam.subnet_ids(call(), network.id) == {subnet.id for subnet in network.subnets}
    assert network.drivers.ipam == "nowhere-installed"


def test_a_configuration_is_read_when_it_is_used(chain: RecordedChain, conf: ConfigOpts) -> None:
    conf.set_override("host", "renamed")
    assert chain.network().host == "renamed"


# --- init_host ----------------------------------------------------------------------------------


def test_r3_a_host_is_initialised_once_then_gateways_dhcp_nat_and_what_is_no_longer_wanted(
    chain: RecordedChain, clock: Clock
) -> None:
    """R3: and R6: translation comes after the loop, for networks that have a gateway."""
    chain.network("10.0.0.0/24", label="one")
    clock.advance(1)
    chain.network("10.1.0.0/24", label="unrouted", no_gateway=(4,))
    clock.advance(1)
    chain.network("fd00::/64", label="six")
    assert init_host(chain) == [
        ("l3.initialize", None),
        ("l3.enable_gateway", "one"),
        ("dhcp.sync", "one"),
        ("l3.enable_gateway", "unrouted"),
        ("dhcp.sync", "unrouted"),
        ("l3.enable_gateway", "six"),
        ("dhcp.sync", "six"),
        ("l3.enable_nat", "one"),
        ("l3.enable_nat", "six"),
        ("dhcp.prune", None),
        ("l3.prune", None),
    ]


def test_r4_only_the_networks_of_this_host_are_set_up(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    """R4: another host's are left to it."""
    chain.network("10.0.0.0/24", label="ours")
    conf.set_override("host", "host-2")
    theirs = chain.network("10.1.0.0/24", label="theirs")
    conf.set_override("host", "host-1")
    chain.network("10.2.0.0/24", label="nobodys")
    chain.admin.disassociate("nobodys", project=False)
    told = init_host(chain)
    assert {label for _, label in told} == {"ours", None}
    assert chain.admin.get("theirs").host == theirs.host == "host-2"


def test_r6_nat_is_added_for_each_network_with_gateway(chain: RecordedChain) -> None:
    """R6: what had been lost is there again."""
    routed = [chain.network(f"10.{n}.0.0/24", label=f"net-{n}") for n in range(3)]
    chain.network("10.9.0.0/24", label="unrouted", no_gateway=(4,))
    chain.l3.translated.clear()
    init_host(chain)
    assert chain.l3.translated == {network.id for network in routed}


def test_r7_a_host_without_networks_starts(chain: RecordedChain) -> None:
    """R7: and removes what it had."""
    assert init_host(chain) == [("l3.initialize", None), ("dhcp.prune", None), ("l3.prune", None)]


def test_a_host_without_networks_and_serving_drivers_starts(
    make_manager: MakeManager,
) -> None:
    make_manager().init_host(ADMIN)


def test_a_host_that_starts_answers_exactly_the_vifs_there_are(chain: RecordedChain) -> None:
    one, other = chain.network(), chain.network("10.1.0.0/24", label="green")
    guests = [guest_on(chain, "blue") for _ in range(3)]
    chain.admin.deallocate_for_instance(guests[1].id)
    chain.dhcp.served.clear()
    init_host(chain)
    assert answered(chain, one) == given(chain, guests[0]) | given(chain, guests[2])
    assert answered(chain, other) == set()
    assert set(chain.dhcp.served) == {one.id, other.id}


def test_what_is_no_longer_here_is_removed(chain: RecordedChain, conf: ConfigOpts) -> None:
    gone, stays = chain.network(), chain.network("10.1.0.0/24", label="green")
    guest_on(chain, "blue")
    chain.admin.disassociate("blue", project=False)
    chain.admin.set_host("blue", "host-2")
    init_host(chain)
    assert set(chain.dhcp.served) == set(chain.l3.gateways) == {stays.id}
    assert gone.id not in chain.l3.translated


@pytest.mark.parametrize("state", ["building", "deleting"])
def test_what_another_process_works_on_is_not_removed(state: str, chain: RecordedChain) -> None:
    """A network that is just being made is not listed yet, and has its translation already."""
    network = chain.network()
    change = networks.update().values(state=state)
    chain.manager._chain.store.database.write(call(), lambda tx: tx.execute(change))
    assert init_host(chain)[0] == ("l3.initialize", None)
    (asked,) = chain.journal.of("l3.prune")
    assert list(asked.args["network_ids"]) == [network.id]
    assert chain.l3.translated == {network.id}


@pytest.mark.parametrize(
    "step",
    ["l3.initialize", "l3.enable_gateway", "dhcp.sync", "l3.enable_nat", "dhcp.prune", "l3.prune"],
)
def test_a_host_that_cannot_serve_does_not_look_as_if_it_did(
    step: str, chain: RecordedChain
) -> None:
    """Errors propagate, and starting again does all of it."""
    network = chain.network()
    chain.journal.fail(step, GONE)
    with pytest.raises(BackendUnavailable):
        init_host(chain)
    chain.journal.fail(step, RuntimeError("boo"))
    with pytest.raises(DriverFailed):
        init_host(chain)
    init_host(chain)
    assert set(chain.l3.gateways) == set(chain.dhcp.served) == {network.id}


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_does_not_start_with_other_drivers_than_its_networks_were_made_with(
    kind: str, chain: RecordedChain, make_manager: MakeManager, conf: ConfigOpts
) -> None:
    """It would stop what the former ones serve."""
    chain.network()
    conf.set_override("driver", "other", kind)
    manager = make_manager(**{name: getattr(chain, name) for name in KINDS})
    chain.journal.clear()
    with pytest.raises(DriversChanged):
        manager.init_host(ADMIN)
    assert chain.journal.steps == []


class SlowJournal(Journal):
    """A journal on whose clock every step takes a while."""

    seconds = 0.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._spent, real = 0.0, time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + self._spent)

    def run(self, entry: DriverCall, work: Callable[[], Any]) -> Any:
        self._spent += self.seconds
        return super().run(entry, work)


def test_each_of_many_networks_has_an_operations_time_of_its_own(
    make_chain: MakeChain, conf: ConfigOpts, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.set_override("operation_timeout", 60)
    slow = SlowJournal(monkeypatch)
    chain = make_chain(journal=slow)
    for number in range(10):
        chain.network(f"10.{number}.0.0/24", label=f"net-{number}")
    slow.seconds = 25
    chain.manager.init_host(ADMIN)
    assert len(chain.l3.translated) == 10


# --- the first instance of a network ------------------------------------------------------------


def test_the_first_instance_gets_a_network_its_gateway_and_the_second_finds_it(
    chain: RecordedChain,
) -> None:
    network = chain.network()
    assert (chain.l3.gateways, gateway_ports(chain, network)) == ({}, 0)
    guest_on(chain, "blue")
    guest_on(chain, "blue")
    assert set(chain.l3.gateways) == {network.id}
    assert gateway_ports(chain, network) == 1
    assert len(chain.journal.of("l3.enable_gateway")) == 1


def test_a_gateway_is_served_without_dhcp_too(make_chain: MakeChain, conf: ConfigOpts) -> None:
    """Instances that are told their addresses in another way are routed all the same."""
    chain = make_chain(dhcp=NullDhcp(conf))
    network = chain.network()
    guest = guest_on(chain, "blue")
    assert set(chain.l3.gateways) == {network.id}
    assert gateway_ports(chain, network) == 1
    chain.admin.deallocate_for_instance(guest.id)
    chain.admin.delete("blue")
    assert chain.l3.gateways == {}


def test_nobody_serves_without_serving_drivers(make_chain: MakeChain, conf: ConfigOpts) -> None:
    chain = make_chain(l3=NullL3(conf), dhcp=NullDhcp(conf))
    network = chain.network()
    guest_on(chain, "blue")
    assert gateway_ports(chain, network) == 0


@pytest.mark.parametrize("step", ["l3.enable_gateway", "quantum.attach_port", "dhcp.apply"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_gateway_made_for_an_instance_that_fails_is_taken_back(
    step: str, after: bool, chain: RecordedChain
) -> None:
    network = chain.network()
    before = chain.holdings()
    chain.journal.fail(step, GONE, after=after)
    with pytest.raises(BackendUnavailable):
        guest_on(chain, "blue")
    assert chain.holdings() == before
    assert gateway_ports(chain, network) == 0


def test_a_gateway_stays_if_another_instance_relies_on_it_by_then(chain: RecordedChain) -> None:
    """Even one that is only being built: it has found the gateway and will not make it again."""
    network = chain.network()
    rows_of(chain, network, "building")
    chain.journal.fail("dhcp.apply", GONE)
    with pytest.raises(BackendUnavailable):
        guest_on(chain, "blue")
    assert set(chain.l3.gateways) == {network.id}
    assert gateway_ports(chain, network) == 1


def test_a_gateway_does_not_stay_for_an_instance_that_is_being_deleted(
    chain: RecordedChain,
) -> None:
    network = chain.network()
    rows_of(chain, network, "deleting")
    chain.journal.fail("dhcp.apply", GONE)
    with pytest.raises(BackendUnavailable):
        guest_on(chain, "blue")
    assert chain.l3.gateways == {}
    assert gateway_ports(chain, network) == 0


# --- other hosts --------------------------------------------------------------------------------


def test_an_instance_is_refused_on_a_network_that_another_host_serves(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    network = chain.network()
    before = chain.holdings()
    conf.set_override("host", "host-2")
    with pytest.raises(NetworkOnOtherHost) as error:
        guest_on(chain, "blue")
    assert (error.value.network, error.value.host, error.value.here) == (
        "blue",
        "host-1",
        "host-2",
    )
    assert chain.holdings() == before
    assert gateway_ports(chain, network) == 0


def test_a_network_that_another_host_serves_is_deleted_there(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    """Refused before anything is done."""
    network = chain.network()
    guest = guest_on(chain, "blue")
    chain.admin.deallocate_for_instance(guest.id)
    before = chain.holdings()
    conf.set_override("host", "host-2")
    chain.journal.clear()
    with pytest.raises(NetworkOnOtherHost):
        chain.admin.delete("blue")
    assert chain.holdings() == before
    assert chain.journal.steps == []
    assert chain.admin.get_all() == [network]
    conf.set_override("host", "host-1")
    chain.admin.delete("blue")


def test_any_host_will_do_where_no_driver_acts_on_one(
    make_chain: MakeChain, conf: ConfigOpts
) -> None:
    chain = make_chain(l3=NullL3(conf), dhcp=NullDhcp(conf))
    chain.network()
    conf.set_override("host", "host-2")
    guest = guest_on(chain, "blue")
    chain.admin.deallocate_for_instance(guest.id)
    chain.admin.delete("blue")
    assert chain.admin.get_all() == []


def test_a_network_without_host_is_taken_over_with_all_its_instances(
    chain: RecordedChain, make_chain: MakeChain, conf: ConfigOpts
) -> None:
    """The new host has nothing of it: gateway, translation and the earlier vifs."""
    network = chain.network()
    early = guest_on(chain, "blue")
    chain.admin.disassociate("blue", project=False)
    conf.set_override("host", "host-2")
    new = make_chain(ipam=chain.ipam, quantum=chain.quantum, mac=chain.mac)
    late = guest_on(new, "blue")
    assert new.admin.get("blue").host == "host-2"
    assert set(new.l3.gateways) == new.l3.translated == {network.id}
    assert answered(new, network) == given(new, early) | given(new, late)
    assert gateway_ports(chain, network) == 1


@pytest.mark.parametrize("step", ["l3.enable_gateway", "dhcp.sync", "l3.enable_nat"])
def test_a_host_that_cannot_take_a_network_over_leaves_it_to_others(
    step: str, chain: RecordedChain
) -> None:
    """What it has set up stays for the next try, or until it is pruned; instances leave nothing."""
    network = chain.network()
    chain.admin.disassociate("blue", project=False)
    before = chain.holdings()
    chain.journal.fail(step, GONE, after=True)
    with pytest.raises(BackendUnavailable):
        guest_on(chain, "blue")
    assert chain.admin.get("blue").host is None
    after = chain.holdings()
    assert [after[part] for part in LEASED] == [before[part] for part in LEASED]
    init_host(chain)
    assert (chain.l3.gateways, chain.dhcp.served) == ({}, {})
    guest_on(chain, "blue")
    assert chain.admin.get("blue").host == "host-1"
    assert set(chain.l3.gateways) == {network.id}


def test_a_network_without_host_can_be_deleted(chain: RecordedChain) -> None:
    chain.network()
    chain.admin.disassociate("blue")
    chain.admin.delete("blue")
    assert chain.admin.get_all() == []
