"""Where a client of Quantum stumbles, and this one does not."""

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from urllib.parse import quote
from uuid import uuid4

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.errors import Conflict, InvalidInput, NetworkNotFound, NotSupported
from qplug.http.errors import (
    NotTheService,
    ServiceFailed,
    ServiceRefused,
    ServiceUnreachable,
)
from qplug.model import PortRequest
from qplug.testing.chain import instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.quantum import port_request
from qplug.testing.suite import race
from qplug.testing.values import PROJECT, call, network_spec
from qplug_quantum_v1.driver import QuantumV1
from qplug_quantum_v1.errors import AttachedElsewhere, VersionNotServed
from qplug_quantum_v1.options import GROUP
from qplug_quantum_v1.testing import Settings, StandIn
from qplug_quantum_v1.testing.state import Network

GATEWAY = PortRequest(attachment="gw-0123456789a")


@pytest.fixture
def net(driver: QuantumV1) -> str:
    return driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))


def network(quantum: StandIn, net: str) -> Network:
    return quantum.state.all[net]


# --- servers without filters --------------------------------------------------------------------


class TestDiablo:
    """2011.3 answers a question for one attachment with all ports there are."""

    @pytest.fixture
    def quantum_settings(self) -> Settings:
        return Settings(plugin="sample", diablo=True)

    def test_the_only_port_of_a_network_is_not_taken_for_that_of_another_attachment(
        self, driver: QuantumV1, quantum: StandIn, net: str
    ) -> None:
        driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
        assert driver.port_by_attachment(call(), PROJECT, net, "gw-0") is None

    def test_of_several_ports_the_right_one_is_found(self, driver: QuantumV1, net: str) -> None:
        ports = {
            name: driver.attach_port(call(), PROJECT, net, port_request(name))
            for name in ("vif-1", "vif-2", "vif-3")
        }
        found = {name: driver.port_by_attachment(call(), PROJECT, net, name) for name in ports}
        assert found == ports

    def test_a_network_with_all_that_is_on_it_is_made_and_deleted(
        self, driver: QuantumV1, quantum: StandIn, net: str
    ) -> None:
        for request in (port_request("vif-1"), GATEWAY):
            assert driver.attach_port(call(), PROJECT, net, request)
        for port in driver.ports(call(), PROJECT, net):
            assert driver.detach_port(call(), PROJECT, net, port.id)
        assert driver.delete_network(call(), PROJECT, net)
        assert quantum.state.all == {}


# --- attaching ----------------------------------------------------------------------------------


@pytest.mark.parametrize("plugin", ["openvswitch", "linuxbridge", "sample"])
def test_attaching_again_leaves_no_second_port(
    conf: ConfigOpts, quantum_conf: ConfigOpts, plugin: str
) -> None:
    with StandIn(Settings(plugin=plugin)) as quantum:  # type: ignore[arg-type]
        quantum_conf.set_override("port", int(quantum.url.rpartition(":")[2]), GROUP)
        with closing(QuantumV1(conf)) as driver:
            net = driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))
            made = {driver.attach_port(call(), PROJECT, net, GATEWAY) for _ in range(3)}
            assert set(network(quantum, net).ports) == made
            assert len(made) == 1


