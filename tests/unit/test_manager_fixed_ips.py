"""Fixed IPs: asked for, added, removed, listed and searched."""

from collections.abc import Callable

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.contracts import AddressPairs
from qplug.errors import (
    FixedIpAlreadyInUse,
    FixedIpInvalid,
    FixedIpNotFoundForSpecificInstance,
    InvalidInput,
    NoMoreFixedIps,
    NotSupported,
    QplugError,
    VifNotFound,
    VifNotFoundOnNetwork,
)
from qplug.model import Instance, NetworkRequest
from qplug.network_info import NetworkInfo
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.clock import Clock

MakeChain = Callable[..., RecordedChain]


def addresses(info: NetworkInfo) -> list[str]:
    return [str(ip.address) for ip in info.fixed_ips()]


def asking(*wanted: str, network: str = "blue") -> list[NetworkRequest]:
    return [NetworkRequest(network_id=network, addresses=tuple(map(IPAddress, wanted)))]


def allocated(chain: RecordedChain, *wanted: str) -> Instance:
    mine = instance()
    chain.admin.allocate_for_instance(mine, asking(*wanted))
    return mine


def info_of(chain: RecordedChain, mine: Instance) -> list[str]:
    """Return an instance's addresses, once network info and DHCP say the same."""
    found = addresses(chain.admin.get_instance_nw_info(mine.id))
    hosts = [host for served in chain.dhcp.served.values() for host in served.values()]
    ids = {vif.id for vif in chain.admin.get_vifs_by_instance(mine.id)}
    assert [str(a) for host in hosts if host.vif_id in ids for a in host.addresses] == found
    return found


# --- asked for with the instance ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (["10.0.0.77"], ["10.0.0.77", "fd00::2"]),
        (["fd00::77"], ["10.0.0.2", "fd00::77"]),
        (["fd00::77", "10.0.0.77"], ["10.0.0.77", "fd00::77"]),
        ([], ["10.0.0.2", "fd00::2"]),
    ],
)
def test_r37_a_requested_fixed_ip_is_honoured(
    chain: RecordedChain, wanted: list[str], given: list[str]
) -> None:
    chain.network("10.0.0.0/24", "fd00::/112")
    assert info_of(chain, allocated(chain, *wanted)) == given


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (["10.0.0.2"], FixedIpAlreadyInUse),
        (["fd00::2"], FixedIpAlreadyInUse),
        (["10.0.0.1"], FixedIpInvalid),
        (["10.0.0.9"], FixedIpInvalid),
        (["10.0.0.100"], FixedIpInvalid),
        (["10.0.0.0"], FixedIpInvalid),
        (["10.0.0.255"], FixedIpInvalid),
        (["10.9.0.2"], FixedIpInvalid),
        (["fd00::"], FixedIpInvalid),
        (["fd09::2"], FixedIpInvalid),
        (["10.0.0.20", "10.0.0.21"], FixedIpInvalid),
    ],
    ids=[
        "taken",
        "taken v6",
        "gateway",
        "reserved",
        "outside the pools",
        "the network's own",
        "broadcast",
        "foreign",
        "the routers'",
        "foreign v6",
        "two of one subnet",
    ],
)
def test_r37_a_fixed_ip_that_cannot_be_given_is_refused_and_nothing_changed(
    chain: RecordedChain, wanted: list[str], error: type[QplugError]
) -> None:
    pools = ["10.0.0.2-10.0.0.50"]
    chain.network("10.0.0.0/24", "fd00::/112", pools=pools, reserved=["10.0.0.9"])
    first = allocated(chain)
    before = chain.holdings()
    with pytest.raises(error, match=wanted[-1]):
        chain.admin.allocate_for_instance(instance(), asking(*wanted))
    if len(wanted) == 1:
        with pytest.raises(error, match=wanted[0]):
            chain.admin.add_fixed_ip_to_instance(first.id, "blue", address=IPAddress(wanted[0]))
    assert chain.holdings() == before


def test_r37_the_dhcp_servers_address_is_refused(chain: RecordedChain) -> None:
    chain.network("10.0.0.0/24", no_gateway=(4,))
    with pytest.raises(FixedIpInvalid, match="DHCP server"):
        chain.admin.allocate_for_instance(instance(), asking("10.0.0.1"))


