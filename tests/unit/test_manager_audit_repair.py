"""What an audit repairs, and what it keeps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from netaddr import IPAddress, IPRange
from oslo_config.cfg import ConfigOpts
from plants import Planted

from qplug.errors import BackendUnavailable
from qplug.model import AddressPair, Difference, Network
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.values import PROJECT, call, subnet


@pytest.fixture
def planted(chain: RecordedChain) -> Planted:
    return Planted(chain)


@pytest.fixture
def blue(chain: RecordedChain) -> Network:
    return chain.network("10.0.0.0/24")


def repaired(planted: Planted, **how: Any) -> Sequence[Difference]:
    """Repair, and make sure that all which was repaired stays so."""
    found = planted.audit(repair=True, **how)
    left = [one for one in found if not one.repaired]
    assert len(planted.audit()) == len(left)
    return found


# --- what the store knows -----------------------------------------------------------------------


def test_an_address_that_ipam_lost_is_given_back(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    before = planted.chain.holdings()
    planted.take(blue, mine.vif, mine.address)
    (found,) = repaired(planted)
    assert found.repaired
    assert found.kept is None
    assert planted.chain.holdings() == before


def test_an_address_too_many_is_taken_back_if_the_vif_is_named(
    planted: Planted, blue: Network
) -> None:
    mine = planted.allocated(blue)
    before = planted.chain.holdings()
    planted.give(blue, mine.vif, "10.0.0.77")
    (found,) = repaired(planted)
    assert not found.repaired
    assert planted.holders(blue)["10.0.0.77"] == mine.vif.id
    (found,) = repaired(planted, release=[mine.vif.id])
    assert found.repaired
    assert planted.chain.holdings() == before


def test_an_address_too_many_can_be_recorded(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    planted.give(blue, mine.vif, "10.0.0.77")
    planted.chain.admin.add_fixed_ip_to_instance(
        mine.instance.id, blue.id, address=IPAddress("10.0.0.77"), vif_id=mine.vif.id
    )
    assert planted.audit() == []


def test_an_address_too_many_is_not_taken_back_by_the_way(planted: Planted, blue: Network) -> None:
    """The same vif has lost another one, which is repaired once it is clear what to do."""
    mine = planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)
    planted.give(blue, mine.vif, "10.0.0.77")
    found = {one.kind: one for one in repaired(planted)}
    assert [one.repaired for one in found.values()] == [False, False]
    assert "has 10.0.0.77 too, which comes first" in str(found["missing"].kept)
    assert planted.holders(blue)["10.0.0.77"] == mine.vif.id
    assert all(one.repaired for one in repaired(planted, release=[mine.vif.id]))


def test_an_address_that_a_known_vif_has_by_mistake_goes_back_to_its_owner(
    planted: Planted, blue: Network
) -> None:
    mine = planted.allocated(blue)
    made = instance()
    planted.chain.admin.allocate_for_instance(made)
    (other,) = planted.chain.admin.get_vifs_by_instance(made.id)
    before = planted.chain.holdings()
    planted.take(blue, mine.vif, mine.address)
    wrong = replace(other, instance_id=mine.instance.id)
    planted.give(blue, wrong, str(mine.address))
    delay = planted.chain.manager.conf
    delay.set_override("reuse_delay", 0, "ipam")
    found = repaired(planted, release=[other.id])
    assert [(one.kind, one.repaired) for one in found] == [("extra", True), ("missing", True)]
    assert planted.chain.holdings() == before


@pytest.mark.parametrize("is_there", [False, True], ids=["none", "another"])
def test_a_port_is_made_again_or_the_other_one_recorded(
    planted: Planted, blue: Network, is_there: bool
) -> None:
    mine = planted.allocated(blue)
    planted.detach(blue, mine.port_id)
    other = planted.attach(blue, mine.vif.id) if is_there else None
    (found,) = repaired(planted)
    assert found.repaired
    port = planted.quantum.port_by_attachment(call(), PROJECT, blue.id, mine.vif.id)
    (row,) = planted.chain.manager._chain.store.audit.ports(call())
    assert row.port_id == port
    assert port == (other or port) != mine.port_id


def test_address_pairs_are_set_again(planted: Planted, blue: Network, conf: ConfigOpts) -> None:
    conf.set_override("port_security", True, "quantum")
    mine = planted.allocated(blue)
    before = planted.chain.holdings()
    wrong = [AddressPair(mac=mine.vif.mac, address=IPAddress("10.0.0.77"))]
    planted.quantum.set_address_pairs(call(), PROJECT, blue.id, mine.port_id, wrong)
    (found,) = repaired(planted)
    assert found.repaired
    assert planted.chain.holdings() == before


def test_a_second_port_is_deleted_and_the_vifs_own_stays(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    before = planted.chain.holdings()
    planted.attach(blue, mine.vif.id)
    (found,) = repaired(planted)
    assert found.repaired
    assert planted.chain.holdings() == before


def test_subnets_that_ipam_lost_are_kept_again_and_addresses_given_back(
    planted: Planted, chain: RecordedChain
) -> None:
    blue = chain.network("10.0.0.0/24", "fd00::/96")
    mine = planted.allocated(blue)
    before = chain.holdings()
    for address in planted.holders(blue):
        planted.take(blue, mine.vif, IPAddress(address))
    planted.ipam.delete_subnets(call(), blue)
    found = repaired(planted)
    assert [(one.what, one.repaired) for one in found] == [
        ("subnet", True),
        ("subnet", True),
        ("address", True),
        ("address", True),
    ]
    assert chain.holdings() == before


def test_a_subnet_too_many_is_forgotten(planted: Planted, blue: Network) -> None:
    more = replace(blue, subnets=(*blue.subnets, subnet("10.7.0.0/24")))
    planted.ipam.create_subnets(call(), more)
    (found,) = repaired(planted)
    assert found.repaired
    assert planted.ipam.subnet_ids(call(), blue.id) == {one.id for one in blue.subnets}


def test_a_subnet_too_many_of_which_vifs_hold_addresses_is_kept(
    planted: Planted, blue: Network
) -> None:
    more = replace(blue, subnets=(*blue.subnets, subnet("10.7.0.0/24")))
    planted.ipam.create_subnets(call(), more)
    planted.give(more, planted.stranger(more), "10.7.0.9")
    found = {one.what: one for one in repaired(planted)}
    assert found["subnet"].kept is not None
    assert found["subnet"].kept.startswith("vifs hold addresses of a subnet")
    assert found["address"].kept is not None
    assert planted.audit(repair=True) == list(found.values())  # the network is still its own


def test_unfinished_work_is_finished(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    planted.chain.journal.fail("quantum.detach_port", BackendUnavailable("q", "told to"), times=9)
    assert planted.chain.admin.deallocate_for_instance(mine.instance.id) == [mine.vif.id]
    (found,) = planted.audit()
    assert (found.kind, found.where, found.what) == ("unfinished", "store", "instance")
    assert found.instance_id == mine.instance.id
    assert "it was left deleting, tried 1 time(s)" in found.found
    assert "told to" in found.found
    (found,) = planted.audit(repair=True)
    assert not found.repaired
    assert found.kept is not None
    assert "told to" in found.kept
    planted.chain.journal.mend()
    (found,) = repaired(planted)
    assert found.repaired
    assert planted.holders(blue) == {}


def test_what_cannot_be_repaired_says_why_and_is_no_obstacle_to_the_rest(
    planted: Planted, blue: Network
) -> None:
    mine, other = planted.allocated(blue), planted.allocated(blue)
    for one in (mine, other):
        planted.take(blue, one.vif, one.address)
    planted.chain.journal.fail("ipam.add_address", BackendUnavailable("ipam", "told to"))
    found = planted.audit(repair=True)
    assert sorted(one.repaired for one in found) == [False, True]
    (left,) = (one for one in found if not one.repaired)
    assert left.kept is not None
    assert "told to" in left.kept
    planted.chain.journal.mend()
    assert all(one.repaired for one in planted.audit(repair=True))
    assert planted.audit() == []


def test_an_address_that_somebody_else_has_by_now_is_kept(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)
    stranger = planted.stranger(blue, instance_id=mine.instance.id)
    planted.give(blue, stranger, str(mine.address))
    assert {one.kind for one in repaired(planted)} == {"extra", "wrong_owner"}
    assert planted.holders(blue)[str(mine.address)] == stranger.id


def test_an_address_that_ipam_refuses_to_give_back_is_kept(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue, "10.0.0.9")
    planted.take(blue, mine.vif, mine.address)
    (theirs,) = blue.subnets
    narrow = replace(theirs, reserved=(IPRange("10.0.0.9", "10.0.0.9"),))
    planted.ipam.update_subnets(call(), replace(blue, subnets=(narrow,)))
    (found,) = planted.audit(repair=True)
    assert not found.repaired
    assert found.kept is not None
    assert "it is still so" in found.kept
    assert [one.address for one in planted.audit()] == [mine.address]


def test_an_instance_on_a_lost_network_is_left_as_it_is(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)
    for port in planted.quantum.ports(call(), PROJECT, blue.id):
        planted.detach(blue, port.id)
    planted.quantum.delete_network(call(), PROJECT, blue.id)
    found = {one.what: one for one in repaired(planted)}
    assert found["address"].kept == "network 'blue' of the instance is not in Quantum"
    record = planted.chain.manager._chain.store.instances.get(call(), mine.instance.id)
    assert record is not None
    assert record.state == "active"


def test_a_repair_that_is_interrupted_is_unfinished_work_and_done_by_the_next(
    planted: Planted, blue: Network
) -> None:
    mine = planted.allocated(blue)
    before = planted.chain.holdings()
    planted.take(blue, mine.vif, mine.address)
    planted.chain.journal.fail("ipam.add_address", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        planted.audit(repair=True)
    (found,) = planted.audit()
    assert (found.kind, found.instance_id) == ("unfinished", mine.instance.id)
    (found,) = repaired(planted)
    assert found.repaired
    assert planted.chain.holdings() == before


def test_the_plan_is_told_before_it_is_carried_out(planted: Planted, blue: Network) -> None:
    mine = planted.allocated(blue)
    planted.take(blue, mine.vif, mine.address)
    told: list[tuple[str | None, dict[str, str]]] = []
    planted.audit(repair=True, planned=lambda one: told.append((one.plan, planted.holders(blue))))
    plan = f"make all say of instance {mine.instance.id} what the store says"
    assert told == [(plan, {})]


# --- what it does not know ----------------------------------------------------------------------


def test_a_vif_that_nobody_knows_is_released_only_when_it_is_named(
    planted: Planted, blue: Network
) -> None:
    mine = planted.allocated(blue)
    before = planted.chain.holdings()
    named, other = planted.stranger(blue), planted.stranger(blue)
    for number, stranger in enumerate((named, other)):
        planted.give(blue, stranger, f"10.0.0.{100 + number}")
        planted.attach(blue, stranger.id, f"10.0.0.{100 + number}")
    kept = planted.audit(repair=True)
    assert len(kept) == 4
    assert not any(one.repaired for one in kept)
    found = planted.audit(release=[named.id])
    assert {one.vif_id for one in found if one.repaired} == {named.id}
    assert {one.vif_id for one in planted.audit()} == {other.id}
    assert all(one.repaired for one in planted.audit(release=[other.id]))
    assert planted.chain.holdings() == before
    assert planted.holders(blue) == {str(mine.address): mine.vif.id}


def test_a_named_vif_that_cannot_be_released_says_why(planted: Planted, blue: Network) -> None:
    stranger = planted.stranger(blue)
    planted.give(blue, stranger, "10.0.0.9")
    planted.chain.journal.fail("ipam.deallocate", BackendUnavailable("ipam", "told to"))
    (found,) = planted.audit(release=[stranger.id])
    assert found.kept is not None
    assert "told to" in found.kept


def test_a_named_vif_of_which_nothing_is_found_is_warned_of(
    planted: Planted, blue: Network, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = planted.stranger(blue)
    assert planted.audit(release=[stranger.id]) == []
    assert f"nothing of vif {stranger.id} was found" in caplog.text


def test_an_address_that_only_an_unknown_port_shows_is_held(
    planted: Planted, blue: Network
) -> None:
    stranger = planted.stranger(blue)
    planted.attach(blue, stranger.id, "10.0.0.2")
    found = {one.what: one for one in planted.audit(repair=True)}
    assert found["address"].repaired
    assert not found["port"].repaired
    assert planted.holders(blue) == {"10.0.0.2": stranger.id}
    assert planted.allocated(blue).address == IPAddress("10.0.0.3")
    assert {one.kind for one in planted.audit()} == {"extra"}


def test_an_address_of_what_is_no_vif_is_not_held(planted: Planted, blue: Network) -> None:
    planted.attach(blue, "a switch", "10.0.0.2")
    found = {one.what: one for one in planted.audit(repair=True)}
    assert found["address"].kept == "'a switch' is no vif's id, for which it could be held"


def test_an_address_that_ipam_does_not_give_is_not_held(planted: Planted, blue: Network) -> None:
    planted.attach(blue, planted.stranger(blue).id, "10.0.0.1")
    found = {one.what: one for one in planted.audit(repair=True)}
    assert found["address"].kept is not None
    assert "10.0.0.1" in found["address"].kept
