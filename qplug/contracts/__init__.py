"""What a driver promises: one module a kind, few methods, all abstract.

Every method blocks, may be called from several threads and after a fork, and leaves nothing
behind when it raises. Any may raise :class:`~qplug.errors.Unavailable`, at the latest when
``call.remaining()`` is zero; whatever leaves the process keeps that deadline.
"""

from qplug.contracts.base import ApiRange, Driver, HostFaults
from qplug.contracts.dhcp import ActiveLeases, DhcpDriver, LeaseEvents
from qplug.contracts.ipam import AddressUsage, FloatingIps, IpamDriver, SubnetUpdates
from qplug.contracts.l3 import HostPorts, L3Driver
from qplug.contracts.mac import MacDriver
from qplug.contracts.quantum import AddressMirror, AddressPairs, QuantumDriver

KINDS = ("ipam", "quantum", "mac", "l3", "dhcp")
"""The five kinds of drivers, in the order of the configuration file."""

__all__ = [
    "KINDS",
    "ActiveLeases",
    "AddressMirror",
    "AddressPairs",
    "AddressUsage",
    "ApiRange",
    "DhcpDriver",
    "Driver",
    "FloatingIps",
    "HostFaults",
    "HostPorts",
    "IpamDriver",
    "L3Driver",
    "LeaseEvents",
    "MacDriver",
    "QuantumDriver",
    "SubnetUpdates",
]
