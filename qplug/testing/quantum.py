"""The conformance suite of Quantum drivers."""

# mypy: disable-error-code=type-abstract
# Contracts are asked for here, and never made.

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from typing import ClassVar
from uuid import uuid4

import pytest
from netaddr import IPAddress

from qplug.contracts import AddressMirror, AddressPairs, QuantumDriver
from qplug.errors import Conflict, NetworkBusy, NetworkNotFound
from qplug.model import AddressPair, Capability, Port, PortRequest, mac_address
from qplug.testing.suite import Calls, DriverSuite, provided, race
from qplug.testing.values import OTHER_PROJECT, PROJECT, call, subnet

_ID = "00000000-0000-4000-8000-000000000000"
_GATEWAY = PortRequest(attachment="gw-00000000-00")
_NUMBERS = count(3)
_PAIR = AddressPair(mac=mac_address("fa:16:3e:00:00:01"), address=IPAddress("10.0.0.2"))


def port_request(attachment: str = "") -> PortRequest:
    """Return what the manager asks for a vif: each has a MAC address and an address of its own."""
    number = next(_NUMBERS)
    return PortRequest(
        attachment=attachment or str(uuid4()),
        mac=mac_address(f"fa:16:3e:00:{number >> 8:02x}:{number & 0xFF:02x}"),
        addresses=(IPAddress(f"10.0.{number >> 8}.{number & 0xFF}"),),
        instance_id=str(uuid4()),
        host="host-1",
    )