def test_an_attachment_that_another_network_has_is_a_conflict_and_leaves_no_port(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    other = driver.create_network(call(), PROJECT, "red", key=str(uuid4()))
    driver.attach_port(call(), PROJECT, other, port_request("vif-1"))
    with pytest.raises(AttachedElsewhere, match=r"'vif-1' cannot be attached .* detach it there"):
        driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
    assert network(quantum, net).ports == {}


def test_when_the_answer_to_attaching_is_lost_neither_port_nor_attachment_stays(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    quantum.lose_next(method="PUT")
    with pytest.raises(ServiceUnreachable):
        driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
    assert network(quantum, net).ports == {}


def test_when_attaching_takes_all_the_time_there_is_some_left_to_take_the_port_back(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    answer = quantum.answer

    def slow(request):  # type: ignore[no-untyped-def]
        if request.method == "PUT":
            time.sleep(1.2)
        return answer(request)

    quantum.answer = slow  # type: ignore[method-assign]
    quantum.working = NoLock()  # type: ignore[assignment]
    start = time.monotonic()
    with pytest.raises(ServiceUnreachable, match="timed out"):
        driver.attach_port(call(seconds=1.0), PROJECT, net, port_request("vif-1"))
    assert time.monotonic() - start < 1.1
    assert network(quantum, net).ports == {}


class NoLock:
    """Lets a slow server be asked by others meanwhile."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def test_a_port_that_cannot_be_taken_back_is_told_with_the_error(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    quantum.fail_next(500, method="PUT")
    quantum.fail_next(503, method="DELETE")
    with pytest.raises(ServiceFailed) as raised:
        driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
    (port,) = network(quantum, net).ports
    (note,) = raised.value.__notes__
    assert note.startswith(f"port '{port}' of network '{net}' stays in Quantum: ")


def test_what_nova_told_of_a_port_is_told(driver: QuantumV1, net: str, quantum: StandIn) -> None:
    seen = bodies_of(quantum)
    driver.attach_port(call(), PROJECT, net, GATEWAY)
    request = PortRequest(attachment="vif-1", instance_id="vm-1", zone="nova", rxtx_factor=1.5)
    driver.attach_port(call(), PROJECT, net, request)
    assert seen[0] == b'{"port": {"state": "ACTIVE"}}'
    assert seen[2] == (
        b'{"port": {"state": "ACTIVE", "vm_id": "vm-1", "allowed_address_pairs": [], '
        b'"rxtx_factor": 1.5, "nova_id": "nova"}}'
    )


def bodies_of(quantum: StandIn) -> list[bytes]:
    """Note the bodies that are sent from now on."""
    seen: list[bytes] = []
    answer = quantum.answer

    def noting(request):  # type: ignore[no-untyped-def]
        seen.append(request.body)
        return answer(request)

    quantum.answer = noting  # type: ignore[method-assign]
    return seen


def test_a_port_whose_pairs_cannot_change_gets_no_other_addresses(
    make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts, driver: QuantumV1
) -> None:
    api = api_of(make_manager(quantum=driver))
    api.create(network_spec("10.0.0.0/24", label="blue"))
    mine = instance()
    api.allocate_for_instance(mine)
    api.add_fixed_ip_to_instance(mine.id, "blue")
    conf.set_override("port_security", True, "quantum")
    with pytest.raises(NotSupported, match="change of address pairs"):
        api.add_fixed_ip_to_instance(mine.id, "blue")


# --- detaching ----------------------------------------------------------------------------------


class TestLinuxBridge:
    """The plugin that fails when a free port is detached."""

    @pytest.fixture
    def quantum_settings(self) -> Settings:
        return Settings(plugin="linuxbridge")

    def test_a_free_port_is_deleted_and_not_detached(
        self, driver: QuantumV1, quantum: StandIn, net: str
    ) -> None:
        port = driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
        network(quantum, net).ports[port].attachment = None
        assert driver.detach_port(call(), PROJECT, net, port)
        assert network(quantum, net).ports == {}


def test_a_port_that_goes_while_it_is_detached_was_not_there(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    port = driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
    quantum.fail_next(
        404,
        method="DELETE",
        text='{"QuantumError": {"type": "PortNotFound", "message": "m", "detail": "d"}}',
    )
    assert driver.detach_port(call(), PROJECT, net, port) is False


# --- networks -----------------------------------------------------------------------------------


def test_networks_of_others_are_not_ours(driver: QuantumV1, quantum: StandIn, net: str) -> None:
    quantum.state.create_network(PROJECT, "somebody's")
    quantum.state.create_network(PROJECT, "")
    assert list(driver.networks(call(), PROJECT)) == [net]


def test_networks_of_another_site_are_not_ours(
    driver: QuantumV1, quantum_conf: ConfigOpts, net: str
) -> None:
    quantum_conf.set_override("site", "north", GROUP)
    theirs = driver.create_network(call(), PROJECT, "red", key=str(uuid4()))
    assert list(driver.networks(call(), PROJECT)) == [theirs]
    assert driver.network_name(call(), PROJECT, net) == "blue"


def test_a_network_without_a_name_has_an_empty_one(driver: QuantumV1, quantum: StandIn) -> None:
    made = quantum.state.create_network(PROJECT, "")
    assert driver.network_name(call(), PROJECT, made.id) == ""


def test_a_network_whose_making_was_not_answered_is_found_by_its_key(
    driver: QuantumV1, quantum: StandIn
) -> None:
    key = str(uuid4())
    quantum.lose_next(method="POST")
    with pytest.raises(ServiceUnreachable):
        driver.create_network(call(), PROJECT, "blue", key=key)
    (made,) = quantum.state.all
    assert driver.network_by_key(call(), PROJECT, key) == made
    assert driver.create_network(call(), PROJECT, "blue", key=key) == made


def test_a_label_with_everything_in_it_comes_back(driver: QuantumV1) -> None:
    label = 'é \\ "x" (qplug) / ?&#;\U0001f600'
    net = driver.create_network(call(), PROJECT, label, key=str(uuid4()))
    assert driver.network_name(call(), PROJECT, net) == label


def test_a_label_that_leaves_no_room_for_the_mark_is_refused(
    driver: QuantumV1, quantum: StandIn
) -> None:
    key = str(uuid4())
    net = driver.create_network(call(), PROJECT, "x" * 210, key=key)
    assert driver.network_name(call(), PROJECT, net) == "x" * 210
    quantum.requests.clear()
    with pytest.raises(InvalidInput, match="at most 210 characters"):
        driver.create_network(call(), PROJECT, "x" * 211, key=str(uuid4()))
    assert quantum.requests == []


# --- paths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [".xml", ".json", "/ports", ".", "/../x"])
def test_an_id_never_becomes_that_of_another_network(
    driver: QuantumV1, quantum: StandIn, net: str, end: str
) -> None:
    assert not driver.network_exists(call(), PROJECT, net + end)
    assert not driver.delete_network(call(), PROJECT, net + end)
    assert not driver.detach_port(call(), PROJECT, net, net + end)
    with pytest.raises(NetworkNotFound):
        driver.attach_port(call(), PROJECT, net + end, port_request())
    assert list(quantum.state.all) == [net]


@pytest.mark.parametrize("project", ["a b", "a?b=c", "é", "a#b", "a.b"])
def test_a_project_may_be_called_anything(
    driver: QuantumV1, quantum: StandIn, project: str
) -> None:
    net = driver.create_network(call(), project, "blue", key=str(uuid4()))
    assert list(driver.networks(call(), project)) == [net]
    assert network(quantum, net).tenant_id == project
    assert all(quote(project, safe="") in path for _, path in quantum.requests)


def test_an_attachment_may_be_called_anything(driver: QuantumV1, net: str) -> None:
    name = "a&b=c d/é#.x"
    port = driver.attach_port(call(), PROJECT, net, port_request(name))
    assert driver.port_by_attachment(call(), PROJECT, net, name) == port


# --- what answers is another --------------------------------------------------------------------


@pytest.fixture
def diablo_driver(conf: ConfigOpts, quantum_conf: ConfigOpts) -> Iterator[QuantumV1]:
    """Return a driver that asks a server of 2011 for the version of 2012."""
    with StandIn(Settings(plugin="sample", diablo=True)) as quantum:
        quantum_conf.set_override("port", int(quantum.url.rpartition(":")[2]), GROUP)
        with closing(QuantumV1(conf)) as driver:
            yield driver


def test_a_server_too_old_for_the_version_is_said_to_be(diablo_driver: QuantumV1) -> None:
    with pytest.raises(VersionNotServed) as raised:
        diablo_driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))
    assert str(raised.value).endswith(
        "does not serve v1.1 of its API, but v1.0; set [quantum_v1] api_version, or name another "
        "server"
    )


def test_a_list_of_versions_is_no_success(quantum_conf: ConfigOpts, quantum: StandIn) -> None:
    quantum_conf.set_override("path", "api", GROUP)
    with closing(QuantumV1(quantum_conf)) as driver:
        with pytest.raises(NotTheService, match="a list of versions, as if the path were wrong"):
            driver.network_exists(call(), PROJECT, str(uuid4()))
        with pytest.raises(NotTheService):
            driver.delete_network(call(), PROJECT, str(uuid4()))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{}", "JSON without 'networks'"),
        ("[]", "200 and 2 octets"),
        ("<html>", "200 and 6 octets of text/html"),
        ('{"networks": {}}', "'networks' without ids"),
        ('{"networks": [7]}', "'networks' without ids"),
        ('{"networks": [{"id": 7}]}', "'networks' without ids"),
        ('{"versions": [7]}', "does not serve v1.1"),
    ],
)
def test_what_is_not_quantums_answer_is_said_not_to_be(
    driver: QuantumV1, quantum: StandIn, text: str, found: str
) -> None:
    quantum.fail_next(200, text=text)
    with pytest.raises((NotTheService, VersionNotServed), match=found):
        list(driver.networks(call(), PROJECT))


@pytest.mark.parametrize(
    "text",
    [
        '{"network": []}',
        '{"network": {"ports": {}}}',
        '{"network": {"ports": [{"state": "ACTIVE"}]}}',
        '{"network": {"ports": [{"id": "p", "attachment": "vif-1"}]}}',
    ],
)
def test_what_is_no_network_is_said_not_to_be(
    driver: QuantumV1, quantum: StandIn, net: str, text: str
) -> None:
    quantum.fail_next(200, text=text)
    with pytest.raises(NotTheService, match="a 'network' that is none"):
        list(driver.ports(call(), PROJECT, net))


def test_a_network_without_an_id_was_not_made(driver: QuantumV1, quantum: StandIn) -> None:
    quantum.fail_next(202, text='{"network": {"name": "blue"}}', method="POST")
    with pytest.raises(NotTheService, match="JSON without an id in 'network'"):
        driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))


def test_a_404_that_is_not_quantums_does_not_mean_that_a_network_is_gone(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    quantum.fail_next(404)
    with pytest.raises(NotTheService):
        driver.network_exists(call(), PROJECT, net)


def test_a_refusal_without_a_name_is_told_in_quantums_words(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    quantum.fail_next(
        400,
        text='{"QuantumError": {"type": "QuantumServiceFault", "message": "m", "detail": "why"}}',
    )
    with pytest.raises(ServiceRefused, match=r"refused GET .* with 400: why"):
        driver.network_exists(call(), PROJECT, net)


# --- threads ------------------------------------------------------------------------------------


def test_threads_share_a_driver_with_other_projects_each(
    driver: QuantumV1, quantum: StandIn
) -> None:
    """The client of 2012 swapped the tenant on an object that all threads had."""

    def use(number: int) -> int:
        project, mine = f"project-{number}", []
        for turn in range(4):
            net = driver.create_network(call(), project, f"{turn}", key=str(uuid4()))
            mine.append(net)
            driver.attach_port(call(), project, net, port_request(f"vif-{number}-{turn}"))
        assert set(driver.networks(call(), project)) == set(mine)
        for turn, net in enumerate(mine):
            (port,) = driver.ports(call(), project, net)
            assert port.attachment == f"vif-{number}-{turn}"
            assert driver.detach_port(call(), project, net, port.id)
            assert driver.delete_network(call(), project, net)
        return number

    assert race([partial(use, number) for number in range(8)]) == list(range(8))
    assert quantum.state.all == {}


def test_a_race_between_networks_for_one_attachment_has_one_winner(
    driver: QuantumV1, quantum: StandIn
) -> None:
    nets = [driver.create_network(call(), PROJECT, f"{n}", key=str(uuid4())) for n in range(4)]

    def attach(net: str) -> str | None:
        try:
            return driver.attach_port(call(), PROJECT, net, GATEWAY)
        except Conflict:
            return None

    won = [port for port in race([partial(attach, net) for net in nets]) if port]
    assert len(won) == 1
    assert [list(network(quantum, net).ports) for net in nets].count([]) == 3
