"""What an audit finds, and what is no difference."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts
from plants import Planted

from qplug.errors import PolicyNotAuthorized
from qplug.manager.audit import Progress
from qplug.model import AddressPair, Call, Difference, Network, Port, Vif
from qplug.store.tables import tombstones
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.fixtures import ApiOf
from qplug.testing.values import NOW, OTHER_PROJECT, PROJECT, call, network_spec, subnet

LOOKS_AT_PORTS = 4
"""For the ports themselves, and three times for their pairs if these differ."""


@pytest.fixture
def planted(chain: RecordedChain) -> Planted:
    return Planted(chain)


@pytest.fixture
def blue(chain: RecordedChain) -> Network:
    return chain.network("10.0.0.0/24")


def facts(found: Difference, *names: str) -> dict[str, Any]:
    return {name: getattr(found, name) for name in names}


def test_where_all_say_the_same_nothing_differs(planted: Planted, chain: RecordedChain) -> None:
    chain.network("10.1.0.0/24", "fd00::/64", label="green", project_id=None)
    blue = chain.network("10.0.0.0/24")
    planted.allocated(blue)
    chain.admin.allocate_for_instance(instance())
    assert planted.audit() == []


# --- addresses ----------------------------------------------------------------------------------


def test_an_address_that_ipam_lost_is_missing(planted: Planted, blue: Network) -> None:
    mine, other = planted.allocated(blue), planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)
    (found,) = planted.audit()
    assert found == Difference(
        kind="missing",
        where="ipam",
        what="address",
        network_id=blue.id,
        label="blue",
        instance_id=mine.instance.id,
        vif_id=mine.vif.id,
        address=mine.address,
        port_id=mine.port_id,
        wanted=f"the vif has {mine.address}",
        found="IPAM has not given it to the vif",
        plan=f"make all say of instance {mine.instance.id} what the store says",
    )
    assert other.vif.id in planted.holders(blue).values()


def test_an_address_that_ipam_gave_to_a_known_vif_is_extra_and_kept(
    planted: Planted, blue: Network
) -> None:
    """The store may have been restored from a backup that is older than the address."""
    mine = planted.allocated(blue)
    planted.give(blue, mine.vif, "10.0.0.77")
    (found,) = planted.audit()
    assert facts(found, "kind", "where", "what", "instance_id", "vif_id") == {
        "kind": "extra",
        "where": "ipam",
        "what": "address",
        "instance_id": mine.instance.id,
        "vif_id": mine.vif.id,
    }
    assert found.address == IPAddress("10.0.0.77")
    assert found.plan is None
    assert found.kept is not None
    assert f"--address 10.0.0.77 --vif {mine.vif.id}' records it" in found.kept


def test_an_address_of_a_vif_that_nobody_knows_is_kept(planted: Planted, blue: Network) -> None:
    stranger = planted.stranger(blue)
    planted.give(blue, stranger, "10.0.0.77")
    (found,) = planted.audit()
    assert facts(found, "kind", "where", "what", "label", "instance_id", "vif_id", "plan") == {
        "kind": "extra",
        "where": "ipam",
        "what": "address",
        "label": "blue",
        "instance_id": None,
        "vif_id": stranger.id,
        "plan": None,
    }
    assert found.kept is not None
    assert f"'qplug audit --release {stranger.id}' releases it" in found.kept


def test_an_address_of_a_subnet_that_nobody_knows_is_found_too(planted: Planted) -> None:
    theirs = subnet("10.9.0.0/24")
    other = Network(
        id=str(uuid4()),
        label="theirs",
        project_id=None,
        quantum_project="default",
        drivers=planted.chain.manager._chain.names,
        subnets=(theirs,),
    )
    planted.ipam.create_subnets(call(), other)
    stranger = planted.stranger(other)
    planted.give(other, stranger, "10.9.0.9")
    (found,) = planted.audit()
    assert facts(found, "kind", "network_id", "label", "vif_id") == {
        "kind": "extra",
        "network_id": None,
        "label": None,
        "vif_id": stranger.id,
    }
    assert found.kept is not None
    (found,) = planted.audit(release=[stranger.id])
    assert found.kept == "the store does not know its network either"


def test_an_address_that_two_vifs_have_is_of_the_wrong_owner(
    planted: Planted, blue: Network
) -> None:
    mine = planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)
    stranger = planted.stranger(blue, instance_id=mine.instance.id)
    planted.give(blue, stranger, str(mine.address))
    found = {one.kind: one for one in planted.audit()}
    assert found.keys() == {"extra", "wrong_owner"}
    assert found["wrong_owner"].vif_id == mine.vif.id
    assert found["wrong_owner"].found == f"IPAM has given it to vif {stranger.id}"
    assert found["wrong_owner"].plan is None
    assert found["wrong_owner"].kept is not None


def test_an_address_of_a_known_vif_on_another_network_is_kept(
    planted: Planted, chain: RecordedChain, blue: Network
) -> None:
    green = chain.network("10.1.0.0/24", label="green")
    mine = planted.allocated(blue)
    planted.give(green, mine.vif, "10.1.0.9")
    (found,) = planted.audit(repair=True)
    assert (found.label, found.kept) == ("green", "the vif is on another network, 'blue'")


def test_equal_addresses_on_different_networks_are_not_mixed_up(
    planted: Planted, chain: RecordedChain, blue: Network
) -> None:
    apart = {"project_id": OTHER_PROJECT, "no_gateway": (4,)}  # no host routes both
    green = chain.network("10.0.0.0/24", label="green", **apart)
    mine, theirs = planted.allocated(blue, "10.0.0.9"), planted.allocated(green, "10.0.0.9")
    assert planted.audit() == []
    planted.take(green, theirs.vif, theirs.address)
    (found,) = planted.audit()
    assert (found.kind, found.vif_id) == ("missing", theirs.vif.id)
    assert mine.vif.id in planted.holders(blue).values()


# --- subnets and networks -----------------------------------------------------------------------


def test_a_subnet_that_ipam_does_not_keep_is_missing(
    planted: Planted, chain: RecordedChain
) -> None:
    blue = chain.network("10.0.0.0/24", "10.1.0.0/24")
    planted.ipam.delete_subnets(call(), blue)
    found = planted.audit()
    assert [(one.kind, one.where, one.what, one.wanted) for one in found] == [
        ("missing", "ipam", "subnet", "IPAM keeps 10.0.0.0/24"),
        ("missing", "ipam", "subnet", "IPAM keeps 10.1.0.0/24"),
    ]


def test_a_subnet_that_the_store_has_not_is_extra(planted: Planted, blue: Network) -> None:
    more = replace(blue, subnets=(*blue.subnets, extra := subnet("10.7.0.0/24")))
    planted.ipam.create_subnets(call(), more)
    (found,) = planted.audit()
    assert (found.kind, found.what, found.label) == ("extra", "subnet", "blue")
    assert extra.id in found.found


def test_a_network_that_quantum_lost_is_missing_and_its_ports_are_not_listed(
    planted: Planted, blue: Network
) -> None:
    mine = planted.allocated(blue)
    planted.detach(blue, mine.port_id)
    for port in planted.quantum.ports(call(), PROJECT, blue.id):
        planted.detach(blue, port.id)
    assert planted.quantum.delete_network(call(), PROJECT, blue.id)
    (found,) = planted.audit(repair=True)
    assert (found.kind, found.where, found.what) == ("missing", "quantum", "network")
    assert found.kept == "it cannot be made again with the same id"


def test_a_network_that_the_store_never_had_is_kept(planted: Planted, blue: Network) -> None:
    made = planted.quantum.create_network(call(), PROJECT, "red", key=str(uuid4()))
    (found,) = planted.audit(repair=True)
    assert (found.kind, found.where, found.what) == ("extra", "quantum", "network")
    assert found.network_id == made
    assert found.kept is not None
    assert planted.quantum.network_exists(call(), PROJECT, made)


def test_an_adopted_network_that_a_marking_service_does_not_list_is_there(
    planted: Planted, chain: RecordedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = planted.quantum.create_network(call(), PROJECT, "red", key=str(uuid4()))
    chain.network("10.0.0.0/24", uuid=theirs)
    monkeypatch.setattr(planted.quantum, "networks", lambda call, project: iter(()))
    assert planted.audit() == []


# --- ports --------------------------------------------------------------------------------------


def test_a_port_that_quantum_lost_is_missing(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    planted.detach(blue, mine.port_id)
    (found,) = planted.audit()
    assert facts(found, "kind", "where", "what", "vif_id", "port_id", "instance_id") == {
        "kind": "missing",
        "where": "quantum",
        "what": "port",
        "vif_id": mine.vif.id,
        "port_id": mine.port_id,
        "instance_id": mine.instance.id,
    }


def test_a_vif_whose_port_has_another_id_differs(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    planted.detach(blue, mine.port_id)
    other = planted.attach(blue, mine.vif.id)
    (found,) = planted.audit()
    assert (found.kind, found.what, found.port_id) == ("differing", "port", other)
    assert found.wanted == f"the vif has port {mine.port_id}"


def test_a_second_port_of_a_vif_is_extra(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    second = planted.attach(blue, mine.vif.id)
    (found,) = planted.audit()
    assert (found.kind, found.port_id) == ("extra", second)
    assert found.plan == f"delete port {second} in Quantum"


def test_a_port_of_a_vif_that_nobody_knows_is_kept(planted: Planted, blue: Network) -> None:
    stranger = planted.stranger(blue)
    port = planted.attach(blue, stranger.id)
    (found,) = planted.audit(repair=True)
    assert (found.kind, found.port_id, found.plan) == ("extra", port, None)
    assert found.kept is not None


def test_a_port_on_another_network_than_its_vif_is_kept(
    planted: Planted, chain: RecordedChain, blue: Network
) -> None:
    green = chain.network("10.1.0.0/24", label="green")
    mine = planted.allocated(blue)
    port = planted.attach(green, mine.vif.id)
    (found,) = planted.audit(repair=True)
    assert (found.kind, found.port_id) == ("extra", port)
    assert found.kept == "the vif is on another network, 'blue'"


def test_the_port_of_a_gateway_is_ours(planted: Planted, blue: Network) -> None:
    planted.allocated(blue)
    attached = {port.attachment for port in planted.quantum.ports(call(), PROJECT, blue.id)}
    assert blue.gateway_device in attached
    assert planted.audit() == []


def test_an_address_that_only_an_unknown_port_shows_is_missing_in_ipam(
    planted: Planted, blue: Network
) -> None:
    stranger = planted.stranger(blue)
    port = planted.attach(blue, stranger.id, "10.0.0.9", "fe80::1")
    found = {one.what: one for one in planted.audit()}
    assert found.keys() == {"port", "address"}
    assert facts(found["address"], "kind", "where", "vif_id", "port_id") == {
        "kind": "missing",
        "where": "ipam",
        "vif_id": stranger.id,
        "port_id": port,
    }
    assert found["address"].address == IPAddress("10.0.0.9")
    assert found["address"].plan is not None


def test_an_address_of_an_unknown_port_that_ipam_holds_needs_no_plan(
    planted: Planted, blue: Network
) -> None:
    stranger = planted.stranger(blue)
    planted.attach(blue, stranger.id, "10.0.0.9")
    planted.give(blue, stranger, "10.0.0.9")
    assert {one.plan for one in planted.audit()} == {None}


# --- address pairs ------------------------------------------------------------------------------


def pair(vif: Vif, address: str) -> AddressPair:
    return AddressPair(mac=vif.mac, address=IPAddress(address))


def test_a_port_that_lets_through_other_addresses_differs_where_port_security_is_on(
    planted: Planted, blue: Network, conf: ConfigOpts
) -> None:
    conf.set_override("port_security", True, "quantum")
    conf.set_override("port_security_link_local", True, "quantum")
    mine = planted.allocated(blue)
    planted.allocated(blue)
    assert planted.audit() == []
    wrong = [pair(mine.vif, "10.0.0.77"), pair(mine.vif, "fe80::1")]
    planted.quantum.set_address_pairs(call(), PROJECT, blue.id, mine.port_id, wrong)
    (found,) = planted.audit()
    assert facts(found, "kind", "where", "what", "vif_id", "port_id", "wanted", "found") == {
        "kind": "differing",
        "where": "quantum",
        "what": "port",
        "vif_id": mine.vif.id,
        "port_id": mine.port_id,
        "wanted": f"the port lets through {mine.address}",
        "found": "it lets through 10.0.0.77",
    }
    conf.set_override("port_security", False, "quantum")
    assert planted.audit() == []


def test_pairs_that_change_while_they_are_looked_at_are_no_difference(
    planted: Planted, blue: Network, conf: ConfigOpts, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.set_override("port_security", True, "quantum")
    mine = planted.allocated(blue)
    right = [pair(mine.vif, str(mine.address))]
    wrong = [pair(mine.vif, "10.0.0.77")]
    listing = planted.quantum.ports
    looks: list[str] = []

    def ports(call: Call, project_id: str, network_id: str) -> Iterator[Port]:
        looks.append(network_id)
        pairs = right if len(looks) == LOOKS_AT_PORTS else wrong
        planted.quantum.set_address_pairs(call, project_id, network_id, mine.port_id, pairs)
        return listing(call, project_id, network_id)

    monkeypatch.setattr(planted.quantum, "ports", ports)
    assert planted.audit() == []
    assert len(looks) == LOOKS_AT_PORTS


# --- what others do meanwhile -------------------------------------------------------------------


class Interfering:
    """Does something whenever IPAM is asked for one vif: between the store's two readings."""

    def __init__(self, planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        listing = planted.ipam.allocations

        def allocations(call: Call, **of: Any) -> Iterator[Any]:
            if of.get("vif_id") is not None and self.times == 0:
                self.times += 1
                self.act()
            return listing(call, **of)

        monkeypatch.setattr(planted.ipam, "allocations", allocations)

    def act(self) -> None:
        """Do nothing yet."""


@pytest.fixture
def interfering(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> Interfering:
    return Interfering(planted, monkeypatch)


def test_what_was_deallocated_since_is_no_difference(
    planted: Planted, blue: Network, interfering: Interfering
) -> None:
    mine = planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)

    def act() -> None:
        planted.chain.admin.deallocate_for_instance(mine.instance.id)

    interfering.act = act  # type: ignore[method-assign]  # as it is meant
    assert planted.audit() == []
    assert interfering.times == 1


def test_a_vif_that_changed_meanwhile_is_not_judged(
    planted: Planted, blue: Network, interfering: Interfering
) -> None:
    mine = planted.allocated(blue)
    planted.give(blue, mine.vif, "10.0.0.77")

    def act() -> None:
        planted.chain.admin.add_fixed_ip_to_instance(mine.instance.id, blue.id)

    interfering.act = act  # type: ignore[method-assign]  # as it is meant
    assert planted.audit() == []
    assert len(planted.audit()) == 1


def test_what_a_command_works_on_is_no_difference(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)
    planted.detach(blue, mine.port_id)
    store = planted.chain.manager._chain.store
    store.instance_updates.begin(call(), mine.instance.id, 5)
    assert planted.audit() == []
    store.instance_updates.cancel(call(), mine.instance.id, 5)
    assert len(planted.audit()) == 2


@pytest.mark.parametrize(("due", "kinds"), [(9e9, set()), (0.0, {"unfinished"})])
def test_what_a_late_call_gave_is_no_difference_of_its_own(
    planted: Planted, blue: Network, due: float, kinds: set[str]
) -> None:
    gone = planted.stranger(blue)
    store = planted.chain.manager._chain.store
    stone = {"id": gone.id, "kind": "vif", "epoch": 0, "created_at": NOW, "details": "{}"}
    late = stone | {"due": datetime.fromtimestamp(due, UTC), "suspects": "[]"}
    store.database.write(call(), lambda tx: tx.execute(tombstones.insert(), late))
    planted.give(blue, gone, "10.0.0.9")
    planted.attach(blue, gone.id)
    assert {one.kind for one in planted.audit()} == kinds


def test_a_network_that_is_being_made_is_no_difference(planted: Planted, blue: Network) -> None:
    store = planted.chain.manager._chain.store
    spec = network_spec("10.5.0.0/24", label="red")
    found: list[Difference] = []

    def enable_nat(call: Call, network: Network) -> None:
        found.extend(planted.audit())

    planted.chain.l3.enable_nat = enable_nat  # type: ignore[method-assign]  # in the middle
    planted.chain.admin.create(spec)
    assert found == []
    assert planted.audit() == []
    assert len(list(store.audit.networks(call()))) == 2


# --- the whole ----------------------------------------------------------------------------------


def test_networks_of_other_drivers_are_warned_of_and_not_compared(
    planted: Planted, blue: Network, caplog: pytest.LogCaptureFixture
) -> None:
    mine = planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)
    planted.detach(blue, mine.port_id)
    chain = planted.chain.manager._chain
    object.__setattr__(chain, "names", replace(chain.names, mac="other"))
    assert planted.audit() == []
    assert "1 network(s) are not compared" in caplog.text


