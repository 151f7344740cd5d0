"""Frozen values over netaddr types; nothing here knows a driver, a database or a wire."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal

from netaddr import EUI, AddrFormatError, IPAddress, IPNetwork, IPRange, mac_unix_expanded

MAC_TEXT = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
NO_MARKS = str.maketrans("", "", ":-")


DNS_LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
"""One part of a DNS name (RFC 1123, section 2.1)."""

DNS_NAME = re.compile(rf"{DNS_LABEL}(\.{DNS_LABEL})*")


class Capability(Enum):
    """What a driver can do beyond its contract; the manager asks, and never compares names."""

    SHARED = "several processes may use its state at once"
    STATELESS = "it keeps nothing, so what it gave needs no giving back"
    CHOSEN_ADDRESS = "an address asked for by name is given or refused, never replaced"
    POOLS = "allocation keeps to the pools and reservations of a subnet"
    REUSE_DELAY = "a released address rests before another vif gets it"
    ADDRESS_PAIRS = "ports take allowed address pairs"
    SERVES = "it serves the networks of this host: gateways, or DHCP"


def mac_address(text: str | EUI) -> EUI:
    """Return a MAC address that prints as ``fa:16:3e:12:34:56``.

    :raises netaddr.AddrFormatError: the text is not six pairs of hex digits
    """
    if isinstance(text, EUI):
        is_ours = (text.version, text.dialect) == (48, mac_unix_expanded)
        return text if is_ours else EUI(str(text), version=48, dialect=mac_unix_expanded)
    if not MAC_TEXT.fullmatch(text):
        raise AddrFormatError(f"{text!r} is no MAC address")  # netaddr would take fewer digits
    bits = int(text.translate(NO_MARKS), 16)  # which netaddr reads three times as fast
    return EUI(bits, version=48, dialect=mac_unix_expanded)


def is_domain(text: str) -> bool:
    """Say whether the text is a DNS name, without a dot at its end."""
    return len(text) <= 253 and DNS_NAME.fullmatch(text) is not None


@dataclass(frozen=True)
class Call:
    """One operation of the manager, as each driver it reaches sees it."""

    request_id: str
    """``req-`` and a uuid; send it along with whatever leaves the process."""

    now: datetime
    """The operation's time, aware and in UTC. Take time from here and tests can turn it."""

    deadline: float
    """When the caller stops waiting, on the clock of :func:`time.monotonic`."""

    once: str | None = None
    """The id of a request that is not to be done twice, which whoever does it writes down."""

    epoch: int | None = None
    """The mark of the instance that is changed; who does a part of it late finds another one."""

    observed: Callable[[str, BaseException | None], object] = field(
        default=lambda *_: None, compare=False, repr=False
    )
    """Is told of each call of a driver by the manager: its kind, and what it raised."""

    def remaining(self) -> float:
        """Seconds left, never negative; use it as the timeout of what leaves the process."""
        return max(0.0, self.deadline - time.monotonic())


@dataclass(frozen=True, kw_only=True)
class Route:
    """A static route that instances of a subnet are told."""

    cidr: IPNetwork
    gateway: IPAddress


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """A range of addresses of one IP version on a network."""

    id: str
    cidr: IPNetwork
    """Without host bits."""
    gateway: IPAddress | None = None
    dhcp_server: IPAddress | None = None
    """Where DHCP answers from; the gateway if there is one. ``None`` only if there is no room."""
    pools: tuple[IPRange, ...] = ()
    """Where addresses are taken from, lowest first; empty means the whole subnet."""
    reserved: tuple[IPRange, ...] = ()
    """What no vif may get, be it inside a pool or not."""
    dns: tuple[IPAddress, ...] = ()
    routes: tuple[Route, ...] = ()

    @property
    def version(self) -> int:
        """4 or 6."""
        return int(self.cidr.version)

    @property
    def derived(self) -> bool:
        """Whether addresses are computed from the MAC: an IPv6 /64 without pools."""
        return self.version == 6 and self.cidr.prefixlen == 64 and not self.pools


@dataclass(frozen=True, kw_only=True)
class DriverNames:
    """The names under which the drivers of a network were configured when it was made."""

    ipam: str
    quantum: str
    mac: str
    l3: str
    dhcp: str


@dataclass(frozen=True, kw_only=True)
class Network:
    """An L2 segment with its subnets. Its id is the one Quantum gave it."""

    id: str
    label: str
    project_id: str | None
    """The owner; ``None`` for a global network."""
    quantum_project: str
    """The project under which Quantum keeps it: the owner, or the default project."""
    priority: int | None = None
    """Lower comes first among an instance's vifs; ``None`` before any number."""
    host: str | None = None
    """Where its DHCP and gateway run."""
    zone: str | None = None
    rxtx_base: int | None = None
    """Bandwidth in Mb/s that an instance's rxtx factor multiplies."""
    mtu: int | None = None
    """Bytes of its largest packet; ``None`` is what the options of its host say."""
    dns_domain: str | None = None
    """What instances are told as their domain; ``None`` is what the options of its host say."""
    lease_time: int | None = None
    """Seconds of a DHCP lease; ``None`` is what the options of its host say."""
    adopted: bool = False
    """Whether it existed in Quantum before; such a network is left there at delete."""
    drivers: DriverNames
    subnets: tuple[Subnet, ...] = ()
    """IPv4 before IPv6, by cidr."""

    @property
    def has_gateway(self) -> bool:
        """Whether any subnet has a gateway, so that the network is routed."""
        return any(subnet.gateway is not None for subnet in self.subnets)

    @property
    def gateway_device(self) -> str:
        """Attachment of the port under which the network service knows gateway and DHCP."""
        return f"gw-{self.id[:11]}"

    @property
    def bridge(self) -> str:
        """Name of the bridge that joins the network's vifs on its host, and is their gateway."""
        return f"brq{self.id[:11]}"