def test_r37_a_resting_address_is_only_for_the_instance_that_had_it(
    chain: RecordedChain, conf: ConfigOpts, clock: Clock
) -> None:
    conf.set_override("reuse_delay", 60, "ipam")
    chain.network()
    mine = allocated(chain, "10.0.0.77")
    chain.admin.deallocate_for_instance(mine.id)
    before = chain.holdings()
    with pytest.raises(FixedIpAlreadyInUse, match="rests for another instance"):
        chain.admin.allocate_for_instance(instance(), asking("10.0.0.77"))
    assert chain.holdings() == before
    again = chain.admin.allocate_for_instance(mine, asking("10.0.0.77"))
    assert addresses(again) == ["10.0.0.77"]
    chain.admin.deallocate_for_instance(mine.id)
    clock.advance(60)
    assert info_of(chain, allocated(chain, "10.0.0.77")) == ["10.0.0.77"]


def test_a_full_subnet_is_told_of_and_nothing_changed(chain: RecordedChain) -> None:
    chain.network("10.0.0.0/24", "fd00::/112", pools=["10.0.0.2-10.0.0.3", "fd00::2"])
    mine = allocated(chain)
    before = chain.holdings()
    with pytest.raises(NoMoreFixedIps, match="fd00::/112"):
        chain.admin.allocate_for_instance(instance())
    chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    full = chain.holdings()
    with pytest.raises(NoMoreFixedIps, match=r"10.0.0.0/24"):
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    assert chain.holdings() == full
    chain.admin.remove_fixed_ip_from_instance(mine.id, IPAddress("10.0.0.3"))
    assert chain.holdings() == before


# --- added and removed --------------------------------------------------------------------------


