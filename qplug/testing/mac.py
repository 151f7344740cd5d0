"""The conformance suite of MAC drivers."""

from functools import partial
from typing import ClassVar
from uuid import uuid4

import pytest
from netaddr import EUI

from qplug.contracts import MacDriver
from qplug.errors import Exhausted
from qplug.model import Capability
from qplug.testing.suite import Calls, DriverSuite, race
from qplug.testing.values import PROJECT, call


def give(driver: MacDriver, vif_id: str = "") -> EUI:
    """Return the MAC address of a vif, a new one unless told."""
    owner = vif_id or str(uuid4())
    return driver.allocate(call(), vif_id=owner, instance_id=str(uuid4()), project_id=PROJECT)


class MacDriverSuite(DriverSuite, base=True):
    """Inherit it and supply ``driver``, a fixture that gave no address yet."""

    contract = MacDriver
    calls: ClassVar[Calls] = {
        "check": lambda driver, call: driver.check(call),
        "allocate": lambda driver, call: driver.allocate(
            call, vif_id="vif-1", instance_id="instance-1", project_id=PROJECT
        ),
        "deallocate": lambda driver, call: driver.deallocate(
            call, vif_id="vif-1", project_id=PROJECT
        ),
    }

    can_run_out: ClassVar[bool] = True
    """Whether it gives from ranges that end; if so, supply ``exhausted_driver``."""

    @pytest.fixture
    def exhausted_driver(self) -> MacDriver:
        """Return the driver with nothing left to give; override it."""
        if not self.can_run_out:
            pytest.skip("can_run_out = False: there is always a further address")
        pytest.fail(
            f"{type(self).__name__} lacks a fixture 'exhausted_driver': the driver with nothing "
            "left to give. Set can_run_out = False if that cannot be"
        )

    def test_an_address_is_unicast_of_48_bits_and_not_zero(self, driver: MacDriver) -> None:
        mac = give(driver)
        assert mac.version == 48
        assert mac.value != 0
        assert mac.words[0] & 1 == 0

    def test_an_address_prints_in_lower_case_with_colons(self, driver: MacDriver) -> None:
        text = str(give(driver))
        assert text == text.lower()
        assert [len(octet) for octet in text.split(":")] == [2] * 6

    def test_addresses_asked_for_at_once_differ(self, driver: MacDriver) -> None:
        self._with_records(driver)
        given = race([partial(give, driver) for _ in range(12)])
        assert all(isinstance(each, EUI) for each in given)
        assert len(set(given)) == 12

    def test_a_vif_gets_the_same_address_again(self, driver: MacDriver) -> None:
        self._with_records(driver)
        assert give(driver, "vif-1") == give(driver, "vif-1")

    def test_a_driver_without_records_may_be_asked_for_a_further_one(
        self, driver: MacDriver
    ) -> None:
        if Capability.STATELESS not in driver.capabilities:
            pytest.skip("the driver keeps records: it declares no Capability.STATELESS")
        assert len({give(driver, "vif-1") for _ in range(8)}) > 1

    def test_deallocating_once_or_more_or_what_was_never_given_is_quiet(
        self, driver: MacDriver
    ) -> None:
        give(driver, "vif-1")
        other = give(driver, "vif-2")
        for vif_id in ("vif-1", "vif-1", "stranger"):
            driver.deallocate(call(), vif_id=vif_id, project_id=PROJECT)
        if Capability.STATELESS not in driver.capabilities:
            assert give(driver, "vif-2") == other

    def test_a_driver_with_nothing_left_says_so(self, exhausted_driver: MacDriver) -> None:
        with pytest.raises(Exhausted):
            give(exhausted_driver)

    def _with_records(self, driver: MacDriver) -> None:
        if Capability.STATELESS in driver.capabilities:
            pytest.skip("the driver keeps no records: it declares Capability.STATELESS")