@dataclass(frozen=True, kw_only=True)
class NetworkRequest:
    """A network asked for by an instance, perhaps with addresses."""

    network_id: str
    """The network's id, or its label where the project sees only one of it."""
    addresses: tuple[IPAddress, ...] = ()
    """At most one a subnet."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What qplug knows of a virtual machine, container or namespace."""

    id: str
    project_id: str
    name: str | None = None
    zone: str | None = None
    host: str | None = None
    rxtx_factor: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Vif:
    """A virtual interface. Its id is the attachment of its port and the key of every call."""

    id: str
    network_id: str
    instance_id: str
    project_id: str
    """The project of the instance, which on a global network is not the network's."""
    mac: EUI


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """An address in use by a vif."""

    vif_id: str
    subnet_id: str
    address: IPAddress


@dataclass(frozen=True, kw_only=True)
class FixedIp:
    """An address of an instance, as listed to people."""

    id: str
    address: IPAddress
    network_id: str
    subnet_id: str
    vif_id: str
    instance_id: str
    project_id: str
    mac: EUI


@dataclass(frozen=True, kw_only=True)
class SubnetUsage:
    """How full a subnet is, in addresses."""

    subnet_id: str
    cidr: IPNetwork
    used: int
    """By vifs, be it outside the pools of today; the five numbers add up to the cidr's size."""
    resting: int
    """Released, and not given to another vif before their rest ends."""
    held: int
    """Of a vif whose clean-up is unfinished; part of no other number."""
    reserved: int
    """Never given: network, broadcast, gateway, DHCP server, reservations, outside the pools."""
    free: int

    @property
    def percent(self) -> int:
        """How much is used or held, rounded down, of all that is or could be.

        What rests counts as not used. Where nothing could be used it is 100.
        """
        taken = self.used + self.held
        all_of_it = taken + self.resting + self.free
        return 100 * taken // all_of_it if all_of_it else 100


@dataclass(frozen=True, kw_only=True)
class AddressPair:
    """A sender a port lets through: this MAC address with this IP address."""

    mac: EUI
    address: IPAddress


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port of a network with what is attached to it: a vif's id, or a gateway device."""

    id: str
    attachment: str
    addresses: tuple[IPAddress, ...] = ()
    """What the service shows that is sent from there; none if it shows nothing of it."""


@dataclass(frozen=True, kw_only=True)
class PortRequest:
    """A port to be made and attached. A gateway's port has an attachment and nothing else."""

    attachment: str
    mac: EUI | None = None
    addresses: tuple[IPAddress, ...] = ()
    address_pairs: tuple[AddressPair, ...] = ()
    instance_id: str | None = None
    host: str | None = None
    zone: str | None = None
    rxtx_factor: float | None = None


def device_of(vif_id: str) -> str:
    """Return the name of a vif's device on its host."""
    return f"tap{vif_id[:11]}"


@dataclass(frozen=True, kw_only=True)
class DhcpHost:
    """A vif with all its addresses on the network, which DHCP tells and port security lets pass."""

    vif_id: str
    mac: EUI
    addresses: tuple[IPAddress, ...]
    hostname: str | None = None

    @property
    def device(self) -> str:
        """Name of the vif's device on its host."""
        return device_of(self.vif_id)


@dataclass(frozen=True, kw_only=True)
class Plug:
    """Where a vif's device leads: to an interface in a network namespace, or to nothing yet."""

    netns: str | None = None
    """The namespace's name; without one the device is a tap, which a virtual machine opens."""
    interface: str = "eth0"
    """The name inside of the namespace."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something on this host that is not as it is wanted."""

    what: Literal["gateway", "nat", "port", "service", "host"]
    """A network's bridge with its addresses, its translation, a vif's device with what it may send,
    the DHCP server of a network, or a vif that it answers."""
    network_id: str | None = None
    vif_id: str | None = None
    address: IPAddress | None = None
    wanted: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A DHCP lease that a client gave back or let run out."""

    network_id: str
    address: IPAddress
    mac: EUI


@dataclass(frozen=True, kw_only=True)
class ActiveLease(Lease):
    """A DHCP lease that a client holds."""

    expires: datetime
    """When it runs out, unless the client asks again; aware and in UTC."""
    hostname: str | None = None
    client_id: str | None = None
    """What the client calls itself, in hexadecimal with colons; its DUID where IPv6."""
