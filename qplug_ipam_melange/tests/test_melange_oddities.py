"""What the stand-in does as the original does, beyond what was recorded."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from qplug_ipam_melange.testing import Settings, StandIn
from qplug_ipam_melange.testing.client import Client

BLOCKS = "tenants/t1/ip_blocks"


def make_block(client: Client, cidr: str, **wanted: Any) -> None:
    wanted = {"cidr": cidr, "network_id": "net-1", "type": "private"} | wanted
    assert client.ask("POST", BLOCKS, {"ip_block": wanted})[0] == 201


def blocks(client: Client) -> list[Any]:
    found: list[Any] = client.ask("GET", BLOCKS)[1]["ip_blocks"]
    return found


def allocations(vif_id: str) -> str:
    return f"tenants/t1/networks/net-1/interfaces/{vif_id}/ip_allocations"


def allocate(client: Client, vif_id: str, timeout: float = 10, **wanted: Any) -> list[str]:
    """Return the addresses that an interface was given."""
    status, found = client.ask("POST", allocations(vif_id), {"network": wanted}, timeout)
    return [address["address"] for address in found["ip_addresses"]] if status == 201 else []


def test_quarantine_ends_by_the_clock_of_the_server_when_the_job_runs(
    melange: StandIn, client: Client
) -> None:
    make_block(client, "10.0.0.0/30")
    assert allocate(client, "vif-1") == ["10.0.0.0"]
    client.ask("DELETE", allocations("vif-1"))
    melange.now += timedelta(days=1, hours=23)
    melange.delete_deallocated_ips()
    assert allocate(client, "vif-2") == ["10.0.0.1"]
    melange.now += timedelta(hours=1)
    assert allocate(client, "vif-3") == ["10.0.0.2"]
    melange.delete_deallocated_ips()
    assert allocate(client, "vif-4") == ["10.0.0.0"]


def test_records_tell_the_time_of_the_servers_clock(melange: StandIn, client: Client) -> None:
    melange.now = melange.now.replace(year=2012, month=2, day=14, hour=5, minute=6, second=7)
    make_block(client, "10.0.0.0/24")
    assert blocks(client)[0]["created_at"] == "2012-02-14T05:06:07"


def test_no_two_of_many_clients_get_one_address(melange: StandIn, client: Client) -> None:
    make_block(client, "10.0.0.0/24")
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda n: allocate(client, f"vif-{n}"), range(40)))
    addresses = [address for answer in given for address in answer]
    assert sorted(addresses) == sorted(f"10.0.0.{n}" for n in range(40))


def test_an_ipv6_block_that_is_used_up_makes_the_whole_server_hang(
    melange: StandIn, client: Client
) -> None:
    make_block(client, "fd00::/127")
    assert allocate(client, "vif-1", mac_address="02:00:00:00:00:00") == [
        "fd00:0000:0000:0000:0000:0000:0000:0000"
    ]
    with pytest.raises(TimeoutError):
        allocate(client, "vif-2", mac_address="02:00:00:00:00:02", timeout=0.5)
    assert melange.hang
    with pytest.raises(TimeoutError):
        client.ask("GET", BLOCKS, timeout=0.2)
    melange.hang = False
    assert not melange.hang
    assert len(blocks(client)) == 1


def test_a_search_in_an_ipv6_block_does_not_ask_the_policy(
    melange: StandIn, client: Client
) -> None:
    policy = client.ask("POST", "tenants/t1/policies", {"policy": {"name": "all"}})[1]["policy"]
    ranges = f"tenants/t1/policies/{policy['id']}/unusable_ip_ranges"
    assert client.ask("POST", ranges, {"ip_range": {"offset": 0, "length": 256}})[0] == 201
    make_block(client, "fd00::/120", policy_id=policy["id"])
    given = allocate(client, "vif-1", mac_address="02:00:00:00:00:05")
    assert given == ["fd00:0000:0000:0000:0000:0000:0000:0005"]
    assert allocate(client, "vif-1", addresses=["fd00::7"]) == []


def test_ten_macs_taken_by_hand_in_a_row_are_a_conflict_and_the_next_request_goes_on(
    client: Client,
) -> None:
    wanted: dict[str, Any] = {"mac_address_range": {"cidr": "02:00:00:00:00:00/40"}}
    client.ask("POST", "mac_address_ranges", wanted)
    for n in range(10):
        by_hand = {"id": f"vif-{n}", "tenant_id": "t1", "mac_address": f"02:00:00:00:00:{n:02x}"}
        assert client.ask("POST", "interfaces", {"interface": by_hand})[0] == 201
    wanted = {"interface": {"id": "vif-a", "tenant_id": "t1"}}
    assert client.ask("POST", "interfaces", wanted)[0] == 409
    wanted = {"interface": {"id": "vif-b", "tenant_id": "t1"}}
    status, made = client.ask("POST", "interfaces", wanted)
    assert (status, made["interface"]["mac_address"]) == (201, "02:00:00:00:00:0A")


def test_v1_0_is_there_only_where_it_is_wanted() -> None:
    for settings, status in ((Settings(), 404), (Settings(has_v1_0=True), 200)):
        with StandIn(settings) as melange, closing(Client(melange.url).connect()) as connection:
            connection.request("GET", f"/v1.0/ipam/{BLOCKS}")
            assert connection.getresponse().status == status


def test_a_gateway_in_another_spelling_is_given_by_a_search_in_an_ipv6_block(
    client: Client,
) -> None:
    make_block(client, "fd00::/120", gateway="fd00:0000::0005")
    given = allocate(client, "vif-1", mac_address="02:00:00:00:00:05")
    assert given == ["fd00:0000:0000:0000:0000:0000:0000:0005"]


def test_of_several_overlaps_only_the_first_is_named(client: Client) -> None:
    make_block(client, "10.0.0.0/24")
    make_block(client, "10.0.1.0/24")
    wanted = {"cidr": "10.0.0.0/16", "network_id": "net-1", "type": "private"}
    status, fault = client.ask("POST", BLOCKS, {"ip_block": wanted})
    detail = "{'cidr': [u'cidr overlaps with block 10.0.0.0/24 in same network']}"
    assert (status, fault["BadRequest"]["detail"]) == (
        400,
        f"The following values are invalid: {detail}",
    )


def test_who_is_on_another_network_may_be_told_that_this_one_is_full(client: Client) -> None:
    make_block(client, "10.0.0.0/32")
    assert allocate(client, "vif-1") == []
    make_block(client, "10.1.0.0/24", network_id="net-2")
    elsewhere = allocations("vif-1").replace("net-1", "net-2")
    assert client.ask("POST", elsewhere)[0] == 201
    status, fault = client.ask("POST", allocations("vif-1"))
    assert (status, fault["UnprocessableEntity"]["detail"]) == (
        422,
        "ip blocks in this network are full",
    )


def test_addresses_for_which_no_interface_is_named_share_one_of_their_tenant(
    client: Client,
) -> None:
    make_block(client, "10.0.0.0/24")
    path = f"{BLOCKS}/{blocks(client)[0]['id']}/ip_addresses"
    wanted: list[Any] = [None, None, {"ip_address": {"tenant_id": "t2"}}]
    made = [client.ask("POST", path, each)[1]["ip_address"]["interface_id"] for each in wanted]
    assert made[0] == made[1] != made[2]
