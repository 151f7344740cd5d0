"""What a Melange server keeps, one class a table."""

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from uuid import uuid4

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


@dataclass(kw_only=True, eq=False)
class Record:
    """What has an id of the server's making, and knows when it was made and changed."""

    created_at: datetime
    id: str = field(default_factory=lambda: str(uuid4()))
    updated_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.updated_at = self.created_at


@dataclass(kw_only=True, eq=False)
class Route(Record):
    """A route of a block; nothing of it is checked."""

    destination: str
    netmask: str | None
    gateway: str


@dataclass(kw_only=True, eq=False)
class Block(Record):
    """A cidr of one tenant, mostly on one network."""

    cidr: IPNetwork
    tenant_id: str
    type: str
    network_id: str | None
    parent_id: str | None
    gateway: str | None
    dns1: str | None
    dns2: str | None
    policy_id: str | None
    routes: dict[str, Route] = field(default_factory=dict)
    addresses: dict[IPAddress, "Address"] = field(default_factory=dict)
    """Those that are held and those in quarantine."""
    purged: list[IPAddress] = field(default_factory=list)
    """Those that were in quarantine; they are given again before the counter goes on."""
    given: int = 0
    """The counter: how many addresses were tried, from the network address on."""
    is_full: bool = False
    """A search found nothing; it gives nothing more until the job has run."""

    @property
    def broadcast(self) -> str:
        """The last address, IPv6 too."""
        return str(self.cidr.broadcast_address)

    @property
    def netmask(self) -> str:
        """The netmask, of IPv6 only the length of the prefix."""
        return str(self.cidr.netmask if self.cidr.version == 4 else self.cidr.prefixlen)


@dataclass(kw_only=True, eq=False)
class MacRange(Record):
    """A pool of MAC addresses; its cidr may be nonsense."""

    cidr: str
    given: int = 0
    freed: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Mac:
    """The MAC address of an interface."""

    value: int
    mac_range: MacRange | None
    """The range it is from; none if it was given by hand."""

    def __str__(self) -> str:
        return ":".join(f"{byte:02X}" for byte in self.value.to_bytes(6))


@dataclass(kw_only=True, eq=False)
class Interface(Record):
    """A virtual interface of a device."""

    tenant_id: str
    vif_id: str | None
    """The id of the caller's making, by which alone v0.1 finds it."""
    device_id: str | None
    mac: Mac | None = None
    addresses: dict[str, "Address"] = field(default_factory=dict)
    allowed: dict[str, "Address"] = field(default_factory=dict)
    """Those of others that it may use beside its own."""

    @property
    def name(self) -> str:
        """The id that answers show."""
        return self.vif_id or self.id

    @property
    def network_id(self) -> str | None:
        """The network on which it holds addresses."""
        return next((held.block.network_id for held in self.addresses.values()), None)


@dataclass(kw_only=True, eq=False)
class Address(Record):
    """An address of a block that is held, or in quarantine."""

    ip: IPAddress
    block: Block
    interface: Interface | None
    deallocated_at: datetime | None = None
    """Since when it is in quarantine."""


@dataclass(kw_only=True, eq=False)
class IpRange(Record):
    """Addresses counted from the start of a block, or from its end if the offset is negative."""

    policy_id: str
    offset: int
    length: int


@dataclass(kw_only=True, eq=False)
class IpOctet(Record):
    """Addresses that end with a number."""

    policy_id: str
    octet: int


@dataclass(kw_only=True, eq=False)
class Policy(Record):
    """What the blocks tied to it must not give."""

    tenant_id: str
    name: str
    description: str | None
    ip_ranges: dict[str, IpRange] = field(default_factory=dict)
    ip_octets: dict[str, IpOctet] = field(default_factory=dict)
