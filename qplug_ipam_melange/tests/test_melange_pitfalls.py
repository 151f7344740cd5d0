"""What Melange does that a driver must not pass on."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.errors import (
    CidrConflict,
    FixedIpAlreadyInUse,
    NetworkInUse,
    NoMoreFixedIps,
    Unavailable,
)
from qplug.http.errors import ServiceUnreachable
from qplug.model import Network, Vif
from qplug.testing.ipam.asking import fill, give, held, kept
from qplug.testing.processes import at_once
from qplug.testing.values import OTHER_PROJECT, PROJECT, call, network, subnet, vif
from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.errors import BlocksOfOthers, InterfaceTaken
from qplug_ipam_melange.testing import StandIn
from qplug_ipam_melange.testing.client import Client

forking = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def with_mac_driver(net: Network) -> Network:
    """Return the network as one whose MAC driver is Melange's too."""
    return replace(net, drivers=replace(net.drivers, mac="melange"))


def interfaces(melange: StandIn) -> set[str | None]:
    """Return the ids of the interfaces of vifs."""
    known = melange.tables.interfaces.values()
    return {each.vif_id for each in known if each.tenant_id != "qplug"}


# --- what must stay back ------------------------------------------------------------------------


def test_the_network_address_goes_to_no_vif_though_melange_gives_it_first(
    driver: MelangeIpam, client: Client
) -> None:
    net = kept(driver, "10.0.0.0/24")
    assert give(driver, net) == ["10.0.0.2"]
    path = f"tenants/{PROJECT}/networks/{net.id}/interfaces/novas/ip_allocations"
    _, found = client.ask("POST", path)
    assert found["ip_addresses"][0]["address"] == "10.0.0.3"


def test_reservations_and_pools_hold_for_those_too_who_ask_melange_themselves(
    driver: MelangeIpam, client: Client
) -> None:
    made = subnet("10.0.0.0/24", pools=["10.0.0.10-10.0.0.20"], reserved=["10.0.0.10-10.0.0.12"])
    net = kept(driver, made)
    path = f"tenants/{PROJECT}/networks/{net.id}/interfaces/novas/ip_allocations"
    _, found = client.ask("POST", path)
    assert found["ip_addresses"][0]["address"] == "10.0.0.13"


def test_an_address_that_melange_should_have_kept_back_is_put_back(
    driver: MelangeIpam, melange: StandIn, client: Client
) -> None:
    net = kept(driver, "10.0.0.0/24")
    client.ask("DELETE", f"interfaces/{net.subnets[0].id}")
    melange.delete_deallocated_ips(keep_days=0)
    owner = vif(net)
    assert give(driver, net, owner) == ["10.0.0.2"]
    _, found = client.ask("GET", f"tenants/{PROJECT}/interfaces/{owner.id}")
    assert [each["address"] for each in found["interface"]["ip_addresses"]] == ["10.0.0.2"]


def test_a_full_ipv6_pool_never_makes_the_server_search(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, "fd00:10::/125")
    fill(driver, net, 6)
    with pytest.raises(NoMoreFixedIps):
        give(driver, net)
    with pytest.raises(NoMoreFixedIps):
        driver.add_address(call(), net, vif(net))
    assert not melange.hang
    assert interfaces(melange) == {each.vif_id for each in driver.allocations(call())}


# --- what it does in silence --------------------------------------------------------------------


def test_a_wanted_address_that_melange_leaves_out_is_a_conflict_and_undone(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, "10.0.0.0/24", "fd00:10::/64")
    give(driver, net, vif(net), "10.0.0.77")
    late = vif(net)
    with pytest.raises(FixedIpAlreadyInUse, match=r"10\.0\.0\.77"):
        give(driver, net, late, "10.0.0.77")
    assert late.id not in interfaces(melange)


def test_ipv6_that_is_refused_after_ipv4_was_given_is_undone(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, "10.0.0.0/24", "fd00:10::/64")
    first = vif(net)
    give(driver, net, first)
    double = vif(net, mac=first.mac)
    with pytest.raises(FixedIpAlreadyInUse):
        give(driver, net, double)
    assert interfaces(melange) == {first.id}


