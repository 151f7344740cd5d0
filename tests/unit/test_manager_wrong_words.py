"""Arguments that are empty or of another type: refused with a name, never taken for no argument."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qplug.api import NetworkApi
from qplug.errors import InvalidInput, NetworkNotFound
from qplug.model import NetworkRequest
from qplug.testing.chain import RecordedChain, instance
from qplug.testing.values import network_spec

Asking = Callable[[NetworkApi], object]


@pytest.fixture
def admin(chain: RecordedChain) -> NetworkApi:
    """Return an administrator's operations where there is something to be listed."""
    chain.network()
    chain.admin.allocate_for_instance(instance())
    return chain.admin


def test_an_empty_network_is_not_found_and_not_all_networks(admin: NetworkApi) -> None:
    askings: list[Asking] = [
        lambda api: list(api.get_all_fixed_ips(network="")),
        lambda api: api.get_usage(""),
        lambda api: api.get(""),
        lambda api: api.delete(""),
        lambda api: api.validate_networks([""]),
    ]
    for asking in askings:
        with pytest.raises(NetworkNotFound):
            asking(admin)


def test_an_empty_instance_or_filter_is_wrong_and_does_not_stand_for_all(
    admin: NetworkApi,
) -> None:
    with pytest.raises(InvalidInput):
        list(admin.get_all_fixed_ips(instance_id=""))
    for name in ("ip", "ip6", "fixed_ip"):
        with pytest.raises(InvalidInput):
            list(admin.get_instance_uuids_by_ip_filter({name: ""}))


@pytest.mark.parametrize("word", [None, 5, b"blue", ["blue"]], ids=repr)
def test_what_is_no_text_names_no_network_and_no_instance(admin: NetworkApi, word: Any) -> None:
    askings: list[Asking] = [
        lambda api: api.get(word),
        lambda api: api.update(word, priority=1),
        lambda api: api.delete(word),
        lambda api: api.set_host(word),
        lambda api: api.disassociate(word),
        lambda api: api.validate_networks([word]),
        lambda api: api.get_instance_nw_info(word),
        lambda api: api.deallocate_for_instance(word),
        lambda api: api.allocate_for_instance(instance(), [NetworkRequest(network_id=word)]),
        lambda api: api.allocate_for_instance(replace(instance(), id=word)),
    ]
    for asking in askings:
        with pytest.raises(InvalidInput):
            asking(admin)


@pytest.mark.parametrize(
    "change",
    [
        {"label": None},
        {"label": 5},
        {"label": b"green"},
        {"zone": 5},
        {"priority": "x"},
        {"priority": 1.5},
        {"priority": True},
        {"rxtx_base": "x"},
        {"rxtx_base": 1.5},
        {"rxtx_base": 0},
        {"mtu": "1500"},
        {"mtu": True},
        {"lease_time": 600.5},
        {"dns_domain": 5},
        {"dns_domain": b"example.org"},
    ],
    ids=str,
)
def test_a_value_of_another_type_is_wrong_when_networks_are_made_and_changed(
    admin: NetworkApi, change: dict[str, Any]
) -> None:
    before = admin.get_all()
    with pytest.raises(InvalidInput):
        admin.update("blue", **change)
    with pytest.raises(InvalidInput):
        admin.create(replace(network_spec("10.9.0.0/24", label="green"), **change))
    assert admin.get_all() == before


@pytest.mark.parametrize(
    "change",
    [{"rxtx_factor": "x"}, {"rxtx_factor": None}, {"name": 5}, {"project_id": None}],
    ids=str,
)
def test_a_value_of_another_type_is_wrong_for_an_instance(
    admin: NetworkApi, change: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        admin.allocate_for_instance(replace(instance(), **change))
