"""The reply given to compute."""

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import EUI, IPAddress, IPNetwork

from qplug.errors import Invalid, InvalidInput, InvalidIpAddressError, V4SubnetRequired
from qplug.model import mac_address
from qplug.network_info import IP, VIF, FixedIP, Network, NetworkInfo, Route, Subnet

EXAMPLE = """
[{"id": "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11", "address": "fa:16:3e:12:34:56", "meta": {},
  "network": {"id": "c0ffee00-1111-4222-8333-444455556666", "bridge": "", "label": "blue",
    "meta": {"tenant_id": "tenant-a", "injected": true},
    "subnets": [
      {"cidr": "10.20.0.0/24", "version": 4, "routes": [], "meta": {"dhcp_server": "10.20.0.1"},
       "gateway": {"address": "10.20.0.1", "type": "gateway", "version": 4, "meta": {}},
       "dns": [{"address": "192.0.2.53", "type": "dns", "version": 4, "meta": {}}],
       "ips": [{"address": "10.20.0.5", "type": "fixed", "version": 4, "meta": {},
                "floating_ips": [{"address": "198.51.100.7", "type": "floating", "version": 4,
                                  "meta": {}}]}]},
      {"cidr": "fd00:10::/64", "version": 6, "routes": [], "meta": {"dhcp_server": "fd00:10::1"},
       "gateway": {"address": "fd00:10::1", "type": "gateway", "version": 6, "meta": {}},
       "dns": [],
       "ips": [{"address": "fd00:10::f816:3eff:fe12:3456", "type": "fixed", "version": 6,
                "meta": {}, "floating_ips": []}]}]}}]
"""

LEGACY_EXAMPLE = """
[[{"bridge": "", "id": "c0ffee00-1111-4222-8333-444455556666", "cidr": "10.20.0.0/24",
   "cidr_v6": "fd00:10::/64", "vlan": null, "injected": true, "multi_host": false,
   "bridge_interface": null},
  {"label": "blue", "broadcast": "10.20.0.255", "mac": "fa:16:3e:12:34:56",
   "vif_uuid": "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11", "rxtx_cap": 0, "dns": ["192.0.2.53"],
   "ips": [{"ip": "10.20.0.5", "enabled": "1", "netmask": "255.255.255.0",
            "gateway": "10.20.0.1"}],
   "should_create_bridge": false, "should_create_vlan": false, "dhcp_server": "10.20.0.1",
   "gateway": "10.20.0.1", "gateway_v6": "fd00:10::1",
   "ip6s": [{"ip": "fd00:10::f816:3eff:fe12:3456", "enabled": "1", "netmask": 64,
             "gateway": "fd00:10::1"}]}]]
"""


def ip(address: str | None, use: str | None = None) -> IP:
    return IP(address=None if address is None else IPAddress(address), type=use)


def fixed(address: str, *floating: str) -> FixedIP:
    floating_ips = tuple(ip(one, "floating") for one in floating)
    return FixedIP(address=IPAddress(address), floating_ips=floating_ips)


def gateway(address: str | None) -> IP:
    return ip(address, "gateway")


def vif(*subnets: Subnet, **meta: Any) -> VIF:
    network = Network(id="net-1", bridge="", label="blue", subnets=subnets, meta=meta)
    return VIF(id="vif-1", address=mac_address("fa:16:3e:12:34:56"), network=network)


V4 = Subnet(
    cidr=IPNetwork("10.20.0.0/24"),
    gateway=gateway("10.20.0.1"),
    dns=(ip("192.0.2.53", "dns"),),
    ips=(fixed("10.20.0.5", "198.51.100.7"),),
    meta={"dhcp_server": "10.20.0.1"},
)
V6 = Subnet(
    cidr=IPNetwork("fd00:10::/64"),
    gateway=gateway("fd00:10::1"),
    ips=(fixed("fd00:10::f816:3eff:fe12:3456"),),
    meta={"dhcp_server": "fd00:10::1"},
)
BUILT = NetworkInfo(
    [
        VIF(
            id="5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11",
            address=mac_address("fa:16:3e:12:34:56"),
            network=Network(
                id="c0ffee00-1111-4222-8333-444455556666",
                bridge="",
                label="blue",
                subnets=(V4, V6),
                meta={"tenant_id": "tenant-a", "injected": True},
            ),
        )
    ]
)
BARE = VIF(id="vif-2", address=mac_address("fa:16:3e:00:00:02"))