def test_a_full_subnet_leaves_no_interface(driver: MelangeIpam, melange: StandIn) -> None:
    net = kept(driver, "10.0.0.0/30")
    (owner,) = fill(driver, net, 1)
    with pytest.raises(NoMoreFixedIps):
        give(driver, net)
    assert interfaces(melange) == {owner.id}


def test_what_was_given_stays_with_the_mac_drivers_interface_when_the_rest_is_undone(
    driver: MelangeIpam, melange: StandIn, client: Client
) -> None:
    net = with_mac_driver(kept(driver, "10.0.0.0/30", "fd00:10::/64"))
    fill(driver, net, 1)
    late = vif(net)
    words = {"id": late.id, "tenant_id": late.project_id, "device_id": late.instance_id}
    client.ask("POST", "interfaces", {"interface": words})
    with pytest.raises(NoMoreFixedIps):
        give(driver, net, late)
    assert held(driver, by=late) == []
    assert late.id in interfaces(melange)


def test_a_search_that_runs_out_of_tries_goes_on(driver: MelangeIpam) -> None:
    net = kept(driver, "10.0.0.0/24", "fd00:10::/64")
    for number in range(2, 12):
        give(driver, net, vif(net), f"10.0.0.{number}")
    assert give(driver, net)[0] == "10.0.0.12"


def test_an_interface_of_another_tenant_is_a_conflict(driver: MelangeIpam, client: Client) -> None:
    net = kept(driver, "10.0.0.0/24")
    taken = vif(net)
    words = {"id": taken.id, "tenant_id": OTHER_PROJECT}
    client.ask("POST", "interfaces", {"interface": words})
    with pytest.raises(InterfaceTaken):
        give(driver, with_mac_driver(net), taken, "10.0.0.77")
    assert held(driver, network=net) == []


def test_a_repeated_allocation_of_the_mac_drivers_interface_gives_nothing_more(
    driver: MelangeIpam, client: Client
) -> None:
    for cidrs in (("10.0.0.0/24",), ("10.0.0.0/24", "fd00:10::/64", "fd00:20::/112")):
        net = with_mac_driver(kept(driver, *cidrs))
        owner = vif(net)
        words = {"id": owner.id, "tenant_id": owner.project_id}
        client.ask("POST", "interfaces", {"interface": words})
        assert give(driver, net, owner) == give(driver, net, owner)
        assert len(held(driver, by=owner)) == len(cidrs)


def test_a_lost_answer_leaves_nothing_that_a_deallocation_does_not_take_back(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, "10.0.0.0/24", "fd00:10::/64")
    owner = vif(net)
    melange.lose_next(method="POST")
    with pytest.raises(ServiceUnreachable):
        give(driver, net, owner)
    driver.deallocate(call(), net, owner)
    assert held(driver, network=net) == []
    assert interfaces(melange) == set()


def test_after_a_lost_answer_the_same_allocation_is_completed(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, "10.0.0.0/24", "fd00:10::/64")
    owner = vif(net)
    melange.lose_next(method="POST")
    with pytest.raises(ServiceUnreachable):
        give(driver, net, owner)
    assert len(give(driver, net, owner)) == 2
    assert len(held(driver, by=owner)) == 2


# --- rest ---------------------------------------------------------------------------------------


def test_a_released_address_rests_until_the_job_has_run_by_melanges_clock(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, "10.0.0.0/30")
    (gone,) = fill(driver, net, 1)
    driver.deallocate(call(), net, gone)
    melange.delete_deallocated_ips(keep_days=2)
    with pytest.raises(NoMoreFixedIps):
        give(driver, net)
    melange.delete_deallocated_ips(keep_days=0)
    assert give(driver, net) == ["10.0.0.2"]


# --- subnets ------------------------------------------------------------------------------------


def test_a_block_in_use_is_not_deleted_though_melange_would(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, "10.0.0.0/24")
    fill(driver, net, 2)
    with pytest.raises(NetworkInUse) as refused:
        driver.delete_subnets(call(), net)
    assert refused.value.addresses == 2
    assert len(melange.tables.blocks) == 1


