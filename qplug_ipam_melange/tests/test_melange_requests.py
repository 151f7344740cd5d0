"""How many requests an operation takes, whatever else Melange keeps."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.model import Instance, Network
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.ipam.asking import fill, give, kept
from qplug.testing.values import call, vif
from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.mac import MelangeMac
from qplug_ipam_melange.testing import StandIn
from qplug_ipam_melange.testing.client import Client

ONE = ("10.0.0.0/24",)
BOTH = ("10.0.0.0/24", "fd00:10::/64")
SEVERAL_IPV6 = (*BOTH, "fd00:20::/64", "fd00:30::/112")
THREE_IPV4 = ("10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "fd00:10::/64")


@pytest.fixture
def cold_driver(driver: MelangeIpam, conf: ConfigOpts) -> Iterator[MelangeIpam]:
    """Return the driver of a process that has just begun."""
    with closing(MelangeIpam(conf)) as cold:
        yield cold


def with_mac_driver(net: Network) -> Network:
    """Return the network as one whose MAC driver is Melange's too."""
    return replace(net, drivers=replace(net.drivers, mac="melange"))


@pytest.mark.parametrize(
    ("cidrs", "count"), [(ONE, 1), (("fd00:10::/64",), 1), (BOTH, 2), (SEVERAL_IPV6, 2)]
)
def test_an_allocation_takes_at_most_two_requests(
    driver: MelangeIpam, melange: StandIn, cidrs: tuple[str, ...], count: int
) -> None:
    net = kept(driver, *cidrs)
    melange.requests.clear()
    assert len(give(driver, net)) == len(cidrs)
    assert len(melange.requests) == count


@pytest.mark.parametrize(("cidrs", "count"), [(ONE, 1), (BOTH, 3)])
def test_a_process_that_has_just_begun_asks_once_for_the_blocks_of_a_network_of_both_versions(
    driver: MelangeIpam,
    cold_driver: MelangeIpam,
    melange: StandIn,
    cidrs: tuple[str, ...],
    count: int,
) -> None:
    net = kept(driver, *cidrs)
    melange.requests.clear()
    give(cold_driver, net)
    assert len(melange.requests) == count
    give(cold_driver, net)
    assert len(melange.requests) == count + min(count, 2)


def test_each_further_ipv4_subnet_takes_one_more(driver: MelangeIpam, melange: StandIn) -> None:
    net = kept(driver, *THREE_IPV4)
    melange.requests.clear()
    give(driver, net)
    assert len(melange.requests) == 4


@pytest.mark.parametrize("cidrs", [ONE, ("fd00:10::/64",), BOTH, SEVERAL_IPV6])
def test_an_allocation_for_an_interface_of_the_mac_driver_takes_at_most_two(
    driver: MelangeIpam, mac_driver: MelangeMac, melange: StandIn, client: Client, cidrs: tuple[str]
) -> None:
    client.ask("POST", "mac_address_ranges", {"mac_address_range": {"cidr": "02:16:3e:0:0:0/24"}})
    net = with_mac_driver(kept(driver, *cidrs))
    owner = vif(net)
    names = {"vif_id": owner.id, "instance_id": owner.instance_id, "project_id": owner.project_id}
    mac = mac_driver.allocate(call(), **names)
    melange.requests.clear()
    assert len(give(driver, net, replace(owner, mac=mac))) == len(cidrs)
    assert len(melange.requests) <= 2
    melange.requests.clear()
    driver.deallocate(call(), net, owner)
    mac_driver.deallocate(call(), vif_id=owner.id, project_id=owner.project_id)
    assert len(melange.requests) == 2


def test_a_deallocation_takes_one_request_whatever_the_vif_holds(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, *THREE_IPV4)
    (owner,) = fill(driver, net, 1)
    melange.requests.clear()
    driver.deallocate(call(), net, owner)
    assert melange.requests == [("DELETE", f"/v0.1/ipam/interfaces/{owner.id}.json")]


def test_an_address_more_or_less_takes_at_most_two(driver: MelangeIpam, melange: StandIn) -> None:
    net = kept(driver, *BOTH)
    (owner,) = fill(driver, net, 1)
    for wanted in (None, IPAddress("10.0.0.77")):
        melange.requests.clear()
        more = driver.add_address(call(), net, owner, wanted=wanted)
        assert len(melange.requests) == 1
        melange.requests.clear()
        driver.remove_address(call(), net, owner, more.address)
        assert len(melange.requests) == 2


@pytest.mark.parametrize(("page_size", "pages"), [(1000, 2), (200, 6)])
def test_listing_a_network_of_1000_addresses_takes_a_request_a_page_and_one_for_the_blocks(
    driver: MelangeIpam, conf: ConfigOpts, melange: StandIn, page_size: int, pages: int
) -> None:
    net = kept(driver, "10.0.0.0/22")
    fill(driver, net, 1000)
    conf.set_override("page_size", page_size, "ipam_melange")
    melange.requests.clear()
    listed = list(driver.allocations(call(), network_id=net.id))
    assert len(set(listed)) == len(listed) == 1000
    assert len(melange.requests) == pages + 1  # the keeper's address makes one more than 1,000


def test_network_info_of_an_instance_takes_no_request(
    driver: MelangeIpam, make_manager: MakeManager, api_of: ApiOf, melange: StandIn
) -> None:
    api = api_of(make_manager(ipam=driver))
    api.create_networks(label="blue", cidr=BOTH[0], cidr_v6=BOTH[1])
    instance = Instance(id=str(uuid4()), project_id="alice")
    made = api.allocate_for_instance(instance)
    melange.requests.clear()
    assert api.get_instance_nw_info(instance.id) == made
    assert melange.requests == []