def test_only_an_administrator_may(planted: Planted, blue: Network, api_of: ApiOf) -> None:
    with pytest.raises(PolicyNotAuthorized):
        list(api_of(planted.chain.manager, PROJECT).audit())


def test_naming_a_vif_takes_nothing_from_it_that_the_store_knows(
    planted: Planted, blue: Network, caplog: pytest.LogCaptureFixture
) -> None:
    mine = planted.allocated(blue)
    before = planted.chain.holdings()
    assert planted.audit(release=[mine.vif.id]) == []
    assert planted.chain.holdings() == before
    assert f"nothing of vif {mine.vif.id} was found" in caplog.text


def test_who_watches_is_told_of_each_part_and_how_much_there_is(
    planted: Planted, blue: Network
) -> None:
    for _ in range(3):
        planted.allocated(blue)
    told: list[Progress] = []
    assert planted.audit(watch=told.append) == []
    assert [(one.looking_at, one.total) for one in told] == [
        ("subnets", 1),
        ("networks", 2),
        ("addresses", 6),
        ("ports", 6),
    ]


def test_a_listing_may_take_longer_than_an_operation(
    planted: Planted, blue: Network, conf: ConfigOpts, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.set_override("operation_timeout", 0.1)
    left: list[float] = []
    listing = planted.ipam.allocations

    def allocations(call: Call, **of: Any) -> Iterator[Any]:
        time.sleep(0.15)
        left.append(call.remaining())
        return listing(call, **of)

    monkeypatch.setattr(planted.ipam, "allocations", allocations)
    assert planted.audit() == []
    assert left == pytest.approx([0.1], abs=0.05)
