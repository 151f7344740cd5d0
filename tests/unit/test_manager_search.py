"""Finding vifs, fixed IPs and instances; and who may."""

from collections.abc import Callable
from itertools import product
from time import process_time
from typing import Any

import pytest
from netaddr import IPAddress

from qplug.contracts import IpamDriver
from qplug.errors import (
    FixedIpNotFound,
    FixedIpNotFoundForAddress,
    InstanceNotFound,
    InvalidInput,
    QplugError,
    VifNotFound,
)
from qplug.manager.ip_filter import MAX_REPEATS, IpFilter
from qplug.model import Instance, NetworkRequest
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.fixtures import ApiOf
from qplug.testing.recording import Journal
from qplug.testing.values import OTHER_PROJECT, PROJECT
from qplug.testing.watching import DriverCall

MakeChain = Callable[..., RecordedChain]


def on_blue(*wanted: str) -> list[NetworkRequest]:
    return [NetworkRequest(network_id="blue", addresses=tuple(map(IPAddress, wanted)))]


def allocated(chain: RecordedChain, *wanted: str) -> Instance:
    mine = instance()
    chain.admin.allocate_for_instance(mine, on_blue(*wanted))
    return mine


def test_r64_instances_are_found_by_patterns_of_their_addresses(
    make_chain: MakeChain, each_ipam: IpamDriver
) -> None:
    chain = make_chain(ipam=each_ipam)
    chain.network("10.0.0.0/24", "fd00::/112")
    ids = [allocated(chain, f"10.0.0.{n}", f"fd00::{n}").id for n in (5, 50, 7)]
    chain.admin.add_fixed_ip_to_instance(ids[2], "blue", address=IPAddress("10.0.0.51"))

    def found(**filters: str) -> set[tuple[str, int]]:
        matches = chain.admin.get_instance_uuids_by_ip_filter(filters)
        return {(match.ip, ids.index(match.instance_uuid)) for match in matches}

    assert found(ip=r"10\.0\.0\.5") == {("10.0.0.5", 0), ("10.0.0.50", 1), ("10.0.0.51", 2)}
    assert found(ip=r"10\.0\.0\.5$") == {("10.0.0.5", 0)}
    assert found(ip=r"0\.0\.5") == set()  # from the start
    assert found(ip6="fd00::5") == {("fd00::5", 0), ("fd00::50", 1)}
    assert found(fixed_ip="10.0.0.5") == {("10.0.0.5", 0)}
    assert found(fixed_ip="10.0.0.5", ip=r".*\.7") == set()
    assert found(ip=".*7$", ip6=".*7$") == {("10.0.0.7", 2), ("fd00::7", 2)}
    assert found(ip="None") == set()
    assert len(found()) == 7


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "10.[",
        "x" * 256,
        "(a*)*b",
        "(a|aa)+$",
        ".*.*.*.*.*x",
        "a{1,99999999999}",
        "(?P<a>.)(?P=a",
        r"(.|\S)" * 26 + "z",
        "(?:.|:)" * 26 + "z",
        "((a*))b",
        r"(.)\1",
        r"\1",
        "(?=.*)a",
        "(?i)FD00",
        ".{,}" * 5,
        ".*+x",
        "[[a]",
        "[a--b]",
        "",
        5,
    ],
)
@pytest.mark.parametrize("version", ["ip", "ip6"])
def test_r64_a_pattern_that_is_none_or_could_take_for_ever_is_refused(
    chain: RecordedChain, pattern: Any, version: str
) -> None:
    with pytest.raises(InvalidInput):
        chain.admin.get_instance_uuids_by_ip_filter({version: pattern})


@pytest.mark.parametrize(
    "pattern",
    [
        r"10\.[0-4]\.\d{1,3}\.",
        r"^10\..*\.5$|10\.2\.0?\.?7",
        "10.2",
        r"[^a-f:]+\.2\.0\.7",
        "[0-9.]*$",
        r"\S+?[.]0",
    ],
)
def test_r64_a_simple_pattern_is_enough_for_addresses(pattern: str) -> None:
    assert IpFilter(pattern, None).matches(IPAddress("10.2.0.7"))
    assert not IpFilter(pattern, None).matches(IPAddress("fd00::7"))


def test_r64_the_nastiest_patterns_cost_no_more_than_milliseconds_an_address() -> None:
    """Every mixture of four repetitions, before what no address has."""
    address = IPAddress("fd00:1234:5678:9abc:def0:1234:5678:9abc")
    kinds = (".*", ".*?", "[^z]+", r"\S{0,39}?")
    filters = [IpFilter(None, "".join(m) + "z") for m in product(kinds, repeat=MAX_REPEATS)]
    filters.append(IpFilter(None, "|".join([".*?.*?.*?.*?z"] + ["."] * 100)))
    started = process_time()
    for each in filters:
        each.matches(address)
    assert (process_time() - started) / len(filters) < 0.05


def test_r64_a_member_finds_only_its_own(chain: RecordedChain, api_of: ApiOf) -> None:
    chain.network(project_id=None)
    mine = allocated(chain)
    chain.admin.allocate_for_instance(instance(OTHER_PROJECT))
    found = api_of(chain.manager, PROJECT).get_instance_uuids_by_ip_filter({"ip": "10"})
    assert [match.instance_uuid for match in found] == [mine.id]


