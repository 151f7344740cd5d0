"""What a network may be asked for with, and the arguments of 2012."""

import logging
import os
import string
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.config import load_config
from qplug.errors import CidrConflict, InvalidInput
from qplug.factory import create_manager
from qplug.manager import Context, Manager, NetworkSpec
from qplug.manager.requests import MAX_NUMBER
from qplug.model import Network
from qplug.testing.chain import RecordedChain
from qplug.testing.fixtures import IN_MEMORY, ApiOf
from qplug.testing.values import PROJECT, network_spec

TWO = ("10.0.0.0/24", "fd00::/64")


@pytest.fixture
def admin(manager: Manager, api_of: ApiOf) -> NetworkApi:
    return api_of(manager)


def wrong(*cidrs: str, id: str, **rest: Any) -> Any:  # noqa: A002  # as pytest.param calls it
    return pytest.param(network_spec(*cidrs, **rest), id=id)


# --- cidrs and addresses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        wrong(id="no cidr"),
        wrong("10.0.0.1/24", id="host bits"),
        wrong("fd00::1/64", id="host bits of IPv6"),
        wrong("224.0.0.0/24", id="multicast"),
        wrong("ff02::/64", id="multicast of IPv6"),
        wrong("127.0.0.0/8", id="loopback"),
        wrong("10.0.0.0/24", "10.1.0.1/24", id="host bits in the second"),
        wrong(*TWO, gateways=["10.0.1.1"], id="gateway elsewhere"),
        wrong(*TWO, gateways=["fd01::1"], id="IPv6 gateway elsewhere"),
        wrong("10.0.0.0/24", gateways=["fd00::1"], id="gateway of the other version"),
        wrong(*TWO, gateways=["10.0.0.1", "10.0.0.2"], id="two gateways"),
        wrong(*TWO, gateways=["10.0.0.1", "10.0.0.1"], id="the same gateway twice"),
        wrong(*TWO, gateways=["10.0.0.0"], id="gateway is the network address"),
        wrong(*TWO, gateways=["10.0.0.255"], id="gateway is the broadcast address"),
        wrong(*TWO, pools=["10.0.1.1-10.0.1.9"], id="pool elsewhere"),
        wrong(*TWO, pools=["10.0.0.200-10.0.1.9"], id="pool across the end"),
        wrong(*TWO, pools=["9.255.255.250-10.0.0.9"], id="pool across the start"),
        wrong(*TWO, pools=["fd01::-fd01::9"], id="IPv6 pool elsewhere"),
        wrong(*TWO, pools=["10.0.0.5-10.0.0.9", "10.0.0.9-10.0.0.12"], id="pools that overlap"),
        wrong(*TWO, pools=["10.0.0.5-10.0.0.9", "10.0.0.5-10.0.0.9"], id="the same pool twice"),
        wrong(*TWO, reserved=["10.0.1.1"], id="reservation elsewhere"),
        wrong(*TWO, reserved=["fd00::1-fd00:0:0:1::1"], id="reservation across the end"),
        wrong("10.0.0.0/24", dns=["2620:fe::fe"], id="name server nobody can reach"),
        wrong("fd00::/64", dns=["9.9.9.9"], id="name server nobody can reach from IPv6"),
    ],
)
def test_what_can_never_be_a_network_is_refused_before_anything_is_done(
    spec: NetworkSpec, chain: RecordedChain
) -> None:
    with pytest.raises(InvalidInput) as error:
        chain.admin.create(spec)
    assert len(str(error.value).splitlines()) == 1
    assert chain.journal.steps == []
    assert chain.admin.get_all() == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.0/24", "10.0.0.0/24"),
        ("10.0.0.0/16", "10.0.9.0/24"),
        ("10.0.9.0/24", "10.0.0.0/16"),
        ("fd00::/48", "fd00:0:0:9::/64"),
        ("0.0.0.0/0", "10.0.0.0/8"),
    ],
)
def test_cidrs_of_one_network_may_not_overlap(one: str, other: str, admin: NetworkApi) -> None:
    with pytest.raises(CidrConflict) as error:
        admin.create(network_spec("192.0.2.0/24", one, "2001:db8::/64", other))
    assert {error.value.cidr, error.value.other} == {one, other}
    assert admin.get_all() == []