def exactly(value: Any) -> str:
    """Text in which 0 and false differ."""
    return json.dumps(value, sort_keys=True)


# --- shape --------------------------------------------------------------------------------------


def test_r51_what_is_built_from_values_is_the_worked_example() -> None:
    assert exactly(json.loads(BUILT.json())) == exactly(json.loads(EXAMPLE))


@pytest.mark.parametrize(
    ("element", "keys"),
    [
        (BARE, "id address network"),
        (Network(id="net-1"), "id bridge label subnets"),
        (Subnet(), "cidr dns gateway ips routes version"),
        (IP(), "address type version"),
        (FixedIP(), "address type version floating_ips"),
        (Route(cidr=IPNetwork("10.99.0.0/16")), "cidr gateway interface"),
    ],
)
def test_r51_each_object_has_its_keys_and_meta(element: IP, keys: str) -> None:
    told = element.to_dict()
    assert set(told) == {*keys.split(), "meta"}
    assert told["meta"] == {}


def test_r51_absent_scalars_are_null_and_absent_lists_empty() -> None:
    assert Subnet().to_dict() == {
        "cidr": None, "version": None, "gateway": None, "dns": [], "ips": [], "routes": [],
        "meta": {},
    }  # fmt: skip
    assert Network.from_dict({"id": "net-1"}) == Network(id="net-1", bridge=None, label=None)


def test_r51_the_version_is_the_one_of_address_or_cidr() -> None:
    assert [ip("10.0.0.1").version, ip("fd00::1").version, ip(None).version] == [4, 6, None]
    cidrs = [IPNetwork("10.0.0.0/8"), IPNetwork("fd00::/64"), None]
    assert [Subnet(cidr=cidr).version for cidr in cidrs] == [4, 6, None]


def test_r51_a_version_given_without_an_address_is_kept() -> None:
    assert IP.from_dict({"version": 6}).to_dict()["version"] == 6


@pytest.mark.parametrize("read", [IP.from_dict, FixedIP.from_dict])
def test_r51_a_version_that_contradicts_the_address_is_refused(
    read: Callable[[object], IP],
) -> None:
    with pytest.raises(InvalidInput, match=r"must be 4 for 10\.0\.0\.1"):
        read({"address": "10.0.0.1", "version": 6})


def test_r51_a_fixed_ip_is_of_type_fixed_unless_told_otherwise() -> None:
    assert FixedIP.from_dict({}).to_dict() == {
        "address": None, "type": "fixed", "version": None, "floating_ips": [], "meta": {},
    }  # fmt: skip
    assert FixedIP.from_dict({"type": None}).type == "fixed"
    assert FixedIP.from_dict({"type": "floating"}).type == "floating"
    assert IP.from_dict({}).type is None


def test_r51_unknown_keys_are_merged_into_meta_and_win() -> None:
    read = IP.from_dict({"colour": "red", "meta": {"colour": "blue", "size": 3}})
    assert read.meta == {"colour": "red", "size": 3}
    assert read.get_meta("size") == 3
    assert read.get_meta("age") is None
    assert read.get_meta("age", 7) == 7


def test_r51_each_object_owns_a_fresh_meta() -> None:
    shared = {"a": 1}
    one, other = IP(meta=shared), IP(meta=shared)
    shared["a"] = 2
    one.to_dict()["meta"]["a"] = 3
    assert one.meta == other.meta == {"a": 1}
    assert IP().meta is not IP().meta


def test_r51_a_subnet_without_a_cidr_is_dropped() -> None:
    """D36: it leaked into network info, and counted as IPv6 in the legacy form."""
    network = Network(id="net-1", subnets=(Subnet(), V4))
    assert network.subnets == network.add_subnet(Subnet()).subnets == (V4,)
    assert Network.from_dict({"id": "net-1", "subnets": [{"cidr": None}]}).subnets == ()


def test_r51_a_mac_address_is_told_with_colons_however_it_was_written() -> None:
    assert VIF(id="vif-1", address=EUI("FA-16-3E-12-34-56")).to_dict()["address"] == (
        "fa:16:3e:12:34:56"
    )