def test_r65_vifs_and_fixed_ips_are_found_by_what_they_have(chain: RecordedChain) -> None:
    blue = chain.network("10.0.0.0/24", "fd00::/64")
    mine = allocated(chain)
    (vif,) = chain.admin.get_vifs_by_instance(mine.id)
    assert (vif.network_id, vif.instance_id, vif.project_id) == (blue.id, mine.id, PROJECT)
    assert chain.admin.get_vif_by_mac_address(vif.mac) == vif
    (by_address,) = chain.admin.get_fixed_ip_by_address(IPAddress("10.0.0.2"))
    assert (by_address.vif_id, by_address.instance_id) == (vif.id, mine.id)
    assert (by_address.mac, by_address.network_id) == (vif.mac, blue.id)
    assert chain.admin.get_fixed_ip(by_address.id) == by_address
    assert list(chain.admin.get_all_fixed_ips(address=IPAddress("10.0.0.2"))) == [by_address]


def test_r65_what_nobody_has_is_not_found(chain: RecordedChain) -> None:
    chain.network()
    with pytest.raises(FixedIpNotFoundForAddress):
        chain.admin.get_fixed_ip_by_address(IPAddress("10.0.0.2"))
    with pytest.raises(FixedIpNotFound):
        chain.admin.get_fixed_ip("5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11")
    with pytest.raises(InstanceNotFound):
        chain.admin.get_vifs_by_instance("5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11")


def test_an_address_of_two_overlapping_networks_is_found_on_both(make_chain: MakeChain) -> None:
    chain = make_chain(l3="null")
    chain.network(label="one")
    chain.network(label="two", project_id=OTHER_PROJECT)
    chain.admin.allocate_for_instance(instance())
    chain.admin.allocate_for_instance(instance(OTHER_PROJECT))
    found = chain.admin.get_fixed_ip_by_address(IPAddress("10.0.0.2"))
    assert {fixed_ip.project_id for fixed_ip in found} == {PROJECT, OTHER_PROJECT}


def test_fixed_ips_are_listed_by_network_instance_and_address(chain: RecordedChain) -> None:
    blue = chain.network("10.0.0.0/24", "fd00::/112")
    green = chain.network("10.1.0.0/24", label="green")
    first, second = instance(), instance()
    chain.admin.allocate_for_instance(first)
    chain.admin.allocate_for_instance(second, on_blue())

    def listed(**by: object) -> list[str]:
        return [str(f.address) for f in chain.admin.get_all_fixed_ips(**by)]  # type: ignore[arg-type]  # each of its own type

    of_blue = ["10.0.0.2", "10.0.0.3", "fd00::2", "fd00::3"]
    assert listed(network="blue") == of_blue
    assert listed(network=green.id) == ["10.1.0.2"]
    assert sorted(listed()) == sorted([*of_blue, "10.1.0.2"])
    assert listed(instance_id=second.id) == ["10.0.0.3", "fd00::3"]
    assert listed(instance_id=first.id, network=blue.id) == ["10.0.0.2", "fd00::2"]
    assert listed(instance_id=first.id, address=IPAddress("10.0.0.3")) == []


class PeekingJournal(Journal):
    """Looks at something in the middle of a step."""

    peek: Callable[[], object] = staticmethod(lambda: None)

    def run(self, entry: DriverCall, work: Callable[[], Any]) -> Any:
        self.peek()
        return super().run(entry, work)


def test_an_instance_that_is_being_updated_is_still_listed(make_chain: MakeChain) -> None:
    journal = PeekingJournal()
    chain = make_chain(journal=journal)
    chain.network()
    mine, listed = allocated(chain), list[Instance]()
    journal.peek = lambda: listed.extend(chain.admin.get_all_instances())
    chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    assert set(listed) == {mine}


# --- whose they are -----------------------------------------------------------------------------


def test_a_member_neither_sees_nor_changes_what_another_project_has(
    chain: RecordedChain, api_of: ApiOf
) -> None:
    chain.network(project_id=None)
    mine = allocated(chain)
    (vif,) = chain.admin.get_vifs_by_instance(mine.id)
    (fixed_ip,) = chain.admin.get_all_fixed_ips()
    before, stranger = chain.holdings(), api_of(chain.manager, OTHER_PROJECT)
    refused: list[tuple[type[QplugError], Callable[[], object]]] = [
        (InstanceNotFound, lambda: stranger.get_instance_nw_info(mine.id)),
        (InstanceNotFound, lambda: stranger.get_vifs_by_instance(mine.id)),
        (InstanceNotFound, lambda: stranger.add_fixed_ip_to_instance(mine.id, "blue")),
        (
            InstanceNotFound,
            lambda: stranger.remove_fixed_ip_from_instance(mine.id, fixed_ip.address),
        ),
        (FixedIpNotFound, lambda: stranger.get_fixed_ip(fixed_ip.id)),
        (FixedIpNotFoundForAddress, lambda: stranger.get_fixed_ip_by_address(fixed_ip.address)),
        (VifNotFound, lambda: stranger.get_vif_by_mac_address(vif.mac)),
    ]
    for error, act in refused:
        with pytest.raises(error):
            act()
    assert list(stranger.get_all_instances()) == []
    assert list(stranger.get_all_fixed_ips()) == []
    assert list(stranger.get_all_fixed_ips(instance_id=mine.id)) == []
    assert chain.holdings() == before


def test_a_member_does_all_of_it_with_its_own(chain: RecordedChain, api_of: ApiOf) -> None:
    chain.network()
    mine, member = instance(), api_of(chain.manager, PROJECT)
    (vif,) = member.allocate_for_instance(mine)
    added = member.add_fixed_ip_to_instance(mine.id, "blue")
    (fixed_ip,) = member.get_fixed_ip_by_address(added)
    assert member.get_fixed_ip(fixed_ip.id) == fixed_ip
    assert member.get_vif_by_mac_address(vif.address).id == vif.id
    member.remove_fixed_ip_from_instance(mine.id, added)
    assert member.deallocate_for_instance(mine.id) == []
