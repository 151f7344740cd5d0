"""What was taken over from Nova's Melange IPAM, by the rows of parity."""

from uuid import uuid4

import pytest
from netaddr import IPAddress, IPNetwork
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.errors import MacInUse
from qplug.model import Instance, Route
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.ipam.asking import fill, give, kept
from qplug.testing.memory import MemoryDhcp
from qplug.testing.values import DEFAULT_PROJECT, OTHER_PROJECT, PROJECT, call, subnet, vif
from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.mac import MelangeMac
from qplug_ipam_melange.testing import StandIn
from qplug_ipam_melange.testing.client import Client

V4, V6 = "10.0.0.0/24", "fd00:10::/64"


def instance(project_id: str = PROJECT) -> Instance:
    return Instance(id=str(uuid4()), project_id=project_id)


def make_range(client: Client) -> None:
    wanted = {"mac_address_range": {"cidr": "02:16:3e:00:00:00/24"}}
    assert client.ask("POST", "mac_address_ranges", wanted)[0] == 201


@pytest.fixture
def api(make_manager: MakeManager, api_of: ApiOf, driver: MelangeIpam) -> NetworkApi:
    return api_of(make_manager(ipam=driver))


@pytest.mark.parametrize(("owner", "tenant"), [(PROJECT, PROJECT), (None, DEFAULT_PROJECT)])
def test_r30_r75_blocks_are_of_the_owner_or_the_default_tenant_and_interfaces_of_the_instances(
    api: NetworkApi, melange: StandIn, owner: str | None, tenant: str
) -> None:
    api.create_networks(label="blue", cidr=V4, cidr_v6=V6, project_id=owner)
    api.allocate_for_instance(instance())
    assert [block.tenant_id for block in melange.tables.blocks.values()] == [tenant] * 2
    interfaces = [each for each in melange.tables.interfaces.values() if each.tenant_id != "qplug"]
    assert [(each.tenant_id, len(each.addresses)) for each in interfaces] == [(PROJECT, 2)]


def test_r42_r43_the_mac_of_melange_is_the_vifs_with_any_ipam(
    make_manager: MakeManager, api_of: ApiOf, mac_driver: MelangeMac, client: Client
) -> None:
    make_range(client)
    api = api_of(make_manager(mac=mac_driver))
    api.create_networks(label="blue", cidr=V4, project_id=PROJECT)
    asked = instance()
    (made,) = api.allocate_for_instance(asked)
    _, found = client.ask("GET", f"tenants/{PROJECT}/interfaces/{made.id}")
    assert found["interface"]["mac_address"] == str(made.address).upper()
    assert found["interface"]["device_id"] == asked.id
    api.deallocate_for_instance(asked.id)
    assert client.ask("GET", f"tenants/{PROJECT}/interfaces/{made.id}")[0] == 404


def test_r42_one_interface_serves_both_drivers(
    make_manager: MakeManager,
    api_of: ApiOf,
    conf: ConfigOpts,
    driver: MelangeIpam,
    mac_driver: MelangeMac,
    client: Client,
) -> None:
    make_range(client)
    conf.set_override("driver", "melange", "mac")
    api = api_of(make_manager(ipam=driver, mac=mac_driver))
    api.create_networks(label="blue", cidr=V4, cidr_v6=V6, project_id=PROJECT)
    asked = instance()
    (made,) = api.allocate_for_instance(asked)
    _, found = client.ask("GET", f"tenants/{PROJECT}/interfaces/{made.id}")
    held = {IPAddress(each["address"]) for each in found["interface"]["ip_addresses"]}
    assert held == {IPAddress(str(ip.address)) for ip in made.fixed_ips()}
    api.deallocate_for_instance(asked.id)
    assert client.ask("GET", f"tenants/{PROJECT}/interfaces/{made.id}")[0] == 404


def test_a_mac_that_the_store_has_already_is_refused_and_nothing_is_left_of_it(
    make_manager: MakeManager,
    api_of: ApiOf,
    mac_driver: MelangeMac,
    client: Client,
    melange: StandIn,
) -> None:
    make_range(client)
    api = api_of(make_manager(mac=mac_driver))
    api.create_networks(label="blue", cidr=V4, project_id=PROJECT)
    (made,) = api.allocate_for_instance(instance())
    client.ask("DELETE", f"interfaces/{made.id}")  # so that Melange gives its MAC address again
    with pytest.raises(MacInUse):
        api.allocate_for_instance(instance())
    assert not melange.tables.interfaces
    assert len(list(api.get_all_instances())) == 1
    assert not api.get_pending()


def test_r64_instances_are_found_by_an_address_that_melange_gave(api: NetworkApi) -> None:
    api.create_networks(label="blue", cidr=V4, project_id=PROJECT)
    asked = [instance(), instance()]
    info = [api.allocate_for_instance(each) for each in asked]
    address = str(info[1].fixed_ips()[0].address)
    found = api.get_instance_uuids_by_ip_filter({"ip": address.replace(".", r"\.") + "$"})
    assert [each.instance_uuid for each in found] == [asked[1].id]