def test_r51_an_address_is_in_a_subnet_only_if_both_are_known() -> None:
    assert ip("10.20.0.5").is_in_subnet(V4)
    assert not ip("10.21.0.5").is_in_subnet(V4)
    assert not ip("fd00:10::5").is_in_subnet(V4)
    assert not ip(None).is_in_subnet(V4)
    assert not ip("10.20.0.5").is_in_subnet(Subnet())


def test_r51_a_subnet_is_its_cidr_in_netaddr_terms() -> None:
    assert V4.as_netaddr() == IPNetwork("10.20.0.0/24")
    with pytest.raises(InvalidInput):
        Subnet().as_netaddr()


# --- equality -----------------------------------------------------------------------------------

OTHER_MAC = mac_address("fa:16:3e:00:00:09")
ROUTE = Route(cidr=IPNetwork("10.99.0.0/16"), gateway=gateway("10.20.0.254"))
NETWORK = Network(id="net-1", label="blue", subnets=(V4,), meta={"tenant_id": "tenant-a"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ip("10.0.0.1", "dns"), ip("10.0.0.1", "gateway")),
        (ip("10.0.0.1"), fixed("10.0.0.1", "198.51.100.7")),
        (fixed("10.0.0.1"), fixed("10.0.0.1", "198.51.100.7")),
        (V4, Subnet(cidr=V4.cidr, meta={"a": 1})),
        (BARE, VIF(id="vif-2", address=OTHER_MAC, network=NETWORK)),
        (NETWORK, copy.deepcopy(NETWORK)),
        (ROUTE, replace(ROUTE, meta={})),
    ],
)
def test_r52_equal_elements_are_not_unequal_and_hash_alike(one: object, other: object) -> None:
    assert one == other
    assert not one != other  # noqa: SIM202  # D36: this very operator gave another answer
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ip("10.0.0.1"), ip("10.0.0.2")),
        (ip("::a00:1"), ip("10.0.0.1")),
        (fixed("10.0.0.1"), ip(None)),
        (V4, V6),
        (V4, "10.20.0.0/24"),
        (BARE, replace(BARE, id="vif-3")),
        (BARE, "vif-2"),
        (NETWORK, replace(NETWORK, label="red")),
        (NETWORK, replace(NETWORK, meta={})),
        (NETWORK, replace(NETWORK, subnets=())),
        (ROUTE, replace(ROUTE, meta={"a": 1})),
        (ROUTE, replace(ROUTE, gateway=None)),
        (ROUTE, replace(ROUTE, interface="eth0")),
    ],
)
def test_r52_unequal_elements_are_not_equal(one: object, other: object) -> None:
    assert one != other
    assert not one == other  # noqa: SIM201  # D36: this very operator gave another answer


# --- hydrate ------------------------------------------------------------------------------------


def test_r53_hydrate_of_json_is_an_identity() -> None:
    again = NetworkInfo.hydrate(BUILT.json())
    assert again == BUILT
    assert again.to_list() == BUILT.to_list()
    assert exactly(NetworkInfo.hydrate(EXAMPLE).to_list()) == exactly(json.loads(EXAMPLE))


def test_r53_hydrate_takes_the_array_as_well_as_its_text() -> None:
    assert NetworkInfo.hydrate(json.loads(EXAMPLE)).to_list() == BUILT.to_list()
    assert NetworkInfo.hydrate("[]") == NetworkInfo.hydrate([]) == NetworkInfo()


def test_r53_hydrate_rebuilds_the_types_and_leaves_null_alone() -> None:
    (again,) = NetworkInfo.hydrate([vif(replace(V4, gateway=None, routes=(ROUTE,))).to_dict()])
    assert again.network is not None
    (subnet,) = again.network.subnets
    assert subnet.gateway is None
    assert subnet.routes == (ROUTE,)
    assert isinstance(subnet.ips[0], FixedIP)
    assert isinstance(subnet.ips[0].floating_ips[0], IP)
    assert NetworkInfo.hydrate([BARE.to_dict()])[0].network is None


def test_r53_network_info_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(BUILT)).to_list() == BUILT.to_list()  # noqa: S301  # our own


