"""Where a client of Neutron stumbles, and this one does not; all on a real Neutron."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from keystoneauth1 import loading
from netaddr import IPRange
from neutron import Neutron
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.errors import AttachedTwice, NetworkBusy, NetworkNotFound
from qplug.http.errors import NotTheService, ServiceForbids, ServiceUnreachable
from qplug.http.server import Front
from qplug.manager import SubnetChanges
from qplug.model import AddressPair, PortRequest
from qplug.testing.chain import instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.quantum import port_request
from qplug.testing.suite import race
from qplug.testing.values import DEFAULT_PROJECT, OTHER_PROJECT, PROJECT, call, network_spec
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.errors import (
    AddressTaken,
    MacTaken,
    NeutronRefused,
    PortNotBound,
    QuotaExceeded,
)
from qplug_quantum_neutron.options import GROUP

pytestmark = pytest.mark.integration

GATEWAY = PortRequest(attachment="gw-0123456789a")
ELSEWHERE = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
AsWhom = Callable[[str], NeutronQuantum]


@pytest.fixture
def net(driver: NeutronQuantum) -> str:
    return driver.create_network(call(), PROJECT, "blue", key=str(uuid4()))


@pytest.fixture
def as_whom(neutron_conf: ConfigOpts) -> Iterator[AsWhom]:
    """Return what makes drivers that ask with a token: ``user:project:role,role``."""
    with ExitStack() as stack:

        def make(token: str) -> NeutronQuantum:
            neutron_conf.set_override("token", token, GROUP)
            return stack.enter_context(closing(NeutronQuantum(neutron_conf)))

        neutron_conf.register_opts(loading.get_auth_common_conf_options(), GROUP)
        neutron_conf.register_opts(loading.get_auth_plugin_conf_options("admin_token"), GROUP)
        neutron_conf.set_override("auth_type", "admin_token", GROUP)
        yield make


def ports_of(neutron: Neutron, net: str) -> list[Any]:
    found: list[Any] = neutron.ask("GET", "ports", network_id=net)["ports"]
    return found


def stranger(neutron: Neutron, net: str, **more: Any) -> Any:
    """Return a port that somebody else made."""
    wanted = {"network_id": net, "tenant_id": PROJECT, "fixed_ips": [], **more}
    return neutron.ask("POST", "ports", {"port": wanted})["port"]


# --- what a port is -----------------------------------------------------------------------------


def test_a_vifs_port_says_whose_it_is_and_where(
    driver: NeutronQuantum, neutron: Neutron, net: str
) -> None:
    asked = port_request("vif-1")
    pair = AddressPair(mac=asked.mac, address=asked.addresses[0])  # type: ignore[arg-type]
    request = PortRequest(
        attachment="vif-1",
        mac=asked.mac,
        addresses=asked.addresses,
        address_pairs=(pair,),
        instance_id=asked.instance_id,
        host="host-1",
        zone="north",
    )
    driver.attach_port(call(), PROJECT, net, request)
    (port,) = ports_of(neutron, net)
    assert (port["name"], port["tenant_id"], port["device_id"], port["device_owner"]) == (
        "vif-1",
        PROJECT,
        asked.instance_id,
        "compute:north",
    )
    assert (port["binding:host_id"], port["binding:vif_type"]) == ("host-1", "ovs")
    assert port["mac_address"] == str(asked.mac)
    assert port["fixed_ips"] == []
    assert port["port_security_enabled"] is True
    assert port["allowed_address_pairs"] == [
        {"mac_address": str(asked.mac), "ip_address": str(asked.addresses[0])}
    ]
    assert port["description"] == "qplug"


def test_a_gateways_port_is_bound_nowhere_and_may_send_as_anybody(
    driver: NeutronQuantum, neutron: Neutron, net: str
) -> None:
    driver.attach_port(call(), PROJECT, net, GATEWAY)
    (port,) = ports_of(neutron, net)
    assert (port["name"], port["device_id"]) == (GATEWAY.attachment, GATEWAY.attachment)
    assert (port["binding:host_id"], port["port_security_enabled"]) == ("", False)
    assert port["mac_address"].startswith("02:")


# --- attaching ----------------------------------------------------------------------------------


def test_a_port_that_neutron_cannot_bind_is_deleted(
    driver: NeutronQuantum, neutron: Neutron, net: str
) -> None:
    request = PortRequest(attachment="vif-1", instance_id="vm-1", host="fail-1")
    with pytest.raises(PortNotBound) as raised:
        driver.attach_port(call(), PROJECT, net, request)
    assert str(raised.value).startswith(
        f"Neutron binds no port of network '{net}' on host 'fail-1'"
    )
    assert ports_of(neutron, net) == []


def test_a_mac_address_that_another_port_has_is_a_conflict(
    driver: NeutronQuantum, neutron: Neutron, net: str
) -> None:
    asked = port_request("vif-1")
    stranger(neutron, net, mac_address=str(asked.mac))
    with pytest.raises(MacTaken, match=f"MAC address {asked.mac} is another port's"):
        driver.attach_port(call(), PROJECT, net, asked)


def test_a_port_whose_making_was_not_answered_is_found_and_taken(
    neutron_conf: ConfigOpts, neutron: Neutron, driver: NeutronQuantum, net: str
) -> None:
    with Front(neutron.url) as front:
        neutron_conf.set_override("url", front.url, GROUP)
        with closing(NeutronQuantum(neutron_conf)) as unlucky:
            front.lose_next(method="POST")
            with pytest.raises(ServiceUnreachable):
                unlucky.attach_port(call(), PROJECT, net, port_request("vif-1"))
            found = unlucky.port_by_attachment(call(), PROJECT, net, "vif-1")
    (port,) = ports_of(neutron, net)
    assert port["id"] == found


def test_a_project_that_may_have_no_more_ports_is_told_so(
    driver: NeutronQuantum, neutron: Neutron, net: str
) -> None:
    neutron.ask("PUT", f"quotas/{PROJECT}", {"quota": {"port": 1, "network": 1}})
    try:
        driver.attach_port(call(), PROJECT, net, port_request())
        with pytest.raises(QuotaExceeded, match=f"Neutron lets project '{PROJECT}' have no more"):
            driver.attach_port(call(), PROJECT, net, port_request())
        with pytest.raises(QuotaExceeded):
            driver.create_network(call(), PROJECT, "red", key=str(uuid4()))
        assert len(ports_of(neutron, net)) == 1
    finally:
        neutron.ask("DELETE", f"quotas/{PROJECT}")


def test_an_attachment_on_two_ports_is_a_conflict(
    driver: NeutronQuantum, neutron: Neutron, net: str
) -> None:
    made = {stranger(neutron, net, name="vif-1", description="qplug")["id"] for _ in range(2)}
    with pytest.raises(AttachedTwice) as raised:
        driver.port_by_attachment(call(), PROJECT, net, "vif-1")
    assert set(raised.value.ports) == made


# --- others -------------------------------------------------------------------------------------


def test_ports_and_networks_of_others_are_not_ours(
    driver: NeutronQuantum, neutron: Neutron, net: str
) -> None:
    theirs = neutron.ask("POST", "networks", {"network": {"name": "n", "tenant_id": PROJECT}})
    stranger(neutron, net, name="vif-1", device_id="vm-1")
    assert list(driver.networks(call(), PROJECT)) == [net]
    assert list(driver.ports(call(), PROJECT, net)) == []
    assert driver.port_by_attachment(call(), PROJECT, net, "vif-1") is None
    assert driver.network_exists(call(), PROJECT, theirs["network"]["id"])


def test_what_another_site_made_is_not_ours(
    driver: NeutronQuantum, neutron_conf: ConfigOpts, net: str
) -> None:
    driver.attach_port(call(), PROJECT, net, port_request("vif-1"))
    neutron_conf.set_override("site", "north", GROUP)
    assert list(driver.networks(call(), PROJECT)) == []
    assert list(driver.ports(call(), PROJECT, net)) == []
    assert driver.port_by_attachment(call(), PROJECT, net, "vif-1") is None


def test_a_network_with_a_strangers_port_is_busy(
    driver: NeutronQuantum, neutron: Neutron, net: str
) -> None:
    stranger(neutron, net)
    with pytest.raises(NetworkBusy, match="1 attached port"):
        driver.delete_network(call(), PROJECT, net)


def test_an_audit_finds_what_leaked_and_leaves_others_alone(
    make_manager: MakeManager, api_of: ApiOf, driver: NeutronQuantum, neutron: Neutron
) -> None:
    api = api_of(make_manager(quantum=driver))
    made = api.create(network_spec("10.0.0.0/24"))
    api.allocate_for_instance(instance())
    theirs = stranger(neutron, made.id, name="theirs", device_id="vm-1")["id"]
    assert list(api.audit()) == []
    leaked = driver.attach_port(call(), PROJECT, made.id, port_request("vif-leaked"))
    lost = driver.create_network(call(), PROJECT, "red", key=str(uuid4()))
    found = {(one.kind, one.what, one.port_id, one.network_id) for one in api.audit()}
    assert found == {("extra", "port", leaked, made.id), ("extra", "network", None, lost)}
    list(api.audit(repair=True, release=["vif-leaked"]))
    there = {port["id"] for port in ports_of(neutron, made.id)}
    assert theirs in there
    assert leaked not in there


# --- whose networks -----------------------------------------------------------------------------


def made_by_others(neutron: Neutron, project: str, **more: Any) -> str:
    wanted = {"name": "theirs", "tenant_id": project, **more}
    made: str = neutron.ask("POST", "networks", {"network": wanted})["network"]["id"]
    return made


@pytest.mark.parametrize(
    ("owner", "shared"),
    [(OTHER_PROJECT, True), (DEFAULT_PROJECT, False)],
    ids=["shared", "default"],
)
def test_shared_networks_and_those_of_the_default_project_can_be_used_and_not_deleted(
    driver: NeutronQuantum, neutron: Neutron, owner: str, shared: bool
) -> None:
    there = made_by_others(neutron, owner, shared=shared)
    assert driver.network_exists(call(), PROJECT, there)
    port = driver.attach_port(call(), PROJECT, there, port_request("vif-1"))
    assert [each.id for each in driver.ports(call(), PROJECT, there)] == [port]
    assert driver.detach_port(call(), PROJECT, there, port)
    assert driver.delete_network(call(), PROJECT, there) is False
    assert driver.network_exists(call(), owner, there)


def test_a_tenant_sees_and_does_what_neutron_lets_it(
    as_whom: AsWhom, neutron_conf: ConfigOpts, neutron: Neutron
) -> None:
    theirs = made_by_others(neutron, OTHER_PROJECT)
    tenant = as_whom(f"u1:{PROJECT}:member,reader")
    assert not tenant.network_exists(call(), PROJECT, theirs)
    with pytest.raises(NetworkNotFound):
        tenant.attach_port(call(), PROJECT, theirs, port_request())
    mine = tenant.create_network(call(), PROJECT, "blue", key=str(uuid4()))
    with pytest.raises(ServiceForbids, match=r"disallowed .* see in \[quantum_neutron\] as whom"):
        tenant.attach_port(call(), PROJECT, mine, port_request())
    neutron_conf.set_override("bind_ports", False, GROUP)
    port = tenant.attach_port(call(), PROJECT, mine, port_request("vif-1"))
    assert tenant.port_by_attachment(call(), PROJECT, mine, "vif-1") == port
    assert tenant.detach_port(call(), PROJECT, mine, port)
    assert tenant.delete_network(call(), PROJECT, mine)


def test_the_role_service_binds_ports_of_any_project(as_whom: AsWhom, neutron: Neutron) -> None:
    theirs = made_by_others(neutron, PROJECT)
    nova = as_whom("nova:service:service")
    port = nova.attach_port(call(), PROJECT, theirs, port_request("vif-1"))
    (made,) = ports_of(neutron, theirs)
    assert (made["id"], made["binding:vif_type"]) == (port, "ovs")


def test_a_token_that_is_not_believed_is_a_matter_of_the_configuration(as_whom: AsWhom) -> None:
    with pytest.raises(ServiceForbids, match=r"check the credentials in \[quantum_neutron\]"):
        list(as_whom("expired").networks(call(), PROJECT))


# --- lists --------------------------------------------------------------------------------------


def test_a_port_that_goes_between_two_pages_breaks_no_list(
    driver: NeutronQuantum, neutron: Neutron, neutron_conf: ConfigOpts, net: str
) -> None:
    neutron_conf.set_override("page_size", 2, GROUP)
    made = sorted(driver.attach_port(call(), PROJECT, net, port_request()) for _ in range(5))
    listing = driver.ports(call(), PROJECT, net)
    seen = [next(listing).id, next(listing).id]
    neutron.ask("DELETE", f"ports/{made[1]}")  # behind which the next page would begin
    seen += [port.id for port in listing]
    assert seen == made


def test_what_is_not_neutrons_answer_is_said_not_to_be(
    neutron_conf: ConfigOpts, neutron: Neutron
) -> None:
    with Front(neutron.url) as front:
        neutron_conf.set_override("url", front.url, GROUP)
        with closing(NeutronQuantum(neutron_conf)) as driver:
            for text in ("{}", "[]", '{"networks": {}}', '{"networks": [{}]}', "<html>"):
                front.fail_next(200, text=text)
                with pytest.raises(NotTheService):
                    list(driver.networks(call(), PROJECT))
            front.fail_next(404)
            with pytest.raises(NotTheService):
                driver.network_exists(call(), PROJECT, str(uuid4()))


def test_a_refusal_without_a_name_is_told_in_neutrons_words(
    driver: NeutronQuantum, net: str
) -> None:
    pairs = tuple(
        AddressPair(mac=asked.mac, address=asked.addresses[0])  # type: ignore[arg-type]
        for asked in [port_request() for _ in range(11)]
    )
    request = PortRequest(attachment="vif-1", address_pairs=pairs)
    with pytest.raises(NeutronRefused, match=r"refused POST .* with 400: .*10") as raised:
        driver.attach_port(call(), PROJECT, net, request)
    assert raised.value.type == "AllowedAddressPairExhausted"


@pytest.mark.parametrize("id_", ["", "x", "../networks", "a?b=c", "é", ELSEWHERE])
def test_what_is_no_id_is_not_there(driver: NeutronQuantum, net: str, id_: str) -> None:
    if id_:
        assert not driver.network_exists(call(), PROJECT, id_)
    assert not driver.detach_port(call(), PROJECT, net, id_)
    assert not driver.detach_port(call(), PROJECT, id_, net)


def test_threads_share_a_driver(driver: NeutronQuantum, neutron: Neutron, net: str) -> None:
    def use(number: int) -> str:
        port = driver.attach_port(call(), PROJECT, net, port_request(f"vif-{number}"))
        assert driver.port_by_attachment(call(), PROJECT, net, f"vif-{number}") == port
        assert driver.detach_port(call(), PROJECT, net, port)
        return port

    assert len(set(race([partial(use, number) for number in range(4)]))) == 4
    assert ports_of(neutron, net) == []


# --- mirrored -----------------------------------------------------------------------------------


class TestMirror:
    @pytest.fixture
    def api(
        self,
        make_manager: MakeManager,
        api_of: ApiOf,
        neutron_conf: ConfigOpts,
        driver: NeutronQuantum,
    ) -> NetworkApi:
        neutron_conf.set_override("mirror_addresses", True, GROUP)
        return api_of(make_manager(quantum=driver))

    def test_neutrons_ports_tell_which_addresses_ipam_gave(
        self, api: NetworkApi, neutron: Neutron
    ) -> None:
        made = api.create(network_spec("10.0.0.0/24", "fd00:10::/64", label="blue"))
        mine = instance()
        api.allocate_for_instance(mine)
        assert told(neutron, mine.id) == addresses_of(api, mine.id)
        added = api.add_fixed_ip_to_instance(mine.id, "blue")
        assert str(added) in told(neutron, mine.id)
        assert told(neutron, mine.id) == addresses_of(api, mine.id)
        api.remove_fixed_ip_from_instance(mine.id, added)
        assert told(neutron, mine.id) == addresses_of(api, mine.id)
        subnets = neutron.ask("GET", "subnets", network_id=made.id)["subnets"]
        assert {each["cidr"] for each in subnets} == {"10.0.0.0/24", "fd00:10::/64"}
        assert {each["enable_dhcp"] for each in subnets} == {False}
        api.deallocate_for_instance(mine.id)
        api.delete("blue")
        assert neutron.ask("GET", "networks")["networks"] == []

    def test_an_address_that_neutron_gave_to_another_port_is_a_conflict_and_leaves_nothing(
        self, api: NetworkApi, neutron: Neutron
    ) -> None:
        made = api.create(network_spec("10.0.0.0/24", label="blue"))
        stranger(neutron, made.id, fixed_ips=[{"ip_address": "10.0.0.2"}])
        with pytest.raises(
            AddressTaken, match=r"10\.0\.0\.2 .* Reserve it with 'qplug network set"
        ):
            api.allocate_for_instance(instance())
        assert api.get_pending() == []
        assert len(ports_of(neutron, made.id)) == 1
        api.update("blue", subnets=SubnetChanges(reserved=(IPRange("10.0.0.2", "10.0.0.2"),)))
        mine = instance()
        api.allocate_for_instance(mine)
        assert told(neutron, mine.id) == {"10.0.0.3"}

    def test_an_adopted_network_keeps_the_subnets_of_others_and_loses_ours(
        self, api: NetworkApi, neutron: Neutron
    ) -> None:
        there = made_by_others(neutron, PROJECT)
        theirs = {"network_id": there, "tenant_id": PROJECT, "ip_version": 4, "cidr": "10.0.0.0/24"}
        neutron.ask("POST", "subnets", {"subnet": theirs})
        api.create(network_spec("10.0.0.0/24", "10.0.1.0/24", uuid=there))
        mine = instance()
        api.allocate_for_instance(mine)
        assert told(neutron, mine.id) == addresses_of(api, mine.id)
        api.deallocate_for_instance(mine.id)
        api.delete(there)
        subnets = neutron.ask("GET", "subnets", network_id=there)["subnets"]
        assert [each["cidr"] for each in subnets] == ["10.0.0.0/24"]


def told(neutron: Neutron, instance_id: str) -> set[str]:
    (port,) = neutron.ask("GET", "ports", device_id=instance_id)["ports"]
    return {each["ip_address"] for each in port["fixed_ips"]}


def addresses_of(api: NetworkApi, instance_id: str) -> set[str]:
    return {str(ip.address) for ip in api.get_instance_nw_info(instance_id).fixed_ips()}
