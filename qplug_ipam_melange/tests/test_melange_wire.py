"""The words that are sent and read, against those that Nova and Melange used."""

import json
from pathlib import Path
from typing import Any

import pytest
from netaddr import IPAddress, IPNetwork

from qplug.model import Route, Subnet, Vif, mac_address
from qplug.testing.values import subnet
from qplug_ipam_melange import refusals, wire

RECORDED = {
    exchange["name"]: exchange
    for exchange in json.loads((Path(__file__).parent / "wire/melange.json").read_text())
}
BASE = "/v0.1/ipam/"
NETWORK = "22222222-0000-4000-8000-000000000001"
VIF = Vif(
    id="f0a1b2c3-0000-4000-8000-000000000001",
    network_id=NETWORK,
    instance_id="42",
    project_id="proj",
    mac=mac_address("02:16:3e:00:00:00"),
)


def asked(name: str) -> tuple[str, Any]:
    """Return path and body of a request of Nova."""
    request = RECORDED[name]["request"]
    return request["path"].removeprefix(BASE), request.get("json")


def test_r75_a_block_is_asked_for_as_nova_did() -> None:
    path, body = asked("nova_lifecycle: create project subnet v4")
    dns = [each for each in (body["ip_block"]["dns1"], body["ip_block"]["dns2"]) if each]
    made = wire.block_body(subnet("10.0.0.0/24", dns=dns), NETWORK, None)
    assert wire.tenant_path("proj", "ip_blocks") == path
    assert made == body


def test_r75_an_interface_is_asked_for_with_novas_words() -> None:
    path, body = asked("nova_lifecycle: boot: vif 1")
    assert path == wire.INTERFACES
    assert (
        body["interface"].keys() < wire.interface_body(VIF, NETWORK, "proj", [])["interface"].keys()
    )


def test_r75_addresses_are_asked_for_with_novas_words() -> None:
    path, body = asked("nova_lifecycle: boot: ips on the project network")
    assert wire.allocations_path("proj", NETWORK, VIF.id) == path
    made = wire.allocation_body(VIF, [])["network"]
    assert made["tenant_id"] == body["network"]["tenant_id"]
    assert made["mac_address"].upper() == body["network"]["mac_address"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (
            "nova_lifecycle: terminate: deallocate vif 1",
            wire.allocations_path("proj", NETWORK, VIF.id),
        ),
        ("nova_lifecycle: delete network: blocks", wire.tenant_path("proj", "ip_blocks")),
        ("allocated_addresses: all", wire.ALLOCATED),
        ("macs: list ranges", wire.MAC_RANGES),
        ("macs: delete vif 2", wire.interface_path("vif-2")),
        ("macs: show vif 1", wire.tenant_path("t1", "interfaces", "vif-1")),
    ],
)
def test_r75_paths_are_those_of_the_recordings(name: str, path: str) -> None:
    assert asked(name)[0] == path


def test_ids_cannot_leave_their_place_in_a_path() -> None:
    assert (
        wire.tenant_path("a/../b?c", "networks", "x y")
        == "tenants/a%2F..%2Fb%3Fc/networks/x%20y.json"
    )


def test_both_forms_of_an_address_are_read() -> None:
    answer = RECORDED["ipv6: allocate both"]["response"]["json"]
    v4, v6 = wire.given_in(answer)
    assert (str(v4.address), str(v6.address)) == ("10.46.0.0", "fd00:2::e535:3879:ff00:5")
    assert v4.block_id == answer["ip_addresses"][0]["ip_block"]["id"]
    for listed in RECORDED["allocated_addresses: all"]["response"]["json"]["ip_addresses"]:
        read = wire.given_of(listed)
        assert read.block_id == listed["ip_block_id"]
        assert (read.interface_id, read.tenant_id) == (
            listed["interface_id"],
            listed["used_by_tenant"],
        )


def detail(name: str) -> str:
    (fault,) = RECORDED[name]["response"]["json"].values()
    return str(fault["detail"])


def test_refusals_are_told_apart_by_what_melange_says() -> None:
    assert refusals.interface_exists(detail("macs: create vif same id other tenant"))
    assert not refusals.interface_exists(detail("macs: create vif with a used MAC"))
    assert refusals.mac_in_use(400, detail("allocation: allocate with a used MAC"))
    assert refusals.no_interface(detail("macs: delete vif unknown"))
    assert not refusals.no_interface(detail("macs: delete vif of the deleted range"))
    assert refusals.no_network(detail("allocation: ips unknown network"))
    assert not refusals.no_network(detail("allocation: ips unknown vif"))
    for name in ("exhaustion: allocate 3 full", "exhaustion: given quarantined address"):
        assert refusals.full(detail(name))
    assert not refusals.full(detail("allocation: allocate on a second network"))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("blocks: create overlapping same network", "10.0.0.0/24"),
        ("blocks: create overlapping same network other tenant", "10.0.0.0/24"),
        ("blocks: create overlapping public other tenant", "20.0.0.0/24"),
        ("blocks: create bad cidr", None),
        ("blocks: create several errors", None),
    ],
)
def test_an_overlap_is_read_out_of_a_refusal(name: str, other: str | None) -> None:
    assert refusals.overlapping(detail(name)) == other


def test_addresses_are_spelled_in_full() -> None:
    assert wire.spelled([IPAddress("10.0.0.5"), IPAddress("fd00::5")]) == [
        "10.0.0.5",
        "fd00:0000:0000:0000:0000:0000:0000:0005",
    ]


@pytest.mark.parametrize(
    ("made", "ranges"),
    [
        (subnet("10.0.0.0/24"), []),
        (subnet("10.0.0.0/24", routed=False, dhcp_server="10.0.0.9"), []),
        (subnet("10.0.0.0/24", reserved=["10.0.0.4-10.0.0.6"]), [(4, 3)]),
        (subnet("10.0.0.0/24", pools=["10.0.0.10-10.0.0.20"]), [(2, 8), (21, 234)]),
        (subnet("10.0.0.0/24", gateway="10.0.0.254", pools=["10.0.0.1-10.0.0.252"]), [(253, 1)]),
        (subnet("fd00::/64", pools=["fd00::5-fd00::6"]), []),
    ],
    ids=lambda value: f"{value.cidr}" if isinstance(value, Subnet) else "",
)
def test_a_policy_covers_what_nobody_else_keeps_back(
    made: Subnet, ranges: list[tuple[int, int]]
) -> None:
    assert wire.unusable(made) == ranges


def test_the_keeper_holds_the_dhcp_servers_address_if_melange_would_give_it() -> None:
    alone = subnet("10.0.0.0/24", routed=False, dhcp_server="10.0.0.9")
    assert [str(each) for each in wire.kept_back(alone)] == ["10.0.0.0", "10.0.0.9"]
    assert [str(each) for each in wire.kept_back(subnet("10.0.0.0/24"))] == ["10.0.0.0"]


def test_a_route_of_either_version_has_a_netmask_as_melange_writes_it() -> None:
    v4 = Route(cidr=IPNetwork("192.0.2.0/25"), gateway=IPAddress("10.0.0.1"))
    v6 = Route(cidr=IPNetwork("2001:db8::/32"), gateway=IPAddress("fd00::1"))
    assert wire.route_body(v4)["ip_route"]["netmask"] == "255.255.255.128"
    assert wire.route_body(v6)["ip_route"] == {
        "destination": "2001:db8::",
        "netmask": "32",
        "gateway": "fd00::1",
    }