def test_r53_what_is_there_is_not_added_again() -> None:
    address = fixed("10.20.0.5", "198.51.100.7")
    more = address.add_floating_ip(ip("198.51.100.7")).add_floating_ip(ip("198.51.100.8"))
    assert [str(one) for one in more.floating_ip_addresses()] == ["198.51.100.7", "198.51.100.8"]
    assert V4.add_dns(ip("192.0.2.53")).dns == V4.dns
    assert V4.add_dns(ip("192.0.2.54")).dns == (*V4.dns, ip("192.0.2.54"))
    assert V4.add_ip(fixed("10.20.0.5")).ips == V4.ips
    assert V4.add_ip(fixed("10.20.0.6")).ips == (*V4.ips, fixed("10.20.0.6"))
    assert V4.add_route(ROUTE).add_route(ROUTE).routes == (ROUTE,)
    assert NETWORK.add_subnet(V4).add_subnet(V6).subnets == (V4, V6)


@pytest.mark.parametrize("address", ["10.0.0.256", "10.0.0", "10.0.0.1/24", "", 10, True, ["x"]])
def test_r53_an_address_that_is_none_is_named(address: object) -> None:
    with pytest.raises(InvalidIpAddressError) as caught:
        IP.from_dict({"address": address})
    assert str(address) in str(caught.value)


def spoiled(path: list[str | int], value: object) -> list[Any]:
    """Return the example with one value replaced."""
    info = json.loads(EXAMPLE)
    place = info
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return list(info)


SUBNET: list[str | int] = [0, "network", "subnets", 0]


@pytest.mark.parametrize(
    "info",
    [
        "", "{", "null", "7", "{}", '"text"', "[7]", "[null]", "[[]]", "[{}]", "[" * 100_000,
        '[{"id": "vif-1"}]', '[{"address": "fa:16:3e:12:34:56"}]',
        spoiled([0, "id"], None),
        spoiled([0, "id"], 7),
        spoiled([0, "address"], "fa:16:3e:12:34"),
        spoiled([0, "address"], 7),
        spoiled([0, "meta"], []),
        spoiled([0, "network"], "blue"),
        spoiled([0, "network", "id"], None),
        spoiled([0, "network", "label"], {}),
        spoiled([0, "network", "subnets"], {}),
        spoiled([0, "network", "subnets"], "10.20.0.0/24"),
        spoiled([0, "network", "subnets"], ["10.20.0.0/24"]),
        spoiled([*SUBNET, "cidr"], "10.20.0.0/33"),
        spoiled([*SUBNET, "cidr"], "10.20.0.0/a/b"),
        spoiled([*SUBNET, "cidr"], 24),
        spoiled([*SUBNET, "version"], 6),
        spoiled([*SUBNET, "version"], "4"),
        spoiled([*SUBNET, "gateway"], "10.20.0.1"),
        spoiled([*SUBNET, "dns"], False),
        spoiled([*SUBNET, "routes"], [{}]),
        spoiled([*SUBNET, "ips", 0, "type"], 7),
        spoiled([*SUBNET, "ips", 0, "floating_ips"], [None]),
    ],
)  # fmt: skip
def test_r53_what_cannot_be_network_info_is_refused_in_one_line(info: str | list[Any]) -> None:
    with pytest.raises(Invalid) as caught:
        NetworkInfo.hydrate(info)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


# --- legacy -------------------------------------------------------------------------------------


def test_r54_the_legacy_form_of_the_worked_example_is_the_one_specified() -> None:
    assert json.dumps(BUILT.legacy()) == json.dumps(json.loads(LEGACY_EXAMPLE))


def the_legacy(one: VIF) -> tuple[dict[str, Any], dict[str, Any]]:
    ((network, info),) = NetworkInfo([one]).legacy()
    return network, info


def test_r54_a_vif_without_network_or_subnets_is_left_out() -> None:
    assert NetworkInfo([BARE, vif(), vif(Subnet())]).legacy() == []
    assert len(NetworkInfo([BARE, *BUILT]).legacy()) == 1


def test_r54_a_network_without_an_ipv4_subnet_is_an_error_that_names_it() -> None:
    with pytest.raises(V4SubnetRequired, match="'net-1' has no IPv4 subnet"):
        NetworkInfo([vif(V6)]).legacy()