def test_everything_is_given_to_the_subnet_that_contains_it(admin: NetworkApi) -> None:
    made = admin.create(
        network_spec(
            "fd00::/64",
            "10.1.0.0/24",
            "10.0.0.0/24",
            gateways=["10.1.0.254", "fd00::ffff"],
            pools=["10.1.0.100-10.1.0.200", "10.0.0.10-10.0.0.20", "10.0.0.5"],
            reserved=["10.0.0.15", "fd00::5-fd00::9"],
            dns=["9.9.9.9", "2620:fe::fe"],
        )
    )
    first, second, sixth = made.subnets
    assert [str(subnet.cidr) for subnet in made.subnets] == [
        "10.0.0.0/24",
        "10.1.0.0/24",
        "fd00::/64",
    ]
    assert [str(s.gateway) for s in made.subnets] == ["10.0.0.1", "10.1.0.254", "fd00::ffff"]
    assert list(map(str, first.pools)) == ["10.0.0.5-10.0.0.5", "10.0.0.10-10.0.0.20"]
    assert list(map(str, second.pools)) == ["10.1.0.100-10.1.0.200"]
    assert list(map(str, first.reserved)) == ["10.0.0.15-10.0.0.15"]
    assert list(map(str, sixth.reserved)) == ["fd00::5-fd00::9"]
    assert [list(map(str, s.dns)) for s in made.subnets] == [
        ["9.9.9.9"],
        ["9.9.9.9"],
        ["2620:fe::fe"],
    ]
    assert admin.get("blue") == made


def test_versions_can_do_without_gateway_each_for_itself(admin: NetworkApi) -> None:
    spec = network_spec("10.0.0.0/24", "10.1.0.0/24", "fd00::/64", no_gateway=(4,))
    gateways = [subnet.gateway for subnet in admin.create(spec).subnets]
    assert [str(gateway) for gateway in gateways] == ["None", "None", "fd00::1"]


def test_a_gateway_that_is_said_is_one_even_where_others_have_none(admin: NetworkApi) -> None:
    spec = network_spec("10.0.0.0/24", "10.1.0.0/24", no_gateway=(4,), gateways=["10.1.0.9"])
    assert [str(s.gateway) for s in admin.create(spec).subnets] == ["None", "10.1.0.9"]


@pytest.mark.parametrize("gateway", ["10.0.0.0", "10.0.0.1"])
def test_both_addresses_of_a_point_to_point_subnet_can_be_the_gateway(
    gateway: str, admin: NetworkApi
) -> None:
    """RFC 3021: a /31 has neither network nor broadcast address."""
    made = admin.create(network_spec("10.0.0.0/31", gateways=[gateway]))
    assert str(made.subnets[0].gateway) == gateway


# --- texts and numbers --------------------------------------------------------------------------

NO_TEXT = ["", " ", " a", "a ", "a\n", "a\tb", "\x00", "a\x1b[31m", "a\u202eb", "\ud800", "x" * 256]


@pytest.mark.parametrize("what", ["label", "project_id", "zone"])
@pytest.mark.parametrize("text", NO_TEXT, ids=ascii)
def test_texts_must_print_on_one_line(what: str, text: str, admin: NetworkApi) -> None:
    with pytest.raises(InvalidInput) as error:
        admin.create(network_spec("10.0.0.0/24", **{what: text}))
    assert str(error.value).isprintable()
    assert admin.get_all() == []


@pytest.mark.parametrize(
    "label",
    [
        "a=b",
        "=",
        "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11",
        "5B0F2C1E-7A44-4A0E-9D53-6F1F0C2B8E11",
        "5b0f2c1e7a444a0e9d536f1f0c2b8e11",
        "{5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11}",
        "urn:uuid:5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11",
    ],
)
def test_a_label_can_be_taken_neither_for_an_id_nor_for_a_request(
    label: str, admin: NetworkApi
) -> None:
    with pytest.raises(InvalidInput, match="label"):
        admin.create(network_spec("10.0.0.0/24", label=label))