def test_r75_blocks_carry_what_novas_did(driver: MelangeIpam, client: Client) -> None:
    net = kept(driver, subnet(V4, dns=["192.0.2.53", "192.0.2.54", "192.0.2.55"]), V6)
    _, found = client.ask("GET", f"tenants/{PROJECT}/networks/{net.id}")
    v4, v6 = sorted(found["ip_blocks"], key=lambda each: len(each["netmask"]), reverse=True)
    assert (v4["cidr"], v4["gateway"], v4["type"]) == (V4, "10.0.0.1", "private")
    assert (v4["dns1"], v4["dns2"]) == ("192.0.2.53", "192.0.2.54")
    assert (v6["cidr"], v6["gateway"]) == (V6, "fd00:10::1")


def test_r77_a_block_for_each_subnet_is_made_and_deleted_and_nothing_stays(
    driver: MelangeIpam, melange: StandIn
) -> None:
    pooled = subnet("10.0.1.0/24", pools=["10.0.1.10-10.0.1.20"], routed=False)
    net = kept(driver, V4, pooled, V6, "fd00:20::/112")
    assert len(melange.tables.blocks) == len(melange.tables.interfaces) == 4
    assert len(melange.tables.policies) == 1
    (gone,) = fill(driver, net, 1)
    driver.deallocate(call(), net, gone)
    driver.delete_subnets(call(), net)
    tables = melange.tables
    assert not (tables.blocks)
    assert not (tables.interfaces)
    assert not (tables.policies)


def test_r77_the_store_keeps_label_project_and_priority(api: NetworkApi) -> None:
    api.create_networks(label="blue", cidr=V4, project_id=PROJECT, priority=7)
    (net,) = api.get_all()
    assert (net.label, net.project_id, net.priority) == ("blue", PROJECT, 7)


def test_r78_a_vif_has_addresses_of_all_subnets_of_both_versions_and_no_floating_ones(
    api: NetworkApi, driver: MelangeIpam
) -> None:
    api.create_networks(
        label="blue",
        cidr=V4,
        cidr_v6=V6,
        project_id=PROJECT,
        dns1="192.0.2.53",
        dns2="2001:db8::53",
    )
    (made,) = api.allocate_for_instance(instance())
    assert [ip.version for ip in made.fixed_ips()] == [4, 6]
    assert made.floating_ips() == []
    assert made.network is not None
    dns = {each.version: [str(ip.address) for ip in each.dns] for each in made.network.subnets}
    assert "2001:db8::53" in dns[6]


def test_r78_routes_go_to_melange(driver: MelangeIpam, client: Client) -> None:
    routes = [Route(cidr=IPNetwork("192.0.2.0/25"), gateway=IPAddress("10.0.0.254"))]
    net = kept(driver, subnet(V4, routes=routes))
    _, found = client.ask("GET", f"tenants/{PROJECT}/networks/{net.id}")
    block_id = found["ip_blocks"][0]["id"]
    _, told = client.ask("GET", f"tenants/{PROJECT}/ip_blocks/{block_id}/ip_routes")
    (route,) = told["ip_routes"]
    words = (route["destination"], route["netmask"], route["gateway"])
    assert words == ("192.0.2.0", "255.255.255.128", "10.0.0.254")


def test_r88_dhcp_forgets_the_host_whose_addresses_went_back_to_melange(
    make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts, driver: MelangeIpam
) -> None:
    dhcp = MemoryDhcp(conf)
    api = api_of(make_manager(ipam=driver, dhcp=dhcp))
    (_net,) = api.create_networks(label="blue", cidr=V4, project_id=PROJECT)
    stays, goes = instance(), instance()
    for each in (stays, goes):
        api.allocate_for_instance(each)
    (served,) = dhcp.served.values()
    assert len(served) == 2
    api.deallocate_for_instance(goes.id)
    (host,) = next(iter(dhcp.served.values())).values()
    (vif_left,) = api.get_vifs_by_instance(stays.id)
    assert host.mac == vif_left.mac


def test_networks_of_several_tenants_and_their_listings_are_apart(driver: MelangeIpam) -> None:
    """As a tenant's list of Melange is not: see D22."""
    one, two = kept(driver, V4), kept(driver, V4, project_id=OTHER_PROJECT)
    shared = kept(driver, "10.9.0.0/24", project_id=None)
    for net in (one, two, shared):
        give(driver, net, vif(net, project_id=PROJECT))
    for net in (one, two, shared):
        listed = list(driver.allocations(call(), network_id=net.id))
        assert [each.subnet_id for each in listed] == [net.subnets[0].id]
