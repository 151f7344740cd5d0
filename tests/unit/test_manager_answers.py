"""Drivers that answer what their contract does not allow: named, and undone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from netaddr import EUI, IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.contracts import MacDriver
from qplug.errors import DriverFailed, FixedIpAlreadyInUse, MacInUse, NetworkNotFound, NotSupported
from qplug.model import Allocation, Call, Capability, Network, NetworkRequest, Vif, mac_address
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.memory import MemoryMac
from qplug.testing.values import PROJECT, call

MakeChain = Callable[..., RecordedChain]
Lie = Callable[[list[Allocation]], Any]


class LyingIpam(MemoryIpam):
    """Does its work, and tells a lie about it."""

    lie: Lie = staticmethod(lambda given: given)

    def allocate(
        self, call: Call, network: Network, vif: Vif, wanted: Sequence[IPAddress] = ()
    ) -> Sequence[Allocation]:
        lied: Sequence[Allocation] = self.lie(list(super().allocate(call, network, vif, wanted)))
        return lied

    def add_address(
        self, call: Call, network: Network, vif: Vif, *, wanted: IPAddress | None = None
    ) -> Allocation:
        lied: Allocation = self.lie([super().add_address(call, network, vif, wanted=wanted)])[0]
        return lied


def changed(**fields: Any) -> Lie:
    return lambda given: [replace(given[0], **fields), *given[1:]]


@pytest.fixture
def ipam(conf: ConfigOpts) -> LyingIpam:
    return LyingIpam(conf)


@pytest.fixture
def chain(make_chain: MakeChain, ipam: LyingIpam) -> RecordedChain:
    chain = make_chain(ipam=ipam)
    chain.network("10.0.0.0/24", "fd00::/64")
    return chain


@pytest.mark.parametrize(
    "lie",
    [
        lambda given: [],
        lambda given: None,
        lambda given: given[:1],
        lambda given: [*given, given[0]],
        lambda given: [given[0], given[0]],
        lambda given: ["10.0.0.2", "fd00::2"],
        changed(subnet_id="another"),
        changed(address=IPAddress("10.9.0.2")),
        changed(address=IPAddress("fd00::9")),
        changed(vif_id="another"),
        changed(address="10.0.0.2"),
    ],
    ids=[
        "nothing",
        "no sequence",
        "too few",
        "too many",
        "one twice",
        "texts",
        "of a foreign subnet",
        "outside the cidr",
        "of the other version",
        "of another vif",
        "text for an address",
    ],
)
def test_addresses_that_no_contract_allows_are_the_drivers_bug_and_undone(
    chain: RecordedChain, ipam: LyingIpam, lie: Lie
) -> None:
    before = chain.holdings()
    ipam.lie = lie
    with pytest.raises(DriverFailed) as raised:
        chain.admin.allocate_for_instance(instance())
    assert (raised.value.kind, raised.value.doing) == ("ipam", "allocating addresses")
    assert chain.holdings() == before
    assert list(ipam.allocations(call())) == []


def test_another_address_than_the_wanted_one_is_the_drivers_bug(
    chain: RecordedChain, ipam: LyingIpam
) -> None:
    ipam.lie = changed(address=IPAddress("10.0.0.8"))
    wanted = NetworkRequest(network_id="blue", addresses=(IPAddress("10.0.0.7"),))
    with pytest.raises(DriverFailed, match=r"it gave 10.0.0.8, .* though asked for 10.0.0.7"):
        chain.admin.allocate_for_instance(instance(), [wanted])
    assert list(ipam.allocations(call())) == []


def test_addresses_in_another_order_are_put_into_that_of_the_subnets(
    chain: RecordedChain, ipam: LyingIpam
) -> None:
    ipam.lie = lambda given: given[::-1]
    (vif,) = chain.admin.allocate_for_instance(instance())
    request = chain.journal.of("quantum.attach_port")[0].args["request"]
    assert [address.version for address in request.addresses] == [4, 6]
    assert [ip.address for ip in vif.fixed_ips()] == list(request.addresses)


@pytest.mark.parametrize(
    "lie",
    [
        lambda given: [None],
        changed(subnet_id="another"),
        changed(address=IPAddress("10.9.0.2")),
        changed(vif_id="another"),
        changed(address=IPAddress("10.0.0.8")),
        changed(address="10.0.0.7"),
        lambda given: ["10.0.0.7"],
    ],
    ids=[
        "nothing",
        "of a foreign subnet",
        "outside the cidr",
        "of another vif",
        "not the wanted",
        "text for an address",
        "text",
    ],
)
def test_an_added_address_that_no_contract_allows_is_taken_back(
    chain: RecordedChain, ipam: LyingIpam, lie: Lie
) -> None:
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    before, given = chain.holdings(), list(ipam.allocations(call()))
    ipam.lie = lie
    with pytest.raises(DriverFailed):
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=IPAddress("10.0.0.7"))
    assert (chain.holdings(), list(ipam.allocations(call()))) == (before, given)


def test_a_driver_that_may_replace_wanted_addresses_is_not_asked_for_any(
    chain: RecordedChain, ipam: LyingIpam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LyingIpam, "capabilities", frozenset[Capability]())
    wanted = IPAddress("10.0.0.7")
    request = NetworkRequest(network_id="blue", addresses=(wanted,))
    with pytest.raises(NotSupported):
        chain.admin.allocate_for_instance(instance(), [request])
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    with pytest.raises(NotSupported):
        chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=wanted)
    assert str(chain.admin.add_fixed_ip_to_instance(mine.id, "blue")) == "10.0.0.3"


def test_an_address_that_the_store_has_for_another_vif_is_never_given_twice(
    make_chain: MakeChain, conf: ConfigOpts
) -> None:
    forgetful = MemoryIpam(conf)
    chain = make_chain(ipam=forgetful)
    blue = chain.network()
    chain.admin.allocate_for_instance(instance())
    forgetful.__init__(conf)  # type: ignore[misc]  # as when its backend was restored to a backup
    forgetful.create_subnets(call(), blue)
    before = chain.holdings()
    with pytest.raises(FixedIpAlreadyInUse) as raised:
        chain.admin.allocate_for_instance(instance())
    assert raised.value.address == "10.0.0.2"
    assert chain.holdings() == before
    assert list(forgetful.allocations(call())) == []


@pytest.mark.parametrize(
    "lie",
    [None, 5, "", b"\x00" * 16, "blue", "x" * 300, "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11\n"],
    ids=ascii,
)
def test_a_network_without_an_id_is_the_drivers_bug_and_undone(
    make_chain: MakeChain, conf: ConfigOpts, lie: object
) -> None:
    class LyingQuantum(MemoryQuantum):
        def create_network(self, *args: Any, **kwargs: Any) -> Any:
            super().create_network(*args, **kwargs)
            return lie

    quantum = LyingQuantum(conf)
    chain = make_chain(quantum=quantum)
    with pytest.raises(DriverFailed, match="for the network's id") as raised:
        chain.network()
    assert (raised.value.kind, raised.value.doing) == ("quantum", "creating the network")
    assert list(quantum.networks(call(), PROJECT)) == []
    assert chain.admin.get_all() == []
    with pytest.raises(NetworkNotFound):
        chain.admin.delete("blue")


@pytest.mark.parametrize("lie", [None, "", 7, b"port", "x" * 300, "a\x00b"], ids=ascii)
def test_a_port_without_an_id_is_the_drivers_bug_and_undone(
    make_chain: MakeChain, conf: ConfigOpts, lie: object
) -> None:
    class LyingQuantum(MemoryQuantum):
        def attach_port(self, *args: Any, **kwargs: Any) -> Any:
            super().attach_port(*args, **kwargs)
            return lie

    quantum = LyingQuantum(conf)
    chain = make_chain(quantum=quantum)
    blue = chain.network()
    with pytest.raises(DriverFailed) as raised:
        chain.admin.allocate_for_instance(instance())
    assert (raised.value.kind, raised.value.doing) == ("quantum", "attaching the port")
    assert list(quantum.ports(call(), blue.quantum_project, blue.id)) == []
    assert list(MemoryIpam.allocations(chain.ipam, call())) == []


def test_floating_addresses_that_are_none_are_the_drivers_bug(
    chain: RecordedChain, ipam: LyingIpam
) -> None:
    ipam.set_floating_ips(
        chain.admin.get("blue").id,
        IPAddress("10.0.0.2"),
        "nonsense",  # type: ignore[arg-type]  # that is the lie
    )
    before = chain.holdings()
    with pytest.raises(DriverFailed, match="looking for floating addresses"):
        chain.admin.allocate_for_instance(instance())
    assert chain.holdings() == before


# --- MAC addresses ------------------------------------------------------------------------------


class LyingMac(MemoryMac):
    """Gives what it is told to."""

    lie: Any = None

    def allocate(self, call: Call, *, vif_id: str, instance_id: str, project_id: str) -> EUI:
        given = super().allocate(
            call, vif_id=vif_id, instance_id=instance_id, project_id=project_id
        )
        lied: EUI = given if self.lie is None else self.lie
        return lied


class LyingStatelessMac(LyingMac):
    capabilities = frozenset({Capability.STATELESS})


@pytest.fixture(params=[LyingMac, LyingStatelessMac], ids=["keeps records", "stateless"])
def mac(request: pytest.FixtureRequest, conf: ConfigOpts) -> LyingMac:
    driver: LyingMac = request.param(conf)
    return driver


@pytest.mark.parametrize(
    "lie",
    [
        EUI("00:00:00:00:00:00"),
        EUI("01:00:5e:00:00:01"),
        EUI("ff:ff:ff:ff:ff:ff"),
        EUI("fa:16:3e:ff:fe:00:00:01"),
        "no MAC address",
        7,
    ],
    ids=str,
)
def test_a_mac_that_no_host_can_have_is_the_drivers_bug_and_undone(
    make_chain: MakeChain, mac: LyingMac, lie: object
) -> None:
    chain = make_chain(mac=mac)
    chain.network()
    before = chain.holdings()
    mac.lie = lie
    with pytest.raises(DriverFailed) as raised:
        chain.admin.allocate_for_instance(instance())
    assert raised.value.kind == "mac"
    assert chain.holdings() == before
    assert mac.given == {} or Capability.STATELESS in mac.capabilities


def test_a_taken_mac_of_a_driver_that_keeps_records_is_a_conflict_and_undone(
    make_chain: MakeChain, conf: ConfigOpts
) -> None:
    mac = LyingMac(conf)
    chain = make_chain(mac=mac)
    chain.network()
    (vif,) = chain.admin.allocate_for_instance(instance())
    before, given = chain.holdings(), dict(mac.given)
    mac.lie = vif.address
    with pytest.raises(MacInUse):
        chain.admin.allocate_for_instance(instance())
    assert (chain.holdings(), mac.given) == (before, given)


def test_a_mac_in_another_dialect_is_the_same_address(
    make_chain: MakeChain, mac: MacDriver
) -> None:
    assert isinstance(mac, LyingMac)
    chain = make_chain(mac=mac)
    chain.network()
    mac.lie = EUI("FA-16-3E-00-00-AA")
    (vif,) = chain.admin.allocate_for_instance(instance())
    assert str(vif.address) == "fa:16:3e:00:00:aa"
    assert chain.admin.get_vif_by_mac_address(EUI("FA-16-3E-00-00-AA")).id == vif.id
    assert chain.admin.get_vif_by_mac_address(mac_address("fa:16:3e:00:00:aa")).id == vif.id