@pytest.mark.parametrize(
    "label", ["a", "x" * 255, "Grüße 北京 🙂", "a/b", "-h", "10.0.0.0/24", "'"]
)
def test_any_other_label_is_kept_as_it_is(label: str, admin: NetworkApi) -> None:
    made = admin.create(network_spec("10.0.0.0/24", label=label))
    assert admin.get(label) == made
    assert made.label == label


@pytest.fixture(scope="module")
def cells() -> Iterator[Callable[[str], Network | None]]:
    """Return what makes a network of that label in a project of its own, on one long-lived chain.

    It answers with the network found by the label, or with nothing if the label was refused.
    """
    conf = load_config([os.devnull])
    conf.set_override("connection", "sqlite://", "database")
    for kind, name in IN_MEMORY.items():
        conf.set_override("driver", name, kind)
    manager = create_manager(conf)

    def make(label: str) -> Network | None:
        project = str(uuid4())
        api = NetworkApi(manager, Context(project_id=project))
        try:
            made = api.create(network_spec("10.0.0.0/24", label=label, project_id=project))
        except InvalidInput:
            assert api.get_all() == []
            return None
        assert api.get(label) == made == api.get(made.id)
        return made

    yield make
    manager.close()


@settings(deadline=None)
@given(label=st.text(max_size=300))
def test_a_label_of_any_text_is_refused_or_found_again(
    label: str, cells: Callable[[str], Network | None]
) -> None:
    made = cells(label)
    assert made is None or made.label == label


@settings(deadline=None, max_examples=50)
@given(label=st.text(string.ascii_letters + string.digits + "-_.:/ äß", min_size=1, max_size=30))
def test_a_label_of_usual_characters_is_kept(
    label: str, cells: Callable[[str], Network | None]
) -> None:
    assert (cells(label) is not None) is (label == label.strip())


@pytest.mark.parametrize("uuid", ["", "blue", "5b0f2c1e", "../../etc/passwd", "\x00", "x" * 300])
def test_a_uuid_to_adopt_must_be_one(uuid: str, chain: RecordedChain) -> None:
    with pytest.raises(InvalidInput, match="network") as error:
        chain.network(uuid=uuid)
    assert len(str(error.value)) < 300
    assert chain.journal.steps == []


@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("priority", MAX_NUMBER + 1),
        ("priority", -MAX_NUMBER - 1),
        ("priority", 10**40),
        ("rxtx_base", 0),
        ("rxtx_base", -5),
        ("rxtx_base", MAX_NUMBER + 1),
    ],
)
def test_numbers_must_fit_into_every_database(what: str, number: int, admin: NetworkApi) -> None:
    given: dict[str, Any] = {what: number}
    with pytest.raises(InvalidInput, match=what):
        admin.create(network_spec("10.0.0.0/24", **given))


@pytest.mark.parametrize("number", [None, 0, -MAX_NUMBER, MAX_NUMBER])
def test_a_priority_is_kept(number: int | None, admin: NetworkApi) -> None:
    admin.create(network_spec("10.0.0.0/24", priority=number))
    assert admin.get("blue").priority == number


# --- the arguments of 2012 ----------------------------------------------------------------------


def test_a_network_of_2012_has_both_versions_and_their_name_servers(admin: NetworkApi) -> None:
    admin.create_networks(
        label="blue",
        cidr="10.0.0.0/24",
        cidr_v6="fd00::/64",
        gateway="10.0.0.254",
        gateway_v6="fd00::fe",
        dns1="9.9.9.9",
        dns2="2620:fe::fe",
        project_id=PROJECT,
        multi_host=None,
        num_networks=1,
    )
    made = admin.get("blue")
    assert [str(s.cidr) for s in made.subnets] == ["10.0.0.0/24", "fd00::/64"]
    assert [str(s.gateway) for s in made.subnets] == ["10.0.0.254", "fd00::fe"]
    assert [[str(a) for a in s.dns] for s in made.subnets] == [["9.9.9.9"], ["2620:fe::fe"]]
    assert (made.project_id, made.priority) == (PROJECT, 0)


