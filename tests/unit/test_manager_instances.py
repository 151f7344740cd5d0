"""Allocating the vifs of an instance: on which networks, in which order, and from whom."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.builtin.random_mac import RandomMac
from qplug.contracts import IpamDriver
from qplug.errors import (
    AmbiguousLabel,
    DriversChanged,
    InvalidInput,
    NetworkNotFound,
    NoMoreMacs,
    VirtualInterfaceMacAddressException,
)
from qplug.model import Network, NetworkRequest
from qplug.network_info import NetworkInfo
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.clock import Clock
from qplug.testing.values import DEFAULT_PROJECT, OTHER_PROJECT, PROJECT

MakeChain = Callable[..., RecordedChain]


def labels(info: NetworkInfo) -> list[str | None]:
    return [vif.network.label for vif in info if vif.network]


def on(*networks: Network | str) -> list[NetworkRequest]:
    names = [each if isinstance(each, str) else each.id for each in networks]
    return [NetworkRequest(network_id=name) for name in names]


# --- which networks -----------------------------------------------------------------------------


def test_r27_by_default_an_instance_has_all_networks_lowest_priority_first(
    chain: RecordedChain,
) -> None:
    chain.network("10.1.0.0/24", label="last", priority=7)
    chain.network("10.2.0.0/24", label="middle", priority=-1, project_id=None)
    chain.network("10.3.0.0/24", label="first", priority=None)
    chain.network("10.4.0.0/24", label="foreign", project_id=OTHER_PROJECT)
    info = chain.admin.allocate_for_instance(instance())
    assert labels(info) == ["first", "middle", "last"]


def test_r28_of_equal_priority_a_projects_networks_come_before_global_ones(
    make_chain: MakeChain, clock: Clock, each_ipam: IpamDriver
) -> None:
    chain = make_chain(ipam=each_ipam)
    for number, (label, owner) in enumerate([("g1", None), ("p1", PROJECT), ("g2", None)]):
        chain.network(f"10.{number}.0.0/24", label=label, project_id=owner, priority=0)
        clock.advance(1)
    assert labels(chain.admin.allocate_for_instance(instance())) == ["p1", "g1", "g2"]


def test_r29_requested_networks_are_those_and_in_that_order(chain: RecordedChain) -> None:
    one = chain.network("10.1.0.0/24", label="one", priority=1)
    two = chain.network("10.2.0.0/24", label="two", priority=2)
    chain.network("10.3.0.0/24", label="three")
    info = chain.admin.allocate_for_instance(instance(), on(two, "one"))
    assert labels(info) == ["two", "one"]
    assert [vif.network.id for vif in info if vif.network] == [two.id, one.id]


def test_r29_an_empty_list_of_requested_networks_stands_for_the_default(
    chain: RecordedChain,
) -> None:
    chain.network("10.1.0.0/24", label="one")
    assert labels(chain.admin.allocate_for_instance(instance(), [])) == ["one"]


def test_the_same_network_twice_is_two_vifs(chain: RecordedChain) -> None:
    blue = chain.network()
    first, second = chain.admin.allocate_for_instance(instance(), on(blue, blue))
    assert [str(ip.address) for ip in first.fixed_ips()] == ["10.0.0.2"]
    assert [str(ip.address) for ip in second.fixed_ips()] == ["10.0.0.3"]
    assert first.id != second.id
    assert first.address != second.address


def test_without_any_network_an_instance_has_an_empty_info(chain: RecordedChain) -> None:
    chain.network(project_id=OTHER_PROJECT)
    alone = instance()
    assert chain.admin.allocate_for_instance(alone).json() == "[]"
    assert chain.admin.get_instance_nw_info(alone.id) == ()
    assert chain.admin.deallocate_for_instance(alone.id) == []
    assert chain.holdings()["qplug_instances"] == []


def test_a_network_that_the_project_cannot_see_is_not_found(chain: RecordedChain) -> None:
    foreign, before = chain.network(project_id=OTHER_PROJECT), chain.holdings()
    for name in (foreign.id, foreign.label, "nowhere"):
        with pytest.raises(NetworkNotFound) as raised:
            chain.admin.allocate_for_instance(instance(), on(name))
        assert raised.value.network == name
    assert chain.holdings() == before


def test_a_label_of_two_visible_networks_is_ambiguous(chain: RecordedChain) -> None:
    own = chain.network("10.1.0.0/24", label="blue")
    everybodys = chain.network("10.2.0.0/24", label="blue", project_id=None)
    with pytest.raises(AmbiguousLabel) as raised:
        chain.admin.allocate_for_instance(instance(), on("blue"))
    assert set(raised.value.networks) == {own.id, everybodys.id}


def test_a_network_made_with_another_driver_is_refused(
    chain: RecordedChain, make_chain: MakeChain, conf: ConfigOpts
) -> None:
    chain.network()
    before = chain.holdings()
    conf.set_override("driver", "other", "dhcp")
    with pytest.raises(DriversChanged):
        make_chain().admin.allocate_for_instance(instance())
    assert chain.holdings() == before


# --- the steps ----------------------------------------------------------------------------------


def test_r30_on_a_global_network_quantum_sees_the_default_project_else_the_owner(
    make_chain: MakeChain, each_ipam: IpamDriver
) -> None:
    chain = make_chain(ipam=each_ipam)
    everybodys = chain.network("10.1.0.0/24", label="everybodys", project_id=None)
    own = chain.network("10.2.0.0/24", label="own")
    chain.admin.allocate_for_instance(instance(), on(everybodys, own))
    asked = [entry.args["project_id"] for entry in chain.journal.of("quantum.attach_port")]
    assert asked == [DEFAULT_PROJECT] * 2 + [PROJECT] * 2  # a vif's and a gateway's port each


def test_r31_each_network_gets_vif_addresses_port_and_dhcp_in_that_order(
    chain: RecordedChain,
) -> None:
    chain.network("10.1.0.0/24", label="one", priority=1)
    chain.network("10.2.0.0/24", label="two", priority=2)
    chain.journal.clear()
    info = chain.admin.allocate_for_instance(instance())
    one = [
        "mac.allocate",
        "ipam.allocate",
        "quantum.attach_port",
        "quantum.port_by_attachment",
        "l3.enable_gateway",
        "quantum.attach_port",
        "dhcp.apply",
    ]
    assert list(chain.journal.steps) == one * 2 + ["ipam.floating_ips"] * 2
    attached = [e.args["request"].attachment for e in chain.journal.of("quantum.attach_port")]
    assert attached[::2] == [vif.id for vif in info]  # before that of the gateway


def test_r32_a_port_is_told_of_its_vif_and_instance(chain: RecordedChain) -> None:
    chain.network()
    mine = instance(host="compute-1", zone="east", rxtx_factor=2.5)
    (vif,) = chain.admin.allocate_for_instance(mine)
    request = chain.journal.of("quantum.attach_port")[0].args["request"]
    assert (request.attachment, request.mac) == (vif.id, vif.address)
    assert (request.instance_id, request.host, request.zone) == (mine.id, "compute-1", "east")
    assert request.rxtx_factor == 2.5
    assert request.address_pairs == ()
    assert request.addresses == (IPAddress("10.0.0.2"),)


def test_r33_without_a_zone_the_port_is_told_the_nodes(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    conf.set_override("node_availability_zone", "west")
    chain.network()
    chain.admin.allocate_for_instance(instance())
    assert chain.journal.of("quantum.attach_port")[0].args["request"].zone == "west"


def test_r35_a_dhcp_network_with_one_instance_has_two_ports(chain: RecordedChain) -> None:
    blue = chain.network()
    (vif,) = chain.admin.allocate_for_instance(instance())
    (ports,) = chain.holdings()["ports"]
    assert sorted(port.attachment for port in ports.values()) == sorted(
        [vif.id, blue.gateway_device]
    )
    assert [str(ip) for ip in chain.dhcp.served[blue.id][vif.id].addresses] == ["10.0.0.2"]


def test_r38_without_port_security_there_are_no_address_pairs(
    chain: RecordedChain, conf: ConfigOpts
) -> None:
    conf.set_override("port_security_link_local", True, "quantum")  # means nothing alone
    chain.network("10.0.0.0/24", "fd00::/64")
    chain.admin.allocate_for_instance(instance())
    assert chain.journal.of("quantum.attach_port")[0].args["request"].address_pairs == ()


@pytest.mark.parametrize("link_local", [False, True])
def test_r39_with_port_security_each_address_is_paired_with_the_mac(
    chain: RecordedChain, conf: ConfigOpts, link_local: bool
) -> None:
    conf.set_override("port_security", True, "quantum")
    conf.set_override("port_security_link_local", link_local, "quantum")
    chain.network("10.0.0.0/24", "fd00::/64")
    (vif,) = chain.admin.allocate_for_instance(instance())
    pairs = chain.journal.of("quantum.attach_port")[0].args["request"].address_pairs
    assert {pair.mac for pair in pairs} == {vif.address}
    given = ["10.0.0.2", "fd00::f816:3eff:fe00:1"]
    assert [str(pair.address) for pair in pairs] == given + ["fe80::f816:3eff:fe00:1"] * link_local


# --- MAC addresses ------------------------------------------------------------------------------


class Stuck(Random):
    """Draws the same number for ever."""

    def randrange(self, *_: object) -> int:
        return 0x123456


def test_r41_when_every_mac_drawn_is_taken_only_the_failing_instance_leaves_no_trace(
    make_chain: MakeChain, conf: ConfigOpts
) -> None:
    chain = make_chain(mac=RandomMac(conf, rng=Stuck()))
    conf.set_override("unique_attempts", 3, "mac")
    chain.network()
    chain.admin.allocate_for_instance(instance())
    before = chain.holdings()
    with pytest.raises(VirtualInterfaceMacAddressException) as raised:
        chain.admin.allocate_for_instance(instance())
    assert raised.value.attempts == 3
    assert chain.holdings() == before


def test_r43_a_vif_has_the_mac_that_the_driver_gave(chain: RecordedChain) -> None:
    chain.network()
    mine = instance()
    (vif,) = chain.admin.allocate_for_instance(mine)
    assert chain.mac.given == {vif.id: vif.address}
    assert [each.mac for each in chain.admin.get_vifs_by_instance(mine.id)] == [vif.address]


def test_a_mac_driver_with_nothing_left_is_told_of(chain: RecordedChain) -> None:
    chain.network()
    before = chain.holdings()
    chain.journal.fail("mac.allocate", NoMoreMacs("recording"))
    with pytest.raises(NoMoreMacs):
        chain.admin.allocate_for_instance(instance())
    assert chain.holdings() == before


# --- what can never be right --------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "no uuid"},
        {"id": ""},
        {"project_id": ""},
        {"project_id": "a\x00b"},
        {"project_id": "p" * 300},
        {"name": "a\nb"},
        {"name": "n" * 300},
        {"zone": "\x1b[31mred"},
        {"zone": "z" * 300},
        {"host": "h\x07"},
        {"host": "h" * 300},
        {"rxtx_factor": 0.0},
        {"rxtx_factor": -1.0},
        {"rxtx_factor": float("nan")},
        {"rxtx_factor": float("inf")},
    ],
    ids=repr,
)
def test_an_instance_with_a_malformed_value_is_refused(
    chain: RecordedChain, wrong: dict[str, Any]
) -> None:
    chain.network()
    before = chain.holdings()
    chain.journal.clear()
    with pytest.raises(InvalidInput) as raised:
        chain.admin.allocate_for_instance(instance(**wrong))
    assert str(raised.value).isprintable()
    assert (chain.journal.steps, chain.holdings()) == ([], before)


def test_an_instances_id_may_be_spelt_in_capitals(chain: RecordedChain) -> None:
    chain.network()
    mine = instance()
    made = chain.admin.allocate_for_instance(instance(id=mine.id.upper()))
    assert chain.admin.get_instance_nw_info(mine.id).json() == made.json()
