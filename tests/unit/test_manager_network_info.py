"""The reply given to compute, as the manager makes it of what store and IPAM know."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random

import pytest
import sqlalchemy as sa
from netaddr import IPAddress, IPNetwork
from oslo_config.cfg import ConfigOpts

from qplug.builtin.local_quantum import LocalQuantum
from qplug.builtin.random_mac import RandomMac
from qplug.db import connection_url
from qplug.errors import NetworkBusy
from qplug.model import NetworkRequest, Route, mac_address
from qplug.network_info import VIF, NetworkInfo
from qplug.store.tables import instances, networks, subnets
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.clock import Ids, Statements
from qplug.testing.values import DEFAULT_PROJECT, OTHER_PROJECT, PROJECT, call

MakeChain = Callable[..., RecordedChain]

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
       "gateway": {"address": "fd00:10::1", "type": "gateway", "version": 6, "meta": {}}, "dns": [],
       "ips": [{"address": "fd00:10::f816:3eff:fe12:3456", "type": "fixed", "version": 6,
                "meta": {}, "floating_ips": []}]}]}}]
"""

LEGACY = """
[[{"bridge": "", "id": "c0ffee00-1111-4222-8333-444455556666", "cidr": "10.20.0.0/24",
   "cidr_v6": "fd00:10::/64",
   "vlan": null, "injected": true, "multi_host": false, "bridge_interface": null},
  {"label": "blue", "broadcast": "10.20.0.255", "mac": "fa:16:3e:12:34:56",
   "vif_uuid": "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11", "rxtx_cap": 0, "dns": ["192.0.2.53"],
   "ips": [{"ip": "10.20.0.5", "enabled": "1", "netmask": "255.255.255.0",
            "gateway": "10.20.0.1"}],
   "should_create_bridge": false, "should_create_vlan": false, "dhcp_server": "10.20.0.1",
   "gateway": "10.20.0.1", "gateway_v6": "fd00:10::1",
   "ip6s": [{"ip": "fd00:10::f816:3eff:fe12:3456", "enabled": "1", "netmask": 64,
             "gateway": "fd00:10::1"}]}]]
"""


class Drawn(Random):
    """Draws the example's MAC address."""

    def randrange(self, *_: object) -> int:
        return 0x123456


@pytest.fixture
def quantum(conf: ConfigOpts) -> Iterator[LocalQuantum]:
    driver = LocalQuantum(conf)
    yield driver
    driver.close()


@pytest.fixture
def engine(conf: ConfigOpts) -> Iterator[sa.Engine]:
    """Return what looks into the tables, or changes them behind the manager's back."""
    engine = sa.create_engine(connection_url(conf))
    yield engine
    engine.dispose()


def cached(engine: sa.Engine) -> Sequence[str | None]:
    with engine.connect() as connection:
        return connection.execute(sa.select(instances.c.network_info)).scalars().all()