def test_an_overlap_names_the_other_cidr_and_leaves_nothing(
    driver: MelangeIpam, melange: StandIn
) -> None:
    pooled = subnet("10.0.1.0/24", pools=["10.0.1.10-10.0.1.20"])
    with pytest.raises(CidrConflict) as refused:
        driver.create_subnets(call(), network("10.0.0.0/16", pooled))
    assert refused.value.other == "10.0.0.0/16"
    assert not melange.tables.blocks
    assert not melange.tables.interfaces
    assert not melange.tables.policies


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("finish", ["create_subnets", "delete_subnets"])
def test_a_creation_that_ends_at_any_request_is_completed_or_deleted(
    driver: MelangeIpam,
    melange: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    finish: str,
) -> None:
    net = network(subnet("10.0.0.0/24", reserved=["10.0.0.9"]), "fd00:10::/64")
    http = driver._melange._http
    with monkeypatch.context() as broken:
        broken.setattr(http, "exchange", Ending(http.exchange, number))
        with pytest.raises(Unavailable):
            driver.create_subnets(call(), net)
    getattr(driver, finish)(call(), net)
    ids = {each.id for each in net.subnets} if finish == "create_subnets" else set()
    assert driver.subnet_ids(call(), net.id) == ids
    driver.delete_subnets(call(), net)
    assert not melange.tables.blocks
    assert not melange.tables.interfaces
    assert not melange.tables.policies


class Ending:
    """Loses the answer of one request, and all that come after it."""

    def __init__(self, exchange: Callable[..., Any], number: int) -> None:
        self._exchange = exchange
        self._left = number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._left -= 1
        answer = self._exchange(*args, **kwargs) if self._left >= 0 else None
        if self._left <= 0:
            raise ServiceUnreachable("Melange", "http://melange.example", "a test ended it")
        return answer


def test_blocks_that_are_on_the_network_already_are_taken_over_all_of_them_or_none(
    driver: MelangeIpam, melange: StandIn, client: Client
) -> None:
    net = network("10.0.0.0/24", "fd00:10::/126")
    for made in net.subnets:
        block = {"cidr": str(made.cidr), "network_id": net.id, "type": "private"}
        client.ask("POST", f"tenants/{PROJECT}/ip_blocks", {"ip_block": block})
    v4_only = replace(net, subnets=net.subnets[:1])
    with pytest.raises(BlocksOfOthers, match="has fd00:10::/126 in Melange"):
        driver.create_subnets(call(), v4_only)
    driver.create_subnets(call(), net)
    assert len(melange.tables.blocks) == 2
    assert len(give(driver, net)) == 2


def test_a_listing_leaves_out_what_others_have_on_the_same_server(
    driver: MelangeIpam, client: Client
) -> None:
    net = kept(driver, "10.0.0.0/24")
    block = {"cidr": "10.9.0.0/24", "network_id": "novas", "type": "private"}
    client.ask("POST", "tenants/nova/ip_blocks", {"ip_block": block})
    client.ask("POST", "tenants/nova/networks/novas/interfaces/vif-1/ip_allocations")
    given = give(driver, net)
    assert held(driver) == given


def test_sites_that_share_a_server_do_not_see_each_other(
    driver: MelangeIpam, melange_conf: ConfigOpts
) -> None:
    ours = kept(driver, "10.0.0.0/24")
    give(driver, ours)
    melange_conf.set_override("site", "other", "ipam_melange")
    with closing(MelangeIpam(melange_conf)) as other:
        theirs = kept(other, "10.0.0.0/24")
        give(other, theirs)
        assert len(held(other)) == len(held(driver)) == 1
        assert other.subnet_ids(call(), ours.id) == frozenset()


# --- several processes --------------------------------------------------------------------------


@forking
def test_a_vif_asked_for_in_several_processes_gets_one_answer(
    driver: MelangeIpam, melange: StandIn
) -> None:
    net = kept(driver, "10.0.0.0/24", "fd00:10::/64")
    for _ in range(5):
        owner = vif(net)
        ends = at_once([partial(given_texts, driver, net, owner)] * 4)
        assert [end.status for end in ends] == [0] * 4
        assert len({end.said for end in ends}) == 1
        assert len(held(driver, by=owner)) == 2


def given_texts(driver: MelangeIpam, net: Network, owner: Vif) -> str:
    return " ".join(give(driver, net, owner))