def test_r66_an_added_fixed_ip_reaches_ipam_port_pairs_dhcp_and_info(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    conf.set_override("port_security", True, "quantum")
    blue = chain.network("10.0.0.0/24", "fd00::/64")
    mine = allocated(chain)
    chain.journal.clear()
    added = chain.admin.add_fixed_ip_to_instance(mine.id, blue.id)
    steps = ["ipam.add_address", "quantum.set_address_pairs", "dhcp.apply", "ipam.floating_ips"]
    assert list(chain.journal.steps) == steps
    (pairs,) = [e.args["pairs"] for e in chain.journal.of("quantum.set_address_pairs")]
    assert str(added) == "10.0.0.3"
    given = ["10.0.0.2", "10.0.0.3", "fd00::f816:3eff:fe00:1"]
    assert [str(pair.address) for pair in pairs] == given
    assert info_of(chain, mine) == given
    assert [str(a.address) for a in chain.holdings()["addresses"]].count("10.0.0.3") == 1


def test_r66_a_removed_fixed_ip_leaves_dhcp_and_port_before_ipam(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    conf.set_override("port_security", True, "quantum")
    chain.network("10.0.0.0/24", "fd00::/64")
    mine = allocated(chain)
    chain.journal.clear()
    chain.admin.remove_fixed_ip_from_instance(mine.id, IPAddress("10.0.0.2"))
    assert list(chain.journal.steps)[-3:] == [
        "quantum.set_address_pairs",
        "dhcp.apply",
        "ipam.remove_address",
    ]
    assert info_of(chain, mine) == ["fd00::f816:3eff:fe00:1"]
    assert [str(a.address) for a in chain.holdings()["addresses"]] == ["fd00::f816:3eff:fe00:1"]


def test_r66_an_address_can_be_added_by_name_removed_and_added_again(
    chain: RecordedChain,
) -> None:
    chain.network("10.0.0.0/24", "fd00::/64")
    mine = allocated(chain)
    for text in ("10.0.0.77", "fd00::77"):
        for _ in range(2):  # it rests for its own instance alone
            chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=IPAddress(text))
            assert text in info_of(chain, mine)
            chain.admin.remove_fixed_ip_from_instance(mine.id, IPAddress(text))
            assert text not in info_of(chain, mine)


def test_an_instance_without_its_last_address_is_not_answered_and_not_let_off_the_leash(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    conf.set_override("port_security", True, "quantum")
    blue = chain.network()
    mine = allocated(chain)
    chain.admin.remove_fixed_ip_from_instance(mine.id, IPAddress("10.0.0.2"))
    assert chain.dhcp.served == {blue.id: {}}
    (pairs,) = [e.args["pairs"] for e in chain.journal.of("quantum.set_address_pairs")]
    assert [str(pair.address) for pair in pairs] == ["fe80::f816:3eff:fe00:1"]  # none means all
    chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    assert info_of(chain, mine) == ["10.0.0.3"]


def test_a_quantum_that_cannot_change_pairs_is_not_left_with_wrong_ones(
    chain: RecordedChain, conf: ConfigOpts, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.set_override("port_security", True, "quantum")
    chain.network()
    mine = allocated(chain)
    before = chain.holdings()
    monkeypatch.setattr("qplug.manager.ports.AddressPairs", type("Unknown", (), {}))
    with pytest.raises(NotSupported):
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    with pytest.raises(NotSupported):
        chain.admin.remove_fixed_ip_from_instance(mine.id, IPAddress("10.0.0.2"))
    assert chain.holdings() == before
    conf.set_override("port_security", False, "quantum")
    chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    assert isinstance(chain.quantum, AddressPairs)


def test_of_two_vifs_on_a_network_one_can_be_named(chain: RecordedChain) -> None:
    chain.network()
    mine = instance()
    first, second = chain.admin.allocate_for_instance(mine, asking() * 2)
    added = chain.admin.add_fixed_ip_to_instance(mine.id, "blue", vif_id=second.id)
    (fixed_ip,) = chain.admin.get_fixed_ip_by_address(added)
    assert fixed_ip.vif_id == second.id
    with pytest.raises(FixedIpNotFoundForSpecificInstance):
        chain.admin.remove_fixed_ip_from_instance(mine.id, added, vif_id=first.id)
    chain.admin.remove_fixed_ip_from_instance(mine.id, added, vif_id=second.id)
    assert info_of(chain, mine) == ["10.0.0.2", "10.0.0.3"]


def test_an_address_that_two_vifs_of_an_instance_have_needs_the_vif(
    make_chain: MakeChain,
) -> None:
    chain = make_chain(l3="null")  # which does not mind networks that overlap
    chain.network(label="one")
    chain.network(label="two", project_id=None)
    mine = instance()
    chain.admin.allocate_for_instance(mine, asking(network="one") + asking(network="two"))
    before = chain.holdings()
    with pytest.raises(InvalidInput) as raised:
        chain.admin.remove_fixed_ip_from_instance(mine.id, IPAddress("10.0.0.2"))
    assert chain.holdings() == before
    for vif in chain.admin.get_vifs_by_instance(mine.id):
        assert vif.id in str(raised.value)
        chain.admin.remove_fixed_ip_from_instance(mine.id, IPAddress("10.0.0.2"), vif_id=vif.id)


def test_what_an_instance_has_already_is_not_added_again(chain: RecordedChain) -> None:
    chain.network()
    mine = allocated(chain)
    before = chain.holdings()
    with pytest.raises(FixedIpAlreadyInUse, match="has it already"):
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=IPAddress("10.0.0.2"))
    assert chain.holdings() == before


def test_an_address_is_added_only_where_the_instance_has_a_vif(chain: RecordedChain) -> None:
    chain.network()
    chain.network("10.1.0.0/24", label="green")
    mine = allocated(chain)
    before = chain.holdings()
    with pytest.raises(VifNotFoundOnNetwork):
        chain.admin.add_fixed_ip_to_instance(mine.id, "green")
    with pytest.raises(VifNotFound):
        chain.admin.add_fixed_ip_to_instance(
            mine.id, "blue", vif_id="5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
        )
    assert chain.holdings() == before


def test_r67_removing_a_foreign_address_is_not_found_for_that_instance(
    chain: RecordedChain,
) -> None:
    chain.network()
    mine, others = allocated(chain), allocated(chain)
    before = chain.holdings()
    for text in ("10.0.0.3", "10.0.0.77", "192.0.2.1", "fd00::1"):
        with pytest.raises(FixedIpNotFoundForSpecificInstance) as raised:
            chain.admin.remove_fixed_ip_from_instance(mine.id, IPAddress(text))
        assert (raised.value.address, raised.value.instance) == (text, mine.id)
    assert chain.holdings() == before
    chain.admin.remove_fixed_ip_from_instance(others.id, IPAddress("10.0.0.3"))