def test_r54_the_first_subnet_speaks_for_all_but_every_ipv4_address_is_told() -> None:
    second = Subnet(
        cidr=IPNetwork("10.21.0.0/16"),
        gateway=gateway("10.21.0.1"),
        dns=(ip("192.0.2.54"),),
        ips=(fixed("10.21.0.5"),),
        routes=(ROUTE,),
    )
    second_v6 = Subnet(cidr=IPNetwork("fd00:11::/48"), ips=(fixed("fd00:11::5"),))
    network, info = the_legacy(vif(V6, V4, second, second_v6))
    assert (network["cidr"], network["cidr_v6"]) == ("10.20.0.0/24", "fd00:10::/64")
    assert (info["broadcast"], info["gateway"], info["dns"]) == (
        "10.20.0.255", "10.20.0.1", ["192.0.2.53"],
    )  # fmt: skip
    assert info["ips"] == [
        {"ip": "10.20.0.5", "enabled": "1", "netmask": "255.255.255.0", "gateway": "10.20.0.1"},
        {"ip": "10.21.0.5", "enabled": "1", "netmask": "255.255.0.0", "gateway": "10.21.0.1"},
    ]
    assert [entry["ip"] for entry in info["ip6s"]] == ["fd00:10::f816:3eff:fe12:3456"]
    assert "routes" not in info


@pytest.mark.parametrize("missing", [None, gateway(None)])
def test_r54_a_missing_ipv4_gateway_has_no_key_of_its_own(missing: IP | None) -> None:
    _, info = the_legacy(vif(replace(V4, gateway=missing, meta={})))
    assert "gateway" not in info
    assert info["dhcp_server"] is None
    assert info["ips"][0]["gateway"] is None


def test_r54_an_ipv6_gateway_is_told_if_there_is_an_object_for_it() -> None:
    _, without = the_legacy(vif(V4, replace(V6, gateway=None)))
    assert "gateway_v6" not in without
    assert without["ip6s"][0]["gateway"] is None
    _, empty = the_legacy(vif(V4, replace(V6, gateway=gateway(None))))
    assert empty["gateway_v6"] is None


def test_r54_without_an_ipv6_subnet_nothing_is_said_of_ipv6() -> None:
    network, info = the_legacy(vif(V4))
    assert network["cidr_v6"] is None
    assert not {"gateway_v6", "ip6s"} & set(info)


def test_r54_the_dhcp_server_is_the_gateway_unless_meta_says_otherwise() -> None:
    _, told = the_legacy(vif(replace(V4, meta={"dhcp_server": "10.20.0.2"})))
    _, untold = the_legacy(vif(replace(V4, meta={})))
    assert (told["dhcp_server"], untold["dhcp_server"]) == ("10.20.0.2", "10.20.0.1")


def test_r54_meta_of_network_and_vif_fills_the_rest() -> None:
    one = vif(
        V4, vlan=7, multi_host=True, bridge_interface="eth1", should_create_bridge=True,
        should_create_vlan=True,
    )  # fmt: skip
    network, info = the_legacy(replace(one, meta={"rxtx_cap": 300}))
    assert (network["vlan"], network["multi_host"], network["injected"]) == (7, True, False)
    assert network["bridge_interface"] == "eth1"
    assert (info["should_create_bridge"], info["should_create_vlan"]) == (True, True)
    assert info["rxtx_cap"] == 300


def test_r54_a_route_is_told_with_a_netmask() -> None:
    _, info = the_legacy(vif(replace(V4, routes=(ROUTE,))))
    assert info["routes"] == [
        {"route": "10.99.0.0", "netmask": "255.255.0.0", "gateway": "10.20.0.254"}
    ]
    assert ROUTE.to_dict() == {
        "cidr": "10.99.0.0/16",
        "interface": None,
        "gateway": {"address": "10.20.0.254", "type": "gateway", "version": 4, "meta": {}},
        "meta": {},
    }


@pytest.mark.parametrize(
    ("cidr", "broadcast"), [("10.0.0.4/31", "10.0.0.5"), ("10.0.0.4/32", "10.0.0.4")]
)
def test_r54_the_broadcast_of_a_tiny_subnet_is_its_last_address(cidr: str, broadcast: str) -> None:
    _, info = the_legacy(vif(Subnet(cidr=IPNetwork(cidr))))
    assert info["broadcast"] == broadcast


# --- collectors ---------------------------------------------------------------------------------

OTHER_V4 = Subnet(
    cidr=IPNetwork("10.21.0.0/16"), ips=(fixed("10.21.0.5", "198.51.100.8", "198.51.100.9"),)
)


def texts(ips: list[FixedIP] | list[IP]) -> list[str]:
    return [str(one.address) for one in ips]


