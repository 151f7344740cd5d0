"""Section 4.7 of what the original did, on the network service kept in memory."""

from uuid import UUID, uuid4

import pytest
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.errors import AttachedTwice, NetworkBusy, NetworkNotFound
from qplug.model import AddressPair, Port, PortRequest, mac_address
from qplug.testing.values import call

OURS, THEIRS = "project-a", "project-b"


@pytest.fixture
def quantum() -> MemoryQuantum:
    return MemoryQuantum(ConfigOpts())


@pytest.fixture
def net(quantum: MemoryQuantum) -> str:
    return quantum.create_network(call(), OURS, "blue", key=str(uuid4()))


def attach(quantum: MemoryQuantum, net: str, attachment: str) -> str:
    return quantum.attach_port(call(), OURS, net, PortRequest(attachment=attachment))


def test_r80_create_network_makes_a_fresh_uuid_a_key(quantum: MemoryQuantum, net: str) -> None:
    other = quantum.create_network(call(), OURS, "blue", key=str(uuid4()))
    assert UUID(net) != UUID(other)


def test_r80_create_network_again_with_the_key_gives_the_same(quantum: MemoryQuantum) -> None:
    key = str(uuid4())
    first = quantum.create_network(call(), OURS, "blue", key=key)
    assert quantum.create_network(call(), OURS, "blue", key=key) == first
    assert quantum.network_by_key(call(), OURS, key) == first
    assert quantum.network_by_key(call(), THEIRS, key) is None
    assert quantum.create_network(call(), THEIRS, "blue", key=key) != first


def test_r80_network_name_is_the_label_and_an_unknown_one_is_not_found(
    quantum: MemoryQuantum, net: str
) -> None:
    assert quantum.network_name(call(), OURS, net) == "blue"
    with pytest.raises(NetworkNotFound):
        quantum.network_name(call(), OURS, str(uuid4()))


def test_r80_a_network_of_another_project_is_as_good_as_absent(
    quantum: MemoryQuantum, net: str
) -> None:
    port = attach(quantum, net, "vif-1")
    assert not quantum.network_exists(call(), THEIRS, net)
    assert list(quantum.networks(call(), THEIRS)) == []
    assert quantum.port_by_attachment(call(), THEIRS, net, "vif-1") is None
    assert not quantum.detach_port(call(), THEIRS, net, port)
    assert not quantum.delete_network(call(), THEIRS, net)
    for refused in (
        lambda: quantum.network_name(call(), THEIRS, net),
        lambda: quantum.ports(call(), THEIRS, net),
        lambda: quantum.attach_port(call(), THEIRS, net, PortRequest(attachment="vif-2")),
        lambda: quantum.set_address_pairs(call(), THEIRS, net, port, []),
    ):
        with pytest.raises(NetworkNotFound):
            refused()
    assert quantum.port_by_attachment(call(), OURS, net, "vif-1") == port


def test_r80_delete_network_twice_is_true_then_false(quantum: MemoryQuantum, net: str) -> None:
    """The original raised the second time; here releasing is quiet."""
    assert quantum.delete_network(call(), OURS, net) is True
    assert quantum.delete_network(call(), OURS, net) is False
    assert not quantum.network_exists(call(), OURS, net)


def test_r80_delete_network_with_ports_is_refused(quantum: MemoryQuantum, net: str) -> None:
    """The original's fake removed them silently, which no service does."""
    attach(quantum, net, "vif-1")
    attach(quantum, net, "vif-2")
    with pytest.raises(NetworkBusy, match="still has 2 attached port"):
        quantum.delete_network(call(), OURS, net)


def test_r80_networks_lists_a_projects_networks(quantum: MemoryQuantum, net: str) -> None:
    quantum.create_network(call(), THEIRS, "red", key=str(uuid4()))
    assert list(quantum.networks(call(), OURS)) == [net]


def test_r80_ten_ports_are_attached_counted_found_and_removed(
    quantum: MemoryQuantum, net: str
) -> None:
    ports = {f"vif-{n}": attach(quantum, net, f"vif-{n}") for n in range(10)}
    listed = [Port(id=port, attachment=vif) for vif, port in ports.items()]
    assert list(quantum.ports(call(), OURS, net)) == listed
    for vif, port in ports.items():
        assert quantum.port_by_attachment(call(), OURS, net, vif) == port
        assert quantum.detach_port(call(), OURS, net, port) is True
        assert quantum.detach_port(call(), OURS, net, port) is False
    assert list(quantum.ports(call(), OURS, net)) == []


def test_r80_attach_port_keeps_what_was_asked_for(quantum: MemoryQuantum, net: str) -> None:
    asked = PortRequest(attachment="vif-1", instance_id="i-1", host="host-1", rxtx_factor=2.0)
    port = quantum.attach_port(call(), OURS, net, asked)
    assert quantum.port_request(net, port) == asked


def test_r80_address_pairs_are_replaced_by_those_given(quantum: MemoryQuantum, net: str) -> None:
    port = attach(quantum, net, "vif-1")
    pair = AddressPair(mac=mac_address("fa:16:3e:00:00:01"), address=IPAddress("10.0.0.2"))
    quantum.set_address_pairs(call(), OURS, net, port, [pair])
    assert quantum.port_request(net, port).address_pairs == (pair,)
    quantum.set_address_pairs(call(), OURS, net, port, [])
    assert quantum.port_request(net, port).address_pairs == ()


def test_r81_an_attachment_without_a_port_gives_none(quantum: MemoryQuantum, net: str) -> None:
    assert quantum.port_by_attachment(call(), OURS, net, "vif-1") is None
    assert quantum.port_by_attachment(call(), OURS, str(uuid4()), "vif-1") is None


def test_r81_an_attachment_on_several_ports_is_a_conflict_that_names_them(
    quantum: MemoryQuantum, net: str
) -> None:
    ports = [
        quantum.make_port(OURS, net, PortRequest(attachment="vif-1")),
        quantum.make_port(OURS, net, PortRequest(attachment="vif-1")),
    ]
    with pytest.raises(AttachedTwice) as caught:
        quantum.port_by_attachment(call(), OURS, net, "vif-1")
    assert caught.value.ports == ports
    with pytest.raises(AttachedTwice):
        attach(quantum, net, "vif-1")


def test_r81_an_attachment_that_fails_leaves_no_port(quantum: MemoryQuantum, net: str) -> None:
    with pytest.raises(NetworkNotFound):
        attach(quantum, str(uuid4()), "vif-1")
    assert list(quantum.ports(call(), OURS, net)) == []
