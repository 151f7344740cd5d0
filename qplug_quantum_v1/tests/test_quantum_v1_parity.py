"""What was taken over from Nova's connection to Quantum, by the rows of parity."""

from uuid import uuid4

import pytest

from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.contracts import QuantumDriver
from qplug.errors import AttachedTwice, NetworkBusy, NetworkNotFound
from qplug.http.errors import ServiceFailed, ServiceUnreachable
from qplug.testing.quantum import port_request
from qplug.testing.values import OTHER_PROJECT, PROJECT, call
from qplug_quantum_v1.driver import QuantumV1
from qplug_quantum_v1.testing import Settings, StandIn

ELSEWHERE = str(uuid4())


def all_methods(driver: QuantumDriver) -> None:
    """Use every method of the contract on what is there, and on what is not."""
    net = driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))
    assert driver.network_name(call(), PROJECT, net) == "blue"
    assert driver.network_exists(call(), PROJECT, net)
    assert list(driver.networks(call(), PROJECT)) == [net]
    assert driver.port_by_attachment(call(), PROJECT, net, "vif-1") is None
    port = driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
    assert driver.port_by_attachment(call(), PROJECT, net, "vif-1") == port
    assert [(each.id, each.attachment) for each in driver.ports(call(), PROJECT, net)] == [
        (port, "vif-1")
    ]
    with pytest.raises(NetworkBusy, match="1 attached port"):
        driver.delete_network(call(), PROJECT, net)
    for project, network in ((OTHER_PROJECT, net), (PROJECT, ELSEWHERE)):
        assert not driver.network_exists(call(), project, network)
        assert not driver.delete_network(call(), project, network)
        assert not driver.detach_port(call(), project, network, port)
        assert driver.port_by_attachment(call(), project, network, "vif-1") is None
        with pytest.raises(NetworkNotFound):
            driver.network_name(call(), project, network)
        with pytest.raises(NetworkNotFound):
            driver.attach_port(call(), project, network, port_request())
        with pytest.raises(NetworkNotFound):
            list(driver.ports(call(), project, network))
    assert not driver.detach_port(call(), PROJECT, net, ELSEWHERE)
    assert driver.detach_port(call(), PROJECT, net, port)
    assert driver.delete_network(call(), PROJECT, net)
    assert list(driver.networks(call(), PROJECT)) == []


def test_r80_all_methods_work_and_tell_what_is_not_there_by_404(driver: QuantumV1) -> None:
    all_methods(driver)


class TestByV10:
    @pytest.fixture
    def quantum_settings(self) -> Settings:
        class OnlyV10(Settings):
            versions = ("v1.0",)

        return OnlyV10()

    def test_r80_all_methods_work_and_tell_what_is_not_there_by_420_and_430(
        self, driver: QuantumV1, quantum: StandIn
    ) -> None:
        all_methods(driver)
        assert {path.split("/")[1] for _, path in quantum.requests} == {"v1.0"}


def test_r80_all_methods_work_in_memory(memory_driver: MemoryQuantum) -> None:
    all_methods(memory_driver)


@pytest.fixture
def memory_driver(quantum_conf: object) -> MemoryQuantum:
    return MemoryQuantum(quantum_conf)  # type: ignore[arg-type]


def test_r80_a_server_that_fails_is_no_server_that_is_away_and_neither_means_not_found(
    driver: QuantumV1, quantum: StandIn
) -> None:
    quantum.fail_next(500)
    with pytest.raises(ServiceFailed, match="failed at GET"):
        driver.network_exists(call(), PROJECT, ELSEWHERE)
    quantum.outage = True
    with pytest.raises(ServiceUnreachable, match="connection was refused"):
        driver.network_exists(call(), PROJECT, ELSEWHERE)


def test_r81_an_attachment_on_no_port_is_none_and_on_several_a_conflict(
    driver: QuantumV1, quantum: StandIn
) -> None:
    net = driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))
    assert driver.port_by_attachment(call(), PROJECT, net, "vif-1") is None
    first = driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
    second = driver.attach_port(call(), PROJECT, net, port_request("vif-2"))
    quantum.state.all[net].ports[second].attachment = "vif-1"  # as two of them at once might
    with pytest.raises(AttachedTwice) as raised:
        driver.port_by_attachment(call(), PROJECT, net, "vif-1")
    assert raised.value.ports == [first, second]


@pytest.mark.parametrize("status", [400, 404, 409, 500, 503])
def test_r81_a_port_that_nothing_gets_attached_to_is_deleted(
    driver: QuantumV1, quantum: StandIn, status: int
) -> None:
    net = driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))
    quantum.fail_next(status, method="PUT")
    with pytest.raises(Exception, match=str(status)):
        driver.attach_port(call(), PROJECT, net, port_request())
    assert quantum.state.all[net].ports == {}
