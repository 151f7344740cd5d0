"""How many requests an operation takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from qplug.api import NetworkApi
from qplug.model import Instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.quantum import port_request
from qplug.testing.values import PROJECT, call, network_spec
from qplug_quantum_v1.driver import QuantumV1
from qplug_quantum_v1.testing import StandIn


@pytest.fixture
def net(driver: QuantumV1) -> str:
    return driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))


@contextmanager
def asked(quantum: StandIn) -> Iterator[list[str]]:
    """Note the methods of the requests, and the last part of where they go."""
    quantum.requests.clear()
    noted: list[str] = []
    yield noted
    noted += [
        f"{method} {path.partition('?')[0].rpartition('/')[2].removesuffix('.json')}"
        for method, path in quantum.requests
    ]


def test_a_network_is_looked_for_and_made(driver: QuantumV1, quantum: StandIn) -> None:
    with asked(quantum) as requests:
        driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))
    assert requests == ["GET detail", "POST networks"]


def test_a_port_is_made_and_attached(driver: QuantumV1, quantum: StandIn, net: str) -> None:
    with asked(quantum) as requests:
        driver.attach_port(call(), PROJECT, net, port_request())
    assert requests == ["POST ports", "PUT attachment"]


def test_a_port_is_looked_at_detached_and_deleted(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    port = driver.attach_port(call(), PROJECT, net, port_request())
    with asked(quantum) as requests:
        driver.detach_port(call(), PROJECT, net, port)
    assert requests == ["GET attachment", "DELETE attachment", f"DELETE {port}"]


def test_an_attachment_is_looked_for_and_confirmed(
    driver: QuantumV1, quantum: StandIn, net: str
) -> None:
    port = driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
    with asked(quantum) as requests:
        assert driver.port_by_attachment(call(), PROJECT, net, "vif-1") == port
    assert requests == ["GET ports", "GET attachment"]


@pytest.mark.parametrize("ports", [0, 1, 40])
def test_the_ports_of_a_network_take_one_request(
    driver: QuantumV1, quantum: StandIn, net: str, ports: int
) -> None:
    for _ in range(ports):
        driver.attach_port(call(), PROJECT, net, port_request())
    with asked(quantum) as requests:
        assert len(list(driver.ports(call(), PROJECT, net))) == ports
    assert requests == ["GET detail"]


class TestChain:
    @pytest.fixture
    def api(self, make_manager: MakeManager, api_of: ApiOf, driver: QuantumV1) -> NetworkApi:
        api = api_of(make_manager(quantum=driver))
        for cidr in ("10.0.0.0/24", "10.0.1.0/24"):
            api.create(network_spec(cidr, label=f"net-{cidr}"))
        return api

    def test_each_vif_takes_two_to_be_allocated_and_three_to_be_deallocated(
        self, api: NetworkApi, quantum: StandIn
    ) -> None:
        one = Instance(id=str(uuid4()), project_id=PROJECT)
        api.allocate_for_instance(one)  # the first on a network has its gateway made
        again = Instance(id=str(uuid4()), project_id=PROJECT)
        with asked(quantum) as requests:
            assert len(api.allocate_for_instance(again)) == 2
        assert requests == ["POST ports", "PUT attachment"] * 2
        with asked(quantum) as requests:
            api.deallocate_for_instance(again.id)
        assert len(requests) == 6

    def test_network_info_takes_none(self, api: NetworkApi, quantum: StandIn) -> None:
        one = Instance(id=str(uuid4()), project_id=PROJECT)
        made = api.allocate_for_instance(one)
        with asked(quantum) as requests:
            assert api.get_instance_nw_info(one.id) == made
        assert requests == []