class QuantumDriverSuite(DriverSuite, base=True):
    """Inherit it and supply ``driver``, a fixture that knows no network of the two projects."""

    contract = QuantumDriver
    calls: ClassVar[Calls] = {
        "check": lambda driver, call: driver.check(call),
        "create_network": lambda driver, call: driver.create_network(call, PROJECT, "l", key=_ID),
        "network_by_key": lambda driver, call: driver.network_by_key(call, PROJECT, _ID),
        "delete_network": lambda driver, call: driver.delete_network(call, PROJECT, _ID),
        "network_exists": lambda driver, call: driver.network_exists(call, PROJECT, _ID),
        "network_name": lambda driver, call: driver.network_name(call, PROJECT, _ID),
        "networks": lambda driver, call: list(driver.networks(call, PROJECT)),
        "attach_port": lambda driver, call: driver.attach_port(call, PROJECT, _ID, _GATEWAY),
        "detach_port": lambda driver, call: driver.detach_port(call, PROJECT, _ID, _ID),
        "port_by_attachment": lambda driver, call: driver.port_by_attachment(
            call, PROJECT, _ID, "gw-0"
        ),
        "ports": lambda driver, call: list(driver.ports(call, PROJECT, _ID)),
        "set_address_pairs": lambda driver, call: driver.set_address_pairs(
            call, PROJECT, _ID, _ID, [_PAIR]
        ),
        "mirror_subnets": lambda driver, call: driver.mirror_subnets(call, PROJECT, _ID, []),
        "mirror_addresses": lambda driver, call: driver.mirror_addresses(
            call, PROJECT, _ID, _ID, []
        ),
    }

    project: ClassVar[str] = PROJECT
    other_project: ClassVar[str] = OTHER_PROJECT

    attachments_are_unique: ClassVar[bool] = False
    """Whether the service itself refuses a second port for an attachment."""

    attachments_are_global: ClassVar[bool] = False
    """Whether it refuses one on another network, too."""

    def attach_again(
        self, driver: QuantumDriver, project_id: str, network_id: str, attachment: str
    ) -> None:
        """Make one more port for the attachment, behind the driver's back; override it."""
        pytest.fail(
            f"{type(self).__name__} lacks a method 'attach_again'. Set attachments_are_unique = "
            "True if the service refuses a second port for an attachment"
        )

    def made(self, driver: QuantumDriver, label: str = "blue", project: str | None = None) -> str:
        """Return a new network of the project."""
        return driver.create_network(call(), project or self.project, label, key=str(uuid4()))

    # --- networks -------------------------------------------------------------------------------

    def test_a_created_network_is_there_under_its_label(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        assert driver.network_exists(call(), self.project, net)
        assert driver.network_name(call(), self.project, net) == "blue"
        assert net in driver.networks(call(), self.project)

    def test_a_label_may_be_that_of_several_networks(self, driver: QuantumDriver) -> None:
        assert self.made(driver) != self.made(driver)

    def test_a_key_gives_the_same_network_again_unless_the_service_keeps_none(
        self, driver: QuantumDriver
    ) -> None:
        key = str(uuid4())
        net = driver.create_network(call(), self.project, "blue", key=key)
        found = driver.network_by_key(call(), self.project, key)
        assert found in (net, None)
        again = driver.create_network(call(), self.project, "blue", key=key)
        assert (again == net) == (found is not None)

    def test_a_key_never_used_is_no_networks(self, driver: QuantumDriver) -> None:
        self.made(driver)
        assert driver.network_by_key(call(), self.project, str(uuid4())) is None

    def test_another_project_sees_nothing_of_a_network(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        assert not driver.network_exists(call(), self.other_project, net)
        assert net not in driver.networks(call(), self.other_project)
        with pytest.raises(NetworkNotFound):
            driver.network_name(call(), self.other_project, net)

    def test_an_unknown_network_is_not_found(self, driver: QuantumDriver) -> None:
        assert not driver.network_exists(call(), self.project, str(uuid4()))
        with pytest.raises(NetworkNotFound):
            driver.network_name(call(), self.project, str(uuid4()))

    def test_all_networks_of_a_project_are_listed_and_no_others(
        self, driver: QuantumDriver
    ) -> None:
        mine = {self.made(driver) for _ in range(3)}
        self.made(driver, project=self.other_project)
        listing = driver.networks(call(), self.project)
        assert isinstance(listing, Iterator)
        assert set(listing) == mine

    def test_a_deleted_network_is_gone(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        assert driver.delete_network(call(), self.project, net) is True
        assert not driver.network_exists(call(), self.project, net)
        assert list(driver.networks(call(), self.project)) == []
        with pytest.raises(NetworkNotFound):
            driver.network_name(call(), self.project, net)

    def test_deleting_again_says_that_nothing_was_there(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        driver.delete_network(call(), self.project, net)
        assert driver.delete_network(call(), self.project, net) is False
        assert driver.delete_network(call(), self.project, str(uuid4())) is False

    def test_another_project_deletes_nothing(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        assert driver.delete_network(call(), self.other_project, net) is False
        assert driver.network_exists(call(), self.project, net)

    def test_a_network_with_a_port_is_not_deleted(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        port = driver.attach_port(call(), self.project, net, port_request())
        with pytest.raises(NetworkBusy):
            driver.delete_network(call(), self.project, net)
        assert driver.network_exists(call(), self.project, net)
        driver.detach_port(call(), self.project, net, port)
        assert driver.delete_network(call(), self.project, net) is True

    # --- ports ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("request_", [port_request("vif-1"), _GATEWAY], ids=["vif", "gateway"])
    def test_an_attached_port_is_found_by_its_attachment(
        self, driver: QuantumDriver, request_: PortRequest
    ) -> None:
        net = self.made(driver)
        port = driver.attach_port(call(), self.project, net, request_)
        assert driver.port_by_attachment(call(), self.project, net, request_.attachment) == port
        listing = driver.ports(call(), self.project, net)
        assert isinstance(listing, Iterator)
        (shown,) = listing
        assert isinstance(shown, Port)
        assert (shown.id, shown.attachment) == (port, request_.attachment)

    def test_a_port_shows_the_addresses_it_was_asked_for_with_or_none(
        self, driver: QuantumDriver
    ) -> None:
        net = self.made(driver)
        asked = replace(port_request(), addresses=(_PAIR.address,), address_pairs=(_PAIR,))
        driver.attach_port(call(), self.project, net, asked)
        (shown,) = driver.ports(call(), self.project, net)
        assert shown.addresses in (asked.addresses, ())

    def test_attaching_again_gives_the_same_port(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        request = port_request()
        port = driver.attach_port(call(), self.project, net, request)
        assert driver.attach_port(call(), self.project, net, request) == port
        assert len(list(driver.ports(call(), self.project, net))) == 1

    def test_an_attachment_has_one_port_a_network(self, driver: QuantumDriver) -> None:
        one, two = self.made(driver), self.made(driver)
        first = driver.attach_port(call(), self.project, one, _GATEWAY)
        if self.attachments_are_global:
            with pytest.raises(Conflict):
                driver.attach_port(call(), self.project, two, _GATEWAY)
            assert list(driver.ports(call(), self.project, two)) == []
            return
        second = driver.attach_port(call(), self.project, two, _GATEWAY)
        attachment = _GATEWAY.attachment
        assert driver.port_by_attachment(call(), self.project, one, attachment) == first
        assert driver.port_by_attachment(call(), self.project, two, attachment) == second

    def test_nothing_is_attached_to_what_the_project_does_not_have(
        self, driver: QuantumDriver
    ) -> None:
        net = self.made(driver)
        with pytest.raises(NetworkNotFound):
            driver.attach_port(call(), self.other_project, net, port_request())
        with pytest.raises(NetworkNotFound):
            driver.attach_port(call(), self.project, str(uuid4()), port_request())
        assert list(driver.ports(call(), self.project, net)) == []

    def test_ports_attached_at_once_are_all_there(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        requests = [port_request() for _ in range(12)]
        attach = partial(driver.attach_port, call(), self.project, net)
        answers = race([partial(attach, request) for request in requests])
        made = {(port.id, port.attachment) for port in driver.ports(call(), self.project, net)}
        assert made == set(zip(answers, [each.attachment for each in requests], strict=True))

    def test_a_race_for_one_attachment_leaves_one_port_where_the_service_sees_to_it(
        self, driver: QuantumDriver
    ) -> None:
        if not self.attachments_are_unique:
            pytest.skip("attachments_are_unique = False")
        net = self.made(driver)
        answers = race([partial(driver.attach_port, call(), self.project, net, _GATEWAY)] * 8)
        (port,) = driver.ports(call(), self.project, net)
        assert answers == [port.id] * 8

    def test_a_detached_port_is_gone(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        port = driver.attach_port(call(), self.project, net, _GATEWAY)
        attachment = _GATEWAY.attachment
        assert driver.detach_port(call(), self.project, net, port) is True
        assert driver.port_by_attachment(call(), self.project, net, attachment) is None
        assert list(driver.ports(call(), self.project, net)) == []

    def test_detaching_again_says_that_nothing_was_there(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        port = driver.attach_port(call(), self.project, net, port_request())
        driver.detach_port(call(), self.project, net, port)
        assert driver.detach_port(call(), self.project, net, port) is False
        assert driver.detach_port(call(), self.project, net, str(uuid4())) is False
        assert driver.detach_port(call(), self.project, str(uuid4()), port) is False

    def test_another_project_detaches_nothing(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        port = driver.attach_port(call(), self.project, net, port_request())
        assert driver.detach_port(call(), self.other_project, net, port) is False
        assert [each.id for each in driver.ports(call(), self.project, net)] == [port]

    def test_an_attachment_without_port_or_network_has_none(self, driver: QuantumDriver) -> None:
        net = self.made(driver)
        driver.attach_port(call(), self.project, net, port_request("vif-1"))
        assert driver.port_by_attachment(call(), self.project, net, "vif-2") is None
        assert driver.port_by_attachment(call(), self.project, str(uuid4()), "vif-1") is None
        assert driver.port_by_attachment(call(), self.other_project, net, "vif-1") is None

    def test_an_attachment_on_several_ports_is_a_conflict(self, driver: QuantumDriver) -> None:
        if self.attachments_are_unique:
            pytest.skip("attachments_are_unique = True: there cannot be several")
        net = self.made(driver)
        driver.attach_port(call(), self.project, net, port_request("vif-1"))
        self.attach_again(driver, self.project, net, "vif-1")
        with pytest.raises(Conflict):
            driver.port_by_attachment(call(), self.project, net, "vif-1")

    def test_the_ports_of_what_the_project_does_not_have_are_not_found(
        self, driver: QuantumDriver
    ) -> None:
        net = self.made(driver)
        with pytest.raises(NetworkNotFound):
            list(driver.ports(call(), self.other_project, net))
        with pytest.raises(NetworkNotFound):
            list(driver.ports(call(), self.project, str(uuid4())))

    # --- AddressPairs ---------------------------------------------------------------------------

    def test_address_pairs_are_declared_and_kept_together(self, driver: QuantumDriver) -> None:
        declared = Capability.ADDRESS_PAIRS in driver.capabilities
        assert declared or not isinstance(driver, AddressPairs)

    def test_address_pairs_can_be_set_and_taken_away(self, driver: QuantumDriver) -> None:
        pairs = provided(driver, AddressPairs)
        net = self.made(driver)
        port = driver.attach_port(call(), self.project, net, port_request("vif-1"))
        pairs.set_address_pairs(call(), self.project, net, port, [_PAIR])
        pairs.set_address_pairs(call(), self.project, net, port, [])
        assert driver.port_by_attachment(call(), self.project, net, "vif-1") == port

    def test_a_port_shows_the_addresses_of_its_pairs(self, driver: QuantumDriver) -> None:
        pairs = provided(driver, AddressPairs)
        net = self.made(driver)
        asked = replace(port_request(), address_pairs=(_PAIR,))
        port = driver.attach_port(call(), self.project, net, asked)
        others = [replace(_PAIR, address=IPAddress(text)) for text in ("10.0.0.7", "fd00::7")]
        for wanted in ([_PAIR], others):
            pairs.set_address_pairs(call(), self.project, net, port, wanted)
            (shown,) = driver.ports(call(), self.project, net)
            assert set(shown.addresses) == {pair.address for pair in wanted}

    def test_address_pairs_of_what_is_not_there_are_not_found(self, driver: QuantumDriver) -> None:
        pairs = provided(driver, AddressPairs)
        net = self.made(driver)
        port = driver.attach_port(call(), self.project, net, port_request())
        for absent in (
            (self.project, net, str(uuid4())),
            (self.project, str(uuid4()), port),
            (self.other_project, net, port),
        ):
            with pytest.raises(NetworkNotFound):
                pairs.set_address_pairs(call(), *absent, [_PAIR])

    # --- AddressMirror --------------------------------------------------------------------------

    def test_mirrored_subnets_and_addresses_can_be_set_and_taken_away(
        self, driver: QuantumDriver
    ) -> None:
        mirror = provided(driver, AddressMirror)
        net = self.made(driver)
        both = [subnet("10.0.0.0/16"), subnet("fd00:10::/64")]
        for _ in range(2):  # it may be repeated
            mirror.mirror_subnets(call(), self.project, net, both)
        port = driver.attach_port(call(), self.project, net, port_request("vif-1"))
        several = [IPAddress(text) for text in ("10.0.0.77", "10.0.9.9", "fd00:10::77")]
        for addresses in (several, several[1:], []):
            for _ in range(2):
                mirror.mirror_addresses(call(), self.project, net, port, addresses)
            (shown,) = driver.ports(call(), self.project, net)
            assert set(shown.addresses) in (set(addresses), set())
        for left in (both[:1], []):
            mirror.mirror_subnets(call(), self.project, net, left)
        assert driver.port_by_attachment(call(), self.project, net, "vif-1") == port

    def test_what_is_mirrored_goes_with_its_network(self, driver: QuantumDriver) -> None:
        mirror = provided(driver, AddressMirror)
        net = self.made(driver)
        mirror.mirror_subnets(call(), self.project, net, [subnet("10.0.0.0/16")])
        port = driver.attach_port(call(), self.project, net, port_request())
        driver.detach_port(call(), self.project, net, port)
        assert driver.delete_network(call(), self.project, net) is True
