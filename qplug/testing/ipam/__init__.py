"""The conformance suite of IPAM drivers."""

from typing import ClassVar

from netaddr import IPAddress

from qplug.contracts import Driver, IpamDriver
from qplug.model import Capability
from qplug.testing.ipam.allocating import AllocatingTests
from qplug.testing.ipam.changing import ChangingTests
from qplug.testing.ipam.listing import ListingTests
from qplug.testing.ipam.resting import RestingTests
from qplug.testing.ipam.sharing import SharingTests
from qplug.testing.ipam.subnets import SubnetTests
from qplug.testing.ipam.wanting import WantingTests
from qplug.testing.suite import Calls, DriverSuite, needs
from qplug.testing.values import lease, network, vif

_NETWORK = network("10.0.0.0/29")
_VIF = vif(_NETWORK)
_ADDRESS = IPAddress("10.0.0.2")


class IpamDriverSuite(
    SubnetTests,
    AllocatingTests,
    WantingTests,
    RestingTests,
    ChangingTests,
    ListingTests,
    SharingTests,
    DriverSuite,
    base=True,
):
    """Inherit it and supply ``driver``, a fixture that keeps no subnet yet.

    What a driver may leave out is asked of it only if it declares it: ``CHOSEN_ADDRESS``,
    ``POOLS``, ``REUSE_DELAY``, the policy ``sequential``, SubnetUpdates, AddressUsage and
    FloatingIps. One that declares ``SHARED`` is asked for a fixture ``same_driver``.
    """

    contract = IpamDriver
    calls: ClassVar[Calls] = {
        "check": lambda driver, call: driver.check(call),
        "create_subnets": lambda driver, call: driver.create_subnets(call, _NETWORK),
        "delete_subnets": lambda driver, call: driver.delete_subnets(call, _NETWORK),
        "subnet_ids": lambda driver, call: driver.subnet_ids(call, _NETWORK.id),
        "allocate": lambda driver, call: driver.allocate(call, _NETWORK, _VIF),
        "deallocate": lambda driver, call: driver.deallocate(call, _NETWORK, _VIF),
        "add_address": lambda driver, call: driver.add_address(call, _NETWORK, _VIF),
        "remove_address": lambda driver, call: driver.remove_address(
            call, _NETWORK, _VIF, _ADDRESS
        ),
        "allocations": lambda driver, call: list(driver.allocations(call)),
        "lease_ended": lambda driver, call: driver.lease_ended(
            call, lease(_NETWORK, _VIF, str(_ADDRESS))
        ),
        "update_subnets": lambda driver, call: driver.update_subnets(call, _NETWORK),
        "usage": lambda driver, call: driver.usage(call, [_NETWORK.id]),
        "floating_ips": lambda driver, call: driver.floating_ips(call, _NETWORK.id, [_ADDRESS]),
    }

    def test_a_gone_backend_is_unavailable_within_the_deadline(
        self, gone_driver: Driver, method: str
    ) -> None:
        if method == "lease_ended":  # where no address rests there is nobody to ask
            needs(gone_driver, Capability.REUSE_DELAY)
        super().test_a_gone_backend_is_unavailable_within_the_deadline(gone_driver, method)