def test_r55_a_vif_collects_its_addresses_in_the_order_of_its_subnets() -> None:
    one = vif(V4, V6, OTHER_V4)
    assert texts(one.fixed_ips()) == ["10.20.0.5", "fd00:10::f816:3eff:fe12:3456", "10.21.0.5"]
    assert texts(one.floating_ips()) == ["198.51.100.7", "198.51.100.8", "198.51.100.9"]


def test_r55_a_vif_without_a_network_has_no_addresses() -> None:
    """D36: the original broke here."""
    assert BARE.fixed_ips() == []
    assert BARE.floating_ips() == []
    assert BARE.labeled_ips() == []


def test_r55_network_info_collects_over_its_vifs() -> None:
    info = NetworkInfo([vif(V4), BARE, vif(OTHER_V4)])
    assert texts(info.fixed_ips()) == ["10.20.0.5", "10.21.0.5"]
    assert texts(info.floating_ips()) == ["198.51.100.7", "198.51.100.8", "198.51.100.9"]


def test_r55_labeled_ips_are_flat_with_the_fixed_ones_first() -> None:
    assert vif(V4, V6).labeled_ips() == {
        "network_label": "blue",
        "network_id": "net-1",
        "ips": [
            {"address": "10.20.0.5", "type": "fixed", "version": 4, "meta": {}},
            {"address": "fd00:10::f816:3eff:fe12:3456", "type": "fixed", "version": 6, "meta": {}},
            {"address": "198.51.100.7", "type": "floating", "version": 4, "meta": {}},
        ],
    }


# --- any network info ---------------------------------------------------------------------------

words = st.text("abc é\u2028/:\"'", max_size=6)
metas = st.dictionaries(
    words,
    st.none() | st.booleans() | st.integers() | words | st.lists(words, max_size=2),
    max_size=2,
)
addresses = st.builds(IPAddress, st.integers(0, 2**32 - 1), st.just(4)) | st.builds(
    IPAddress, st.integers(0, 2**128 - 1), st.just(6)
)
cidrs = addresses.flatmap(
    lambda address: st.integers(0, 32 if address.version == 4 else 128).map(
        lambda length: IPNetwork(f"{address}/{length}").cidr
    )
)
macs = st.integers(0, 2**48 - 1).map(lambda bits: mac_address(EUI(bits, version=48)))


def tuples(elements: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(elements, max_size=2).map(tuple)


ips = st.builds(
    IP, address=st.none() | addresses, type=st.none() | words, version=st.none(), meta=metas
)
fixed_ips = st.builds(
    FixedIP,
    address=addresses,
    type=st.none() | words,
    version=st.none(),
    floating_ips=tuples(ips),
    meta=metas,
)
routes = st.builds(
    Route, cidr=cidrs, gateway=st.none() | ips, interface=st.none() | words, meta=metas
)
subnets = st.builds(
    Subnet,
    cidr=st.none() | cidrs,
    version=st.none(),
    gateway=st.none() | ips,
    dns=tuples(ips),
    ips=tuples(fixed_ips),
    routes=tuples(routes),
    meta=metas,
)
networks = st.builds(
    Network,
    id=words,
    bridge=st.none() | words,
    label=st.none() | words,
    subnets=tuples(subnets),
    meta=metas,
)
vifs = st.builds(VIF, id=words, address=macs, network=st.none() | networks, meta=metas)
infos = st.lists(vifs, max_size=2).map(NetworkInfo)


@given(infos)
def test_r53_hydrate_of_json_is_an_identity_for_any_network_info(info: NetworkInfo) -> None:
    again = NetworkInfo.hydrate(info.json())
    assert again == info
    assert exactly(again.to_list()) == exactly(info.to_list())


@given(infos)
def test_r54_the_legacy_form_of_any_network_info_is_json_or_a_missing_ipv4_subnet(
    info: NetworkInfo,
) -> None:
    shown = [one.network for one in info if one.network and one.network.subnets]
    complete = all(any(s.version == 4 for s in network.subnets) for network in shown)
    try:
        pairs = info.legacy()
    except V4SubnetRequired:
        assert not complete
    else:
        assert complete
        assert [pair[0]["id"] for pair in pairs] == [network.id for network in shown]
        assert json.loads(json.dumps(pairs)) == [list(pair) for pair in pairs]