def test_an_absent_priority_is_0_and_none_is_none(admin: NetworkApi) -> None:
    admin.create_networks(label="absent", cidr="10.0.0.0/24")
    admin.create_networks(label="none", cidr="10.1.0.0/24", priority=None)
    assert [network.priority for network in (admin.get("absent"), admin.get("none"))] == [0, None]


def test_empty_texts_of_2012_are_left_out(admin: NetworkApi) -> None:
    admin.create_networks(label="blue", cidr="10.0.0.0/24", cidr_v6="", gateway="", dns1="")
    assert len(admin.get("blue").subnets) == 1


@pytest.mark.parametrize(
    "argument",
    [{"multi_host": True}, {"num_networks": 2}, {"num_networks": 0}, {"num_networks": -1}],
    ids=str,
)
def test_r11_another_multi_host_than_configured_and_several_networks_are_rejected(
    argument: dict[str, Any], admin: NetworkApi
) -> None:
    """R11: the sentence says what is possible."""
    with pytest.raises(InvalidInput, match=next(iter(argument))):
        admin.create_networks(label="blue", cidr="10.0.0.0/24", **argument)
    assert admin.get_all() == []


def test_r11_multi_host_is_what_the_option_says(admin: NetworkApi, conf: ConfigOpts) -> None:
    """R11: read when it is used."""
    conf.set_override("multi_host", True)
    admin.create_networks(label="blue", cidr="10.0.0.0/24", multi_host=True)
    with pytest.raises(InvalidInput):
        admin.create_networks(label="green", cidr="10.1.0.0/24", multi_host=False)


@pytest.mark.parametrize(
    "argument",
    [
        {"network_size": 16},
        {"vlan_start": 7},
        {"vpn_start": 7},
        {"bridge": "br0"},
        {"bridge_interface": "eth0"},
        {"fixed_cidr": "10.0.0.0/25"},
    ],
    ids=str,
)
def test_r12_what_has_no_meaning_here_is_warned_about(
    argument: dict[str, Any], admin: NetworkApi, caplog: pytest.LogCaptureFixture
) -> None:
    """R12: and the network is made."""
    with caplog.at_level(logging.WARNING, "qplug"):
        admin.create_networks(label="blue", cidr="10.0.0.0/24", **argument)
    (warning,) = caplog.messages
    assert next(iter(argument)) in warning
    assert admin.get("blue").label == "blue"


def test_r12_what_equals_the_options_is_not_warned_about(
    admin: NetworkApi, conf: ConfigOpts, caplog: pytest.LogCaptureFixture
) -> None:
    """R12: nor what is empty."""
    conf.set_override("vlan_start", 7)
    with caplog.at_level(logging.WARNING, "qplug"):
        admin.create_networks(
            label="blue",
            cidr="10.0.0.0/24",
            network_size=256,
            vlan_start=7,
            vpn_start=1000,
            bridge="",
            bridge_interface=None,
        )
    assert caplog.messages == []


def test_an_argument_that_never_was_is_refused(admin: NetworkApi) -> None:
    with pytest.raises(InvalidInput, match="'colour'"):
        admin.create_networks(label="blue", cidr="10.0.0.0/24", colour="blue")


@pytest.mark.parametrize(
    "argument",
    [
        {"cidr": "10.0.0.0"},
        {"cidr": "10.0.0.0/33"},
        {"cidr": "10/8"},
        {"cidr": "blue"},
        {"cidr": "/"},
        {"cidr_v6": "fd00::"},
        {"cidr_v6": "fd00::/129"},
        {"gateway": "10.0.0"},
        {"gateway": "10.0.0.1/24"},
        {"gateway_v6": "fd00::%lo"},
        {"dns1": "dns.example.org"},
        {"uuid": "blue"},
    ],
    ids=str,
)
def test_texts_of_2012_that_are_malformed_are_one_sentence(
    argument: dict[str, str], admin: NetworkApi
) -> None:
    arguments = {"cidr": "10.0.0.0/24", "cidr_v6": "fd00::/64"} | argument
    with pytest.raises(InvalidInput) as error:
        admin.create_networks(label="blue", **arguments)  # type: ignore[arg-type]  # all of them are texts
    assert f"'{next(iter(argument.values()))}'" in str(error.value)
