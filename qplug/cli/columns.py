"""How values look in each format: nested for machines, readable for people."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cliff.columns import FormattableColumn

if TYPE_CHECKING:
    from netaddr import IPRange

    from qplug import network_info
    from qplug.model import (
        ActiveLease,
        DhcpHost,
        Difference,
        DriverNames,
        FixedIp,
        Instance,
        Network,
        Subnet,
        SubnetUsage,
        Vif,
    )
    from qplug.store import Service, Work

DEEP = ("json", "yaml")
"""Formats that show what is nested."""

EXACT = 10**7
"""Counts up to this are shown in full to people."""

FULL = 100
"""Percent."""


class Nested(FormattableColumn[Any]):
    """A value with parts: JSON and YAML show them all, a table one a line, csv their names."""

    def __init__(
        self, value: Any, lines: Sequence[str], names: Sequence[str] | None = None
    ) -> None:
        super().__init__(value)
        self._lines = lines
        self.flat = ",".join(lines if names is None else names)

    def human_readable(self) -> str:
        """Return one part a line."""
        return "\n".join(self._lines)


class Count(FormattableColumn[int]):
    """A number that a table shortens: 1.8e19 and not its twenty digits."""

    @property
    def flat(self) -> int:
        """The number itself."""
        return self._value

    def human_readable(self) -> str:
        """Return seven characters, or more where that is not enough."""
        text = str(self._value) if self._value < EXACT else f"{self._value:.1e}".replace("+", "")
        return f"{text:>7}"


def fitted(value: Any, formatter: str) -> Any:
    """Return rows, or one row or value, as a formatter can print them."""
    if isinstance(value, (list, tuple, Iterator)):
        return [fitted(each, formatter) for each in value]
    if formatter in DEEP:
        return value
    if value is None:
        return "" if formatter == "csv" else "-"
    return getattr(value, "flat", value) if formatter in ("csv", "value") else value


NETWORK = (
    "id",
    "label",
    "project_id",
    "host",
    "priority",
    "zone",
    "rxtx_base",
    "mtu",
    "dns_domain",
    "lease_time",
    "adopted",
    "drivers",
    "subnets",
)
COUNTS = ("used", "resting", "held", "reserved", "free")
USAGE = ("network", "cidr", *COUNTS, "percent", "warning")
INSTANCE = ("id", "project_id", "name", "zone", "host", "rxtx_factor")
VIF = ("id", "mac", "network_id", "instance_id", "project_id")
INFO = ("network", "mac", "addresses")
INFO_JSON = ("id", "address", "network", "meta")
SERVICE = ("host", "alive", "networks", "silent_for", "version", "started_at", "pid")
DEVICE = ("device", "vif_id", "netns", "interface")
DHCP_HOST = ("mac", "addresses", "vif_id")
LEASE = ("address", "mac", "expires", "hostname", "client_id")
FIXED_IP = (
    "id",
    "address",
    "network_id",
    "subnet_id",
    "instance_id",
    "vif_id",
    "mac",
    "project_id",
)
PENDING = (
    "kind",
    "id",
    "name",
    "project_id",
    "state",
    "created_at",
    "due",
    "attempts",
    "error",
)
DIFFERENCE = (
    "kind",
    "where",
    "what",
    "network_id",
    "label",
    "instance_id",
    "vif_id",
    "address",
    "port_id",
    "wanted",
    "found",
    "plan",
    "kept",
    "repaired",
)


def network_row(network: "Network", *, brief: bool = False) -> tuple[Any, ...]:
    """Return the columns of ``NETWORK``; a table shows only the cidrs of a brief one."""
    return (
        *(getattr(network, name) for name in NETWORK[:-2]),
        _drivers(network.drivers),
        _subnets(network.subnets, brief=brief),
    )


def usage_row(network: "Network", usage: "SubnetUsage", warn_at: int) -> tuple[Any, ...]:
    """Return the columns of ``USAGE``; there is a warning from so many percent on."""
    counts = (Count(getattr(usage, name)) for name in COUNTS)
    warning = "full" if usage.percent >= FULL else "nearly full"
    told = warning if usage.percent >= warn_at else None
    return (network.label, str(usage.cidr), *counts, usage.percent, told)


def instance_row(instance: "Instance") -> tuple[Any, ...]:
    """Return the columns of ``INSTANCE``."""
    return tuple(getattr(instance, name) for name in INSTANCE)


def service_row(service: "Service", heartbeat: float) -> tuple[Any, ...]:
    """Return the columns of ``SERVICE``, the silence in seconds, as is the heartbeat."""
    alive, silence = service.is_alive(heartbeat), round(service.silent_for, 1)
    started = f"{service.started_at:%Y-%m-%dT%H:%M:%SZ}"
    counts = (service.networks, silence, service.version, started)
    return (service.host, alive, *counts, service.pid)


def vif_row(vif: "Vif") -> tuple[Any, ...]:
    """Return the columns of ``VIF``."""
    return _texts(vif, VIF)


def info_row(vif: "network_info.VIF") -> tuple[Any, ...]:
    """Return the columns of ``INFO``."""
    addresses = [str(ip.address) for ip in vif.fixed_ips()]
    floating = [f"{ip.address} (floating)" for ip in vif.floating_ips()]
    label = vif.network.label if vif.network else None
    return (label, str(vif.address), Nested(addresses, [*addresses, *floating], addresses))


def info_json_row(vif: "network_info.VIF") -> tuple[Any, ...]:
    """Return the columns of ``INFO_JSON``: what compute is given."""
    keys = vif.to_dict()
    return tuple(keys[name] for name in INFO_JSON)


def fixed_ip_row(fixed_ip: "FixedIp") -> tuple[Any, ...]:
    """Return the columns of ``FIXED_IP``."""
    return _texts(fixed_ip, FIXED_IP)


def pending_row(work: "Work") -> tuple[Any, ...]:
    """Return the columns of ``PENDING``."""
    since, due = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (work.created_at, work.due))
    texts = (work.kind, work.id, work.name, work.project_id, work.state, since, due)
    return (*texts, work.attempts, work.error)


def dhcp_host_row(host: "DhcpHost") -> tuple[Any, ...]:
    """Return the columns of ``DHCP_HOST``."""
    addresses = [str(address) for address in host.addresses]
    return str(host.mac), Nested(addresses, addresses), host.vif_id


def lease_row(lease: "ActiveLease") -> tuple[Any, ...]:
    """Return the columns of ``LEASE``."""
    expires = lease.expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(lease.address), str(lease.mac), expires, lease.hostname, lease.client_id


def difference_row(difference: "Difference") -> tuple[Any, ...]:
    """Return the columns of ``DIFFERENCE``."""
    facts = (getattr(difference, name) for name in DIFFERENCE[:-1])
    return (*(_text(fact) for fact in facts), difference.repaired)


def _texts(noun: object, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(getattr(noun, name)) for name in names)


def _drivers(names: "DriverNames") -> Nested:
    kinds = asdict(names)
    return Nested(kinds, [f"{kind}={name}" for kind, name in kinds.items()])


def _subnets(subnets: Sequence["Subnet"], *, brief: bool) -> Nested:
    cidrs = [str(subnet.cidr) for subnet in subnets]
    lines = cidrs if brief else [_line(subnet) for subnet in subnets]
    return Nested([_subnet(subnet) for subnet in subnets], lines, cidrs)


def _subnet(subnet: "Subnet") -> dict[str, Any]:
    return {
        "id": subnet.id,
        "cidr": str(subnet.cidr),
        "gateway": _text(subnet.gateway),
        "dhcp_server": _text(subnet.dhcp_server),
        "pools": [_range(pool) for pool in subnet.pools],
        "reserved": [_range(part) for part in subnet.reserved],
        "dns": [str(address) for address in subnet.dns],
        "routes": [{"cidr": str(r.cidr), "gateway": str(r.gateway)} for r in subnet.routes],
    }


def _line(subnet: "Subnet") -> str:
    """Return what people want to know of a subnet, leaving out what is as usual."""
    parts = [str(subnet.cidr), f"gateway {subnet.gateway or 'none'}"]
    if subnet.dhcp_server != subnet.gateway:
        parts.append(f"dhcp {subnet.dhcp_server or 'none'}")
    for name, values in (
        ("dns", [str(address) for address in subnet.dns]),
        ("pool", [_range(pool) for pool in subnet.pools]),
        ("reserved", [_range(part) for part in subnet.reserved]),
        ("route", [f"{route.cidr} via {route.gateway}" for route in subnet.routes]),
    ):
        parts += [f"{name} {' '.join(values)}"] if values else []
    return ", ".join(parts)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _range(addresses: "IPRange") -> str:
    first, last = addresses[0], addresses[-1]
    return str(first) if first == last else f"{first}-{last}"
