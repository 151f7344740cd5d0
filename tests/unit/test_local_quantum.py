"""What the driver local does beyond its contract's suite."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.builtin.local_quantum import LocalQuantum
from qplug.errors import NetworkBusy, NetworkExists
from qplug.model import PortRequest
from qplug.testing.clock import Statements
from qplug.testing.suite import race
from qplug.testing.values import OTHER_PROJECT, PROJECT, call


@pytest.fixture
def driver(conf: ConfigOpts) -> Iterator[LocalQuantum]:
    driver = LocalQuantum(conf)
    yield driver
    driver.close()


def made(driver: LocalQuantum, project: str = PROJECT) -> str:
    return driver.create_network(call(), project, "blue", key=str(uuid4()))


def test_a_networks_id_is_its_key_however_many_wish_for_it_at_once(driver: LocalQuantum) -> None:
    key = str(uuid4())
    made = race([lambda: driver.create_network(call(), PROJECT, "blue", key=key)] * 8)
    assert made == [key] * 8
    assert list(driver.networks(call(), PROJECT)) == [key]


def test_a_key_of_another_project_is_refused(driver: LocalQuantum) -> None:
    key = made(driver)
    with pytest.raises(NetworkExists):
        driver.create_network(call(), OTHER_PROJECT, "green", key=key)
    assert driver.network_name(call(), PROJECT, key) == "blue"


def test_a_network_with_ports_says_how_many_are_in_the_way(driver: LocalQuantum) -> None:
    network = made(driver)
    for number in range(3):
        driver.attach_port(call(), PROJECT, network, PortRequest(attachment=f"vif-{number}"))
    with pytest.raises(NetworkBusy) as raised:
        driver.delete_network(call(), PROJECT, network)
    assert raised.value.ports == 3
    assert not driver.delete_network(call(), OTHER_PROJECT, network)


def test_one_attachment_from_many_threads_at_once_is_one_port(driver: LocalQuantum) -> None:
    network, request = made(driver), PortRequest(attachment="vif-1")
    ports = race([lambda: driver.attach_port(call(), PROJECT, network, request)] * 8)
    assert len(set(map(str, ports))) == 1
    assert [port.id for port in driver.ports(call(), PROJECT, network)] == ports[:1]


def test_attaching_and_detaching_take_one_statement(
    driver: LocalQuantum, statements: Statements
) -> None:
    network = made(driver)
    statements.clear()
    port = driver.attach_port(call(), PROJECT, network, PortRequest(attachment="vif-1"))
    assert len(statements) == 1
    statements.clear()
    assert driver.detach_port(call(), PROJECT, network, port)
    assert len(statements) == 1