def test_the_worked_example_is_told_as_it_always_was(
    make_chain: MakeChain,
    conf: ConfigOpts,
    quantum: LocalQuantum,
    engine: sa.Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conf.set_override("flat_injected", True)
    ids = iter(["c0ffee00-1111-4222-8333-444455556666", "subnet-4", "subnet-6"])
    vif_id = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
    monkeypatch.setattr(Ids, "__call__", lambda _: next(ids, vif_id))
    chain = make_chain(quantum=quantum, mac=RandomMac(conf, rng=Drawn()))
    blue = chain.network("10.20.0.0/24", "fd00:10::/64", dns=["192.0.2.53"], project_id="tenant-a")
    fixed = IPAddress("10.20.0.5")
    chain.ipam.set_floating_ips(blue.id, fixed, IPAddress("198.51.100.7"))
    mine, wanted = instance("tenant-a"), NetworkRequest(network_id="blue", addresses=(fixed,))
    info = chain.admin.allocate_for_instance(mine, [wanted])
    assert info.to_list() == json.loads(EXAMPLE)
    assert json.loads(json.dumps(info.legacy())) == json.loads(LEGACY)
    assert chain.admin.get_instance_nw_info(mine.id).to_list() == json.loads(EXAMPLE)
    (kept,) = cached(engine)
    assert kept is not None
    assert NetworkInfo.hydrate(kept).to_list() == json.loads(EXAMPLE)


# --- vifs ---------------------------------------------------------------------------------------


def test_r44_the_vifs_of_the_store_are_told_in_order_of_creation(chain: RecordedChain) -> None:
    for number, label in enumerate(["c", "a", "b"]):
        chain.network(f"10.{number}.0.0/24", label=label)
    mine = instance()
    asked = [NetworkRequest(network_id=label) for label in ("b", "c", "a", "b")]
    made = chain.admin.allocate_for_instance(mine, asked)
    chain.journal.clear()
    again = chain.admin.get_instance_nw_info(mine.id)
    assert [vif.network.label for vif in again if vif.network] == ["b", "c", "a", "b"]
    assert again.json() == made.json()
    assert set(chain.journal.steps) == {"ipam.floating_ips"}  # nobody else is asked


def test_r47_a_vif_without_known_network_is_id_and_address_only() -> None:
    alone = VIF(id="5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11", address=mac_address("fa:16:3e:12:34:56"))
    info = NetworkInfo([alone])
    assert info.to_list() == [
        {"id": alone.id, "address": "fa:16:3e:12:34:56", "network": None, "meta": {}}
    ]
    assert NetworkInfo.hydrate(info.json()).to_list() == info.to_list()
    assert (info.fixed_ips(), info.legacy()) == ([], [])


def test_r47_a_vif_always_has_a_network_since_one_with_vifs_cannot_be_deleted(
    chain: RecordedChain,
) -> None:
    blue = chain.network()
    mine = instance()
    made = chain.admin.allocate_for_instance(mine)
    with pytest.raises(NetworkBusy):
        chain.admin.delete(blue.id)
    assert chain.admin.get_instance_nw_info(mine.id).json() == made.json()


def test_r50_a_network_that_the_project_no_longer_sees_does_not_break_it(
    chain: RecordedChain, engine: sa.Engine
) -> None:
    chain.network()
    mine = instance()
    made = chain.admin.allocate_for_instance(mine)
    chain.admin.disassociate("blue")
    assert chain.admin.get_instance_nw_info(mine.id).json() == made.json()
    with engine.begin() as connection:  # as if another project owned it now
        owner = {"project_id": OTHER_PROJECT, "owner": OTHER_PROJECT}
        connection.execute(networks.update().values(owner))
    assert chain.admin.get_instance_nw_info(mine.id).json() == made.json()
    assert chain.admin.deallocate_for_instance(mine.id) == []


# --- the cache ----------------------------------------------------------------------------------


def test_r45_the_reply_is_kept_as_json_and_made_again_where_it_is_missing(
    chain: RecordedChain, engine: sa.Engine
) -> None:
    chain.network()
    mine = instance()
    made = chain.admin.allocate_for_instance(mine)
    assert cached(engine) == [made.json()]
    with engine.begin() as connection:
        connection.execute(instances.update().values(network_info=None))
    chain.admin.get_instance_nw_info(mine.id)
    assert cached(engine) == [made.json()]


def test_r45_looking_at_what_has_not_changed_writes_nothing(
    chain: RecordedChain, statements: Statements
) -> None:
    chain.network()
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    statements.clear()
    chain.admin.get_instance_nw_info(mine.id)
    assert {statement.split()[0] for statement in statements} == {"SELECT"}


def test_r45_the_cache_follows_added_removed_and_floating_addresses(
    chain: RecordedChain, engine: sa.Engine
) -> None:
    blue = chain.network()
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    added = chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    assert cached(engine) == [chain.admin.get_instance_nw_info(mine.id).json()]
    chain.ipam.set_floating_ips(blue.id, added, IPAddress("198.51.100.7"))
    info = chain.admin.get_instance_nw_info(mine.id)
    assert [str(ip.address) for ip in info.floating_ips()] == ["198.51.100.7"]
    assert cached(engine) == [info.json()]
    chain.admin.remove_fixed_ip_from_instance(mine.id, added)
    assert cached(engine) == [chain.admin.get_instance_nw_info(mine.id).json()]
    kept = NetworkInfo.hydrate(cached(engine)[0] or "")
    assert [str(ip.address) for ip in kept.fixed_ips()] == ["10.0.0.2"]


def test_r45_what_was_read_before_a_change_is_not_kept_after_it(
    chain: RecordedChain, engine: sa.Engine
) -> None:
    chain.network()
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    reader = chain.manager.instances
    before = reader.get(call(), mine.id)
    chain.admin.add_fixed_ip_to_instance(mine.id, "blue")
    (newest,) = cached(engine)
    reader.network_info(call(), replace(before, network_info=None))
    assert cached(engine) == [newest]


# --- what it says -------------------------------------------------------------------------------


def allocated(chain: RecordedChain, **rest: object) -> NetworkInfo:
    return chain.admin.allocate_for_instance(instance(**rest))  # type: ignore[arg-type]  # fields of their own types


@pytest.mark.parametrize("injected", [False, True])
def test_r46_bridge_injected_and_tenant(
    chain: RecordedChain, conf: ConfigOpts, injected: bool
) -> None:
    conf.set_override("flat_injected", injected)
    chain.network("10.1.0.0/24", label="own", priority=1)
    chain.network("10.2.0.0/24", label="everybodys", priority=2, project_id=None)
    own, everybodys = (vif.network for vif in allocated(chain))
    assert own is not None
    assert everybodys is not None
    assert (own.bridge, everybodys.bridge) == ("", "")
    extra = {"injected": True} if injected else {}
    assert own.meta == {"tenant_id": PROJECT} | extra
    assert everybodys.meta == {"tenant_id": DEFAULT_PROJECT} | extra


def test_r48_each_address_is_in_the_subnet_that_contains_it(chain: RecordedChain) -> None:
    blue = chain.network("10.2.0.0/24", "10.1.0.0/24", "fd00:1::/64", "fd00:2::/112")
    mine = instance()
    chain.admin.allocate_for_instance(mine)
    chain.admin.add_fixed_ip_to_instance(mine.id, "blue", address=IPAddress("10.2.0.99"))
    for fixed in ("10.2.0.99", "10.1.0.2"):
        floating = IPAddress("198.51.100.1"), IPAddress("198.51.100.2")
        chain.ipam.set_floating_ips(blue.id, IPAddress(fixed), *floating)
    (vif,) = chain.admin.get_instance_nw_info(mine.id)
    assert vif.network is not None
    found = {
        str(subnet.cidr): [str(ip.address) for ip in subnet.ips] for subnet in vif.network.subnets
    }
    assert found == {
        "10.1.0.0/24": ["10.1.0.2"],
        "10.2.0.0/24": ["10.2.0.2", "10.2.0.99"],
        "fd00:1::/64": ["fd00:1::f816:3eff:fe00:1"],
        "fd00:2::/112": ["fd00:2::2"],
    }
    with_floating = [str(ip.address) for ip in vif.fixed_ips() if ip.floating_ips]
    assert with_floating == ["10.1.0.2", "10.2.0.99"]
    (first, _) = [ip for ip in vif.fixed_ips() if ip.floating_ips]
    assert [(str(ip.address), ip.type) for ip in first.floating_ips] == [
        ("198.51.100.1", "floating"),
        ("198.51.100.2", "floating"),
    ]


def test_r49_name_servers_go_to_the_subnets_of_their_version(chain: RecordedChain) -> None:
    servers = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    chain.network("10.0.0.0/24", "fd00::/64", dns=servers)
    (vif,) = allocated(chain)
    assert vif.network is not None
    v4, v6 = vif.network.subnets
    assert [str(ip.address) for ip in v4.dns] == servers[:2]
    assert [str(ip.address) for ip in v6.dns] == servers[2:]


def test_r49_routes_are_told_with_their_gateways(chain: RecordedChain, engine: sa.Engine) -> None:
    chain.network()
    route = Route(cidr=IPNetwork("10.99.0.0/16"), gateway=IPAddress("10.0.0.254"))
    with engine.begin() as connection:
        text = json.dumps([[str(route.cidr), str(route.gateway)]])
        connection.execute(subnets.update().values(routes=text))
    (vif,) = allocated(chain)
    assert vif.network is not None
    assert [each.to_dict() for each in vif.network.subnets[0].routes] == [
        {
            "cidr": "10.99.0.0/16",
            "interface": None,
            "gateway": {"address": "10.0.0.254", "type": "gateway", "version": 4, "meta": {}},
            "meta": {},
        }
    ]


def test_r49_the_dhcp_server_is_told_only_where_there_is_dhcp(make_chain: MakeChain) -> None:
    for dhcp, meta in (({}, {"dhcp_server": "10.0.0.1"}), ({"dhcp": "null"}, {})):
        chain = make_chain(**dhcp)
        made = chain.network()
        (vif,) = allocated(chain)
        assert vif.network is not None
        assert vif.network.subnets[0].meta == meta
        chain.admin.deallocate_for_instance(chain.holdings()["qplug_instances"][0]["id"])
        chain.admin.delete(made.id)


def test_r49_without_a_gateway_there_is_none_but_the_dhcp_server(chain: RecordedChain) -> None:
    chain.network("10.0.0.0/24", no_gateway=(4,))
    (vif,) = allocated(chain)
    assert vif.network is not None
    assert vif.network.subnets[0].gateway is None
    assert vif.network.subnets[0].meta == {"dhcp_server": "10.0.0.1"}


@pytest.mark.parametrize(
    ("base", "factor", "meta"),
    [(None, 2.0, {}), (1, 0.5, {}), (100, 1.0, {"rxtx_cap": 100}), (3, 2.5, {"rxtx_cap": 7})],
)
def test_r49_the_bandwidth_cap_is_base_times_factor(
    chain: RecordedChain, base: int | None, factor: float, meta: dict[str, int]
) -> None:
    chain.network(rxtx_base=base)
    (vif,) = allocated(chain, rxtx_factor=factor)
    assert vif.meta == meta
