"""What the driver local does beyond its contract's suite."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.builtin.local_quantum import LocalQuantum
from qplug.db import Database
from qplug.errors import NetworkBusy, NetworkExists, NetworkNotFound
from qplug.model import PortRequest
from qplug.store.migrations import MIGRATIONS
from qplug.testing.clock import Statements
from qplug.testing.suite import race
from qplug.testing.values import OTHER_PROJECT, PROJECT, call


@pytest.fixture
def driver(conf: ConfigOpts, database_url: str) -> Iterator[LocalQuantum]:
    with closing(Database(database_url, MIGRATIONS)) as database:
        database.upgrade()  # which only SQLite does by itself
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


def test_an_attachment_that_is_detached_while_it_is_attached_gets_a_port(
    driver: LocalQuantum, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, request = made(driver), PortRequest(attachment="vif-1")
    before = driver.attach_port(call(), PROJECT, network, request)
    look = driver.port_by_attachment

    def too_late(*args: Any) -> str | None:
        driver.detach_port(call(), PROJECT, network, before)
        return look(*args)

    monkeypatch.setattr(driver, "port_by_attachment", too_late)
    after = driver.attach_port(call(), PROJECT, network, request)
    assert [port.id for port in driver.ports(call(), PROJECT, network)] == [after]
    assert after != before


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


@pytest.mark.parametrize("text", ["blåhaj", "\udcff", "a\0b"])
def test_what_no_id_can_be_is_found_nowhere_and_fails_nothing(
    text: str, driver: LocalQuantum
) -> None:
    assert driver.network_by_key(call(), PROJECT, text) is None
    assert not driver.delete_network(call(), PROJECT, text)
    assert driver.port_by_attachment(call(), PROJECT, text, text) is None
    assert not driver.detach_port(call(), PROJECT, text, text)
    with pytest.raises(NetworkNotFound):
        driver.network_name(call(), PROJECT, text)
