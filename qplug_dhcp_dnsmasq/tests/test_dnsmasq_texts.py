"""What dnsmasq is told, and that it is never more than was meant."""

from dataclasses import replace

import pytest
from netaddr import IPAddress, IPNetwork

from qplug.model import Route
from qplug.testing.values import dhcp_host, network, subnet, vif
from qplug_dhcp_dnsmasq import texts
from qplug_dhcp_dnsmasq.errors import DomainInvalid, SubnetTooLarge
from qplug_dhcp_dnsmasq.texts import Told

TOLD = Told(domain="novalocal", lease_time=86400, mtu=1450)
HOSTILE = ["a\nb", "a,b", "a}b", 'a"b', "$(id)", "a b", "-a", "é", "x" * 300, "a\0b", ""]


def test_a_host_line_has_both_addresses_a_name_and_the_lease_time() -> None:
    net = network("10.20.0.0/24", "2001:db8:20::/112")
    host = dhcp_host(vif(net), "10.20.0.10", "2001:db8:20::10")
    addresses = texts.leased(net, host.addresses)
    assert texts.host_line(host.mac, addresses, texts.hostname(host), 86400) == (
        f"{host.mac},id:*,10.20.0.10,[2001:db8:20::10],host-10-20-0-10,86400s\n"
    )


def test_a_client_leases_one_ipv4_address_and_no_derived_one() -> None:
    net = network("10.20.0.0/24", "10.21.0.0/24", "2001:db8::/64", "2001:db8:1::/112")
    wanted = ["10.20.0.5", "10.21.0.5", "2001:db8::f816:3eff:fe00:1", "2001:db8:1::5"]
    host = dhcp_host(vif(net), *wanted)
    assert list(map(str, texts.leased(net, host.addresses))) == ["10.20.0.5", "2001:db8:1::5"]


def test_each_subnet_has_a_range_by_how_its_addresses_are_made() -> None:
    net = network(
        "10.20.0.0/24",
        "2001:db8:1::/64",
        subnet("2001:db8:2::/64", dns=["2001:db8::53"]),
        subnet("2001:db8:3::/64", pools=["2001:db8:3::10-2001:db8:3::20"]),
    )
    ranges = [word for word in texts.arguments(net, TOLD) if word.startswith("--dhcp-range")]
    assert ranges == [
        "--dhcp-range=set:s0,10.20.0.0,static,255.255.255.0,86400s",
        "--dhcp-range=set:s1,2001:db8:1::,ra-only,64,86400s",
        "--dhcp-range=set:s2,2001:db8:2::,ra-stateless,64,86400s",
        "--dhcp-range=set:s3,2001:db8:3::,static,64,86400s",
    ]


def test_routers_are_advertised_only_where_there_is_a_gateway() -> None:
    routed, apart = network("2001:db8::/64"), network(subnet("2001:db8::/64", routed=False))
    assert f"--ra-param={routed.bridge},mtu:1450,60,1800" in texts.arguments(routed, TOLD)
    assert f"--ra-param={apart.bridge},mtu:1450,60,0" in texts.arguments(apart, TOLD)
    assert "--enable-ra" not in texts.arguments(network("10.0.0.0/24"), TOLD)


def test_options_are_those_of_each_subnet() -> None:
    route = Route(cidr=IPNetwork("10.9.0.0/16"), gateway=IPAddress("10.20.0.7"))
    one = subnet("10.20.0.0/24", dns=["192.0.2.1", "192.0.2.2"], routes=[route])
    assert texts.options(network(one), TOLD).splitlines() == [
        "tag:s0,option:router,10.20.0.1",
        "tag:s0,option:dns-server,192.0.2.1,192.0.2.2",
        "tag:s0,option:mtu,1450",
        "tag:s0,option:domain-name,novalocal",
        "tag:s0,option:classless-static-route,10.9.0.0/16,10.20.0.7,0.0.0.0/0,10.20.0.1",
    ]


def test_a_network_without_gateway_tells_of_no_router_and_no_name_server() -> None:
    lines = texts.options(network(subnet("10.20.0.0/24", routed=False)), TOLD).splitlines()
    assert lines[:2] == ["tag:s0,option:router", "tag:s0,option:dns-server"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_none_is_not_told(name: str) -> None:
    net = network("10.20.0.0/24")
    host = dhcp_host(vif(net), "10.20.0.10", hostname=name)
    assert texts.hostname(host) == "host-10-20-0-10"


@pytest.mark.parametrize("domain", [*HOSTILE[:-1], "a..b", ".a", "a.", "-a.b"])
def test_a_domain_that_is_none_is_refused(domain: str) -> None:
    with pytest.raises(DomainInvalid, match="should be a DNS name"):
        replace(TOLD, domain=domain)


def test_a_network_may_have_a_domain_an_mtu_and_a_lease_time_of_its_own() -> None:
    plain = network("10.0.0.0/24")
    assert TOLD.on(plain) == TOLD
    own = replace(plain, dns_domain="cloud.example.org", mtu=9000, lease_time=600)
    assert TOLD.on(own) == Told(domain="cloud.example.org", lease_time=600, mtu=9000)


def test_without_a_domain_none_is_told() -> None:
    assert "domain" not in texts.options(network("10.0.0.0/24"), replace(TOLD, domain=""))


def test_an_ipv6_subnet_that_dnsmasq_would_not_take_is_refused() -> None:
    with pytest.raises(SubnetTooLarge, match="2001:db8::/56"):
        texts.arguments(network("2001:db8::/56"), TOLD)


def test_an_ipv6_host_has_a_name_that_dns_allows() -> None:
    net = network("2001:db8::/112")
    assert texts.hostname(dhcp_host(vif(net), "2001:db8::")) == "host-2001-db8"
