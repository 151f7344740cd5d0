"""How many requests an operation takes."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import pytest
from neutron import Neutron
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.http.server import Front
from qplug.model import Instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.quantum import port_request
from qplug.testing.values import PROJECT, call, network_spec
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP

pytestmark = pytest.mark.integration


@pytest.fixture
def front(neutron: Neutron) -> Iterator[Front]:
    with Front(neutron.url) as front:
        yield front


@pytest.fixture
def driver(neutron_conf: ConfigOpts, front: Front) -> Iterator[NeutronQuantum]:
    neutron_conf.set_override("url", front.url, GROUP)
    with closing(NeutronQuantum(neutron_conf)) as driver:
        yield driver


@pytest.fixture
def net(driver: NeutronQuantum) -> str:
    return driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))


@contextmanager
def asked(front: Front) -> Iterator[list[str]]:
    """Note the methods of the requests, and what they are about."""
    front.requests.clear()
    noted: list[str] = []
    yield noted
    noted += [f"{method} {path.partition('?')[0].split('/')[2]}" for method, path in front.requests]


def test_a_network_is_looked_for_and_made(driver: NeutronQuantum, front: Front) -> None:
    with asked(front) as requests:
        driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))
    assert requests == ["GET networks", "POST networks"]


def test_a_port_takes_two_to_make_and_two_to_delete(
    driver: NeutronQuantum, front: Front, net: str
) -> None:
    with asked(front) as requests:
        port = driver.attach_port(call(), PROJECT, net, port_request())
    assert requests == ["GET networks", "POST ports"]
    with asked(front) as requests:
        driver.detach_port(call(), PROJECT, net, port)
    assert requests == ["GET ports", "DELETE ports"]


def test_ports_take_one_for_each_page_and_one_for_the_network(
    driver: NeutronQuantum, front: Front, net: str, neutron_conf: ConfigOpts
) -> None:
    ports = {driver.attach_port(call(), PROJECT, net, port_request()) for _ in range(5)}
    for size, pages in ((500, 1), (5, 2), (2, 3)):
        neutron_conf.set_override("page_size", size, GROUP)
        with asked(front) as requests:
            listed = [port.id for port in driver.ports(call(), PROJECT, net)]
        assert set(listed) == ports
        assert len(listed) == 5
        assert requests == ["GET networks", *["GET ports"] * pages]


class TestChain:
    @pytest.fixture
    def api(self, make_manager: MakeManager, api_of: ApiOf, driver: NeutronQuantum) -> NetworkApi:
        api = api_of(make_manager(quantum=driver))
        for cidr in ("10.0.0.0/24", "10.0.1.0/24"):
            api.create(network_spec(cidr, label=f"net-{cidr}"))
        return api

    @pytest.mark.parametrize("port_security", [False, True])
    def test_each_vif_takes_two_to_be_allocated_and_two_to_be_deallocated(
        self, api: NetworkApi, front: Front, conf: ConfigOpts, port_security: bool
    ) -> None:
        conf.set_override("port_security", port_security, "quantum")
        one = Instance(id=str(uuid4()), project_id=PROJECT)
        api.allocate_for_instance(one)  # the first on a network has its gateway made
        again = Instance(id=str(uuid4()), project_id=PROJECT)
        with asked(front) as requests:
            assert len(api.allocate_for_instance(again)) == 2
        assert requests == ["GET networks", "POST ports"] * 2
        with asked(front) as requests:
            api.deallocate_for_instance(again.id)
        assert requests == ["GET ports", "DELETE ports"] * 2
        with asked(front) as requests:
            api.get_instance_nw_info(one.id)
        assert requests == []
