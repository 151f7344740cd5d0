"""What callers ask for, checked and filled in before anything is done."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from uuid import UUID

from netaddr import IPAddress, IPNetwork, IPRange

from qplug.errors import CidrConflict, FixedIpInvalid, InvalidInput
from qplug.model import (
    Instance,
    Network,
    Route,
    Subnet,
    default_dhcp_server,
    default_gateway,
    first_usable,
    holds,
    is_domain,
    last_usable,
    overlap,
)

MAX_TEXT = 255
"""Characters in a label, project, host or zone; what Quantum and Neutron keep."""

MAX_NUMBER = 2**31 - 1
"""What an integer column of every database holds."""

MIN_MTU, MAX_MTU = 1280, 65535
"""Bytes: less would not carry IPv6 (RFC 8200, section 5), more fits into no packet."""

MIN_LEASE = 120
"""Seconds; DHCP servers do not take less."""


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A network to be made. Addresses go to the subnet that contains them."""

    label: str
    cidrs: tuple[IPNetwork, ...]
    gateways: tuple[IPAddress, ...] = ()
    no_gateway: tuple[int, ...] = ()
    """The IP versions whose subnets have no gateway; elsewhere the second address is one."""
    dns: tuple[IPAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    """Each is told on the subnet that contains its next hop."""
    pools: tuple[IPRange, ...] = ()
    reserved: tuple[IPRange, ...] = ()
    project_id: str | None = None
    priority: int | None = None
    zone: str | None = None
    rxtx_base: int | None = None
    mtu: int | None = None
    dns_domain: str | None = None
    lease_time: int | None = None
    uuid: str | None = None
    """An existing Quantum network to adopt."""


def check_text(what: str, text: object) -> str:
    """Return text fit for people and databases.

    :raises InvalidInput: it is none, empty, too long, or has characters that do not print
    """
    if not isinstance(text, str) or text != text.strip() or not fits(text):
        wanted = f"1 to {MAX_TEXT} printable characters without spaces at its ends"
        raise InvalidInput(what, str(text)[:80], wanted)
    return text


def fits(text: str) -> bool:
    """Say whether databases can keep a text of somebody else's making."""
    return 0 < len(text) <= MAX_TEXT and text.isprintable()


def check_name(name: object) -> str:
    """Return text that may name a network; whether it does is for the store to say.

    :raises InvalidInput: it is no text
    """
    if not isinstance(name, str):
        raise InvalidInput("network", str(name)[:80], "the text of an id or a label")
    return name


def check_label(label: object) -> str:
    """Return a label that cannot be taken for an id or a request.

    :raises InvalidInput: it is no text, looks like a uuid, or has a ``=``
    """
    label = check_text("label", label)
    if "=" in label:
        raise InvalidInput("label", label, "without '=', which separates a network from addresses")
    if is_uuid(label):
        raise InvalidInput("label", label, "different from a uuid, which would look like an id")
    return label


def check_network(network: Network) -> Network:
    """Return a network whose texts and numbers are fit to be kept.

    :raises InvalidInput: one of them is not
    """
    check_label(network.label)
    for what, text in (("project", network.project_id), ("zone", network.zone)):
        if text is not None:
            check_text(what, text)
    _check_number("priority", network.priority, "a whole number", -MAX_NUMBER)
    _check_number("rxtx_base", network.rxtx_base, "a whole number of Mb/s", 1)
    _check_number("mtu", network.mtu, "a whole number of bytes", MIN_MTU, MAX_MTU)
    _check_number("lease_time", network.lease_time, "a whole number of seconds", MIN_LEASE)
    if network.dns_domain is not None:
        _check_domain(network.dns_domain)
    return network


def _check_number(
    what: str, found: object, wanted: str, least: int, most: int = MAX_NUMBER
) -> None:
    fits = type(found) is int and least <= found <= most  # True is an int, and no number
    if found is not None and not fits:
        raise InvalidInput(what, str(found)[:80], f"{wanted} from {least} to {most}")


def _check_domain(name: object) -> None:
    if not isinstance(name, str) or not is_domain(name):
        raise InvalidInput("dns_domain", str(name)[:80], "a DNS name like cloud.example.org")


def is_uuid(text: object) -> bool:
    """Say whether the text is a uuid in any spelling."""
    try:
        UUID(text if isinstance(text, str) else "")
    except ValueError:
        return False
    return True


def check_uuid(what: str, text: object) -> str:
    """Return a uuid in its usual spelling.

    :raises InvalidInput: it is none
    """
    if not is_uuid(text):
        raise InvalidInput(what, str(text)[:80], "a uuid like 5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11")
    return str(UUID(str(text)))


def subnets_of(spec: NetworkSpec, new_id: Callable[[], str]) -> tuple[Subnet, ...]:
    """Return the subnets of a network, complete, IPv4 before IPv6.

    :raises InvalidInput: a cidr has host bits, or an address is in none or cannot be there
    :raises CidrConflict: two of the cidrs overlap
    """
    if not spec.cidrs:
        raise InvalidInput("network", spec.label, "given at least one --cidr")
    cidrs = sorted(spec.cidrs, key=lambda cidr: (cidr.version, cidr.first))
    for cidr in cidrs:
        if cidr.ip != cidr.network:
            raise InvalidInput("cidr", str(cidr), f"without host bits: {cidr.cidr}")
        if cidr.ip.is_multicast() or cidr.ip.is_loopback():
            raise InvalidInput("cidr", str(cidr), "of addresses that hosts of a network can have")
    for one, other in pairwise(cidrs):
        if overlap(one, other):
            raise CidrConflict(str(other), str(one), spec.label)
    for what, addresses in _given(spec):
        refuse_homeless(what, addresses, cidrs)
    refuse_unheard(spec.dns, cidrs)
    refuse_pathless(spec.routes, cidrs)
    return tuple(_subnet(cidr, spec, new_id()) for cidr in cidrs)


def _given(spec: NetworkSpec) -> Iterable[tuple[str, Sequence[IPRange]]]:
    yield "gateway", [IPRange(address, address) for address in spec.gateways]
    yield "pool", spec.pools
    yield "reservation", spec.reserved


def refuse_homeless(what: str, ranges: Sequence[IPRange], cidrs: Sequence[IPNetwork]) -> None:
    """Refuse ranges that are in no subnet.

    :raises InvalidInput: one is
    """
    for given in ranges:
        if not any(inside(given, cidr) for cidr in cidrs):
            text = str(given[0]) if given.size == 1 else f"{given[0]}-{given[-1]}"
            raise InvalidInput(what, text, f"inside one of {', '.join(map(str, cidrs))}")


def refuse_unheard(dns: Sequence[IPAddress], cidrs: Sequence[IPNetwork]) -> None:
    """Refuse name servers that nobody is told: a subnet is told those of its own IP version.

    :raises InvalidInput: one is of another version than all subnets
    """
    for address in dns:
        if not any(address.version == cidr.version for cidr in cidrs):
            raise InvalidInput("dns", str(address), "of the IP version of one of the cidrs")


def refuse_pathless(routes: Sequence[Route], cidrs: Sequence[IPNetwork]) -> None:
    """Refuse routes that no instance could take.

    :raises InvalidInput: one has host bits, or a next hop that is in no subnet, or of another IP
        version than what it leads to
    """
    for route in routes:
        text = f"{route.cidr}={route.gateway}"
        if route.cidr.ip != route.cidr.network:
            raise InvalidInput("route", text, f"to a cidr without host bits: {route.cidr.cidr}")
        if route.cidr.version != route.gateway.version:
            raise InvalidInput("route", text, "to a cidr of the IP version of its next hop")
        if not any(route.gateway in cidr for cidr in cidrs):
            wanted = f"by a next hop inside one of {', '.join(map(str, cidrs))}"
            raise InvalidInput("route", text, wanted)


def routes_of(routes: Iterable[Route], cidr: IPNetwork) -> tuple[Route, ...]:
    """Return the routes of a subnet, each once, by where they lead."""
    mine = {route for route in routes if route.gateway in cidr}
    return tuple(sorted(mine, key=lambda route: (route.cidr, route.gateway)))


def inside(part: IPRange, cidr: IPNetwork) -> bool:
    """Say whether a subnet has all of a range."""
    return bool(
        part.version == cidr.version and cidr.first <= part.first and part.last <= cidr.last
    )


def _subnet(cidr: IPNetwork, spec: NetworkSpec, subnet_id: str) -> Subnet:
    gateway = _gateway(cidr, spec)
    dns = tuple(a for a in spec.dns if a.version == cidr.version)
    return Subnet(
        id=subnet_id,
        cidr=cidr,
        gateway=gateway,
        dhcp_server=default_dhcp_server(cidr, gateway),
        pools=disjoint("pool", [pool for pool in spec.pools if inside(pool, cidr)]),
        reserved=tuple(sorted(r for r in spec.reserved if inside(r, cidr))),
        dns=dns,
        routes=routes_of(spec.routes, cidr),
    )


def _gateway(cidr: IPNetwork, spec: NetworkSpec) -> IPAddress | None:
    mine = [address for address in spec.gateways if address in cidr]
    if len(mine) > 1:
        raise InvalidInput("gateway", str(mine[1]), f"the only one in {cidr}; {mine[0]} is there")
    if not mine:
        return None if cidr.version in spec.no_gateway else default_gateway(cidr)
    unusable = {cidr.first, cidr.last} if cidr.version == 4 and cidr.size > 2 else set()
    if mine[0].value in unusable:
        wanted = f"neither the network nor the broadcast address of {cidr}"
        raise InvalidInput("gateway", str(mine[0]), wanted)
    return mine[0]


def disjoint(what: str, ranges: Sequence[IPRange]) -> tuple[IPRange, ...]:
    """Return the ranges, lowest first.

    :raises InvalidInput: two of them overlap
    """
    ordered = sorted(ranges, key=lambda r: int(r.first))
    for one, other in pairwise(ordered):
        if other.first <= one.last:
            raise InvalidInput(what, str(other), f"apart from {one}, which it overlaps")
    return tuple(ordered)


def check_wanted(network: Network, addresses: Sequence[IPAddress]) -> None:
    """Refuse addresses that no vif of the network could get together.

    :raises FixedIpInvalid: one is in no subnet, kept back, or the second in a subnet
    """
    taken: set[str] = set()
    for address in addresses:
        subnet = next((s for s in network.subnets if address in s.cidr), None)
        if subnet is None:
            raise FixedIpInvalid(str(address), f"no subnet of network '{network.label}' has it")
        if subnet.id in taken:
            raise FixedIpInvalid(str(address), f"another one of {subnet.cidr} is asked for too")
        taken.add(subnet.id)
        check_assignable(subnet, address)


def check_assignable(subnet: Subnet, address: IPAddress) -> None:
    """Refuse an address that is never given to a vif.

    :raises FixedIpInvalid: it is kept back; the reason is said
    """
    if address == subnet.gateway:
        raise FixedIpInvalid(str(address), f"it is the gateway of {subnet.cidr}")
    if address == subnet.dhcp_server:
        raise FixedIpInvalid(str(address), f"it is the DHCP server of {subnet.cidr}")
    if holds(subnet.reserved, address):
        raise FixedIpInvalid(str(address), f"it is reserved in {subnet.cidr}")
    if not first_usable(subnet.cidr) <= address <= last_usable(subnet.cidr):
        raise FixedIpInvalid(str(address), f"it names {subnet.cidr} itself, or all hosts of it")
    if subnet.pools and not holds(subnet.pools, address):
        raise FixedIpInvalid(str(address), f"it is outside the pools of {subnet.cidr}")


def check_instance(instance: Instance) -> Instance:
    """Return an instance whose id and texts are fit to be kept.

    :raises InvalidInput: one of them is not
    """
    check_text("project", instance.project_id)
    for what in ("name", "zone", "host"):
        if getattr(instance, what) is not None:
            check_text(what, getattr(instance, what))
    factor: object = instance.rxtx_factor
    if not isinstance(factor, int | float) or not 0 < factor < 1e6:
        raise InvalidInput("rxtx factor", str(instance.rxtx_factor), "above 0 and below 1000000")
    return replace(instance, id=check_uuid("instance", instance.id))


def fingerprint(
    instance: Instance, networks: Sequence[Network], wanted: Sequence[Sequence[IPAddress]]
) -> str:
    """Return text that two requests share only if they ask for the same.

    :param networks: those requested; none stands for all that the project has
    """
    asked = [instance.project_id, instance.name, instance.zone, instance.host]
    pairs = zip(networks, wanted, strict=False)
    places = [[network.id, sorted(map(str, addresses))] for network, addresses in pairs]
    return json.dumps([*asked, instance.rxtx_factor, places])
