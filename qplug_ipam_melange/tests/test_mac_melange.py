"""The MAC driver: the contract's suite, and what it leaves when it fails."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.errors import NoMoreMacs
from qplug.http.errors import ServiceFailed, ServiceRefused
from qplug.testing.deaf import deaf_port
from qplug.testing.mac import MacDriverSuite, give
from qplug.testing.values import OTHER_PROJECT, PROJECT, call
from qplug_ipam_melange.errors import InterfaceTaken, NoMacRange
from qplug_ipam_melange.mac import MelangeMac
from qplug_ipam_melange.testing import StandIn
from qplug_ipam_melange.testing.client import Client


def make_range(client: Client, cidr: str) -> str:
    status, made = client.ask("POST", "mac_address_ranges", {"mac_address_range": {"cidr": cidr}})
    assert status == 201
    return str(made["mac_address_range"]["id"])


def interface(client: Client, vif_id: str, tenant: str = PROJECT) -> int:
    """Return the status of asking for an interface."""
    return client.ask("GET", f"tenants/{tenant}/interfaces/{vif_id}")[0]


class TestContract(MacDriverSuite):
    """What every MAC driver is asked."""

    @pytest.fixture
    def driver(self, mac_driver: MelangeMac, client: Client) -> MelangeMac:
        make_range(client, "02:16:3e:00:00:00/24")
        return mac_driver

    @pytest.fixture
    def exhausted_driver(self, mac_driver: MelangeMac, client: Client) -> MelangeMac:
        make_range(client, "02:16:3e:00:00:00/48")
        give(mac_driver)
        return mac_driver

    @pytest.fixture
    def gone_driver(self, melange_conf: ConfigOpts) -> Iterator[MelangeMac]:
        with deaf_port() as port:
            melange_conf.set_override("port", port, "ipam_melange")
            with closing(MelangeMac(melange_conf)) as gone:
                yield gone


def test_r42_the_mac_is_asked_for_by_vif_instance_and_project(
    mac_driver: MelangeMac, client: Client
) -> None:
    make_range(client, "02:16:3e:00:00:00/24")
    mac = mac_driver.allocate(call(), vif_id="vif-1", instance_id="instance-1", project_id=PROJECT)
    _, found = client.ask("GET", f"tenants/{PROJECT}/interfaces/vif-1")
    assert found["interface"]["device_id"] == "instance-1"
    assert found["interface"]["mac_address"] == str(mac).upper()


def test_without_a_range_nothing_is_given_and_nothing_left(
    mac_driver: MelangeMac, client: Client
) -> None:
    with pytest.raises(NoMoreMacs):
        give(mac_driver, "vif-1")
    assert interface(client, "vif-1") == 404
    with pytest.raises(NoMacRange, match="make one there"):
        mac_driver.check(call())


def test_an_exhausted_range_leaves_nothing_and_a_further_one_helps(
    mac_driver: MelangeMac, client: Client
) -> None:
    make_range(client, "02:16:3e:00:00:00/48")
    give(mac_driver, "vif-1")
    with pytest.raises(NoMoreMacs):
        give(mac_driver, "vif-2")
    assert interface(client, "vif-2") == 404
    make_range(client, "02:16:3e:aa:00:00/40")
    assert str(give(mac_driver, "vif-2")) == "02:16:3e:aa:00:00"


def test_an_interface_that_was_left_without_a_mac_is_cleared_for_the_next_try(
    mac_driver: MelangeMac, client: Client
) -> None:
    client.ask("POST", "interfaces", {"interface": {"id": "vif-1", "tenant_id": PROJECT}})
    make_range(client, "02:16:3e:00:00:00/24")
    with pytest.raises(NoMoreMacs):
        give(mac_driver, "vif-1")
    assert str(give(mac_driver, "vif-1")) == "02:16:3e:00:00:00"


def test_an_interface_of_another_tenant_is_a_conflict_and_stays(
    mac_driver: MelangeMac, client: Client
) -> None:
    make_range(client, "02:16:3e:00:00:00/24")
    mac_driver.allocate(call(), vif_id="vif-1", instance_id="i", project_id=OTHER_PROJECT)
    with pytest.raises(InterfaceTaken, match="not of tenant 'project-a'"):
        give(mac_driver, "vif-1")
    assert interface(client, "vif-1", OTHER_PROJECT) == 200


def test_a_range_that_makes_melange_fail_leaves_nothing(
    mac_driver: MelangeMac, client: Client
) -> None:
    make_range(client, "zork")
    with pytest.raises(ServiceFailed):
        give(mac_driver, "vif-1")
    assert interface(client, "vif-1") == 404


def test_a_mac_of_a_range_that_was_deleted_is_not_said_to_be_given_back(
    mac_driver: MelangeMac, client: Client
) -> None:
    range_id = make_range(client, "02:16:3e:00:00:00/24")
    give(mac_driver, "vif-1")
    client.ask("DELETE", f"mac_address_ranges/{range_id}")
    with pytest.raises(ServiceRefused, match="MacAddressRange Not Found"):
        mac_driver.deallocate(call(), vif_id="vif-1", project_id=PROJECT)


def test_giving_and_giving_back_take_one_request_each(
    mac_driver: MelangeMac, melange: StandIn, client: Client
) -> None:
    make_range(client, "02:16:3e:00:00:00/24")
    melange.requests.clear()
    give(mac_driver, "vif-1")
    mac_driver.deallocate(call(), vif_id="vif-1", project_id=PROJECT)
    assert melange.requests == [
        ("POST", "/v0.1/ipam/interfaces.json"),
        ("DELETE", "/v0.1/ipam/interfaces/vif-1.json"),
    ]
