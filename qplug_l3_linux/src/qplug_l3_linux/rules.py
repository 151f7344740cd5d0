"""The text of our tables, and of what is in their sets.

The rules never change while the driver runs, only the elements of sets do, so that a change costs
the same however many networks and vifs there are.
"""

import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from netaddr import EUI, IPAddress, IPNetwork

from qplug.model.ipv6 import link_local

L3, PS = "inet qplug_l3", "bridge qplug_ps"
OWNER = "owner=qplug"

ICMP = ("echo-request", "destination-unreachable", "time-exceeded", "parameter-problem")
ICMP6 = (*ICMP, "packet-too-big", "nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-solicit")
MLD = ("mld-listener-report", "mld2-listener-report", "mld-listener-done")
"""What instances may send to the host itself."""

DEVICE = re.compile(r"[a-zA-Z0-9_.-]{1,15}")


class Element(NamedTuple):
    """An element of a set."""

    table: str
    set_name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the rules depend on besides what is in their sets."""

    routing_source_ip: str | None
    metadata_host: str | None
    metadata_port: int
    dmz: tuple[IPNetwork, ...]
    port_security: bool


def tables(options: Options) -> dict[str, str]:
    """Return what is inside of each table."""
    return {L3: _l3(options), PS: _ps(options)}


def mark(text: str) -> str:
    """Return the name of the set by which a table shows that its rules are these."""
    return f"rules_{zlib.crc32(text.encode()):08x}"


def replaced(options: Options, elements: Iterable[Element]) -> str:
    """Return the transaction that makes both tables anew, with these elements."""
    lines = []
    for table, text in tables(options).items():
        marked = f'  comment "{OWNER}"\n  set {mark(text)} {{ type mark; }}\n'
        lines += [f"table {table}", f"delete table {table}", f"table {table} {{\n{marked}{text}}}"]
    return "\n".join([*lines, *_each("add", elements)]) + "\n"


def changed(wanted: Collection[Element], unwanted: Collection[Element]) -> str:
    """Return the transaction after which these are there, and those are not.

    Either may be there before: to add what is there is quiet, so what goes is added first.
    """
    gone = [*_each("add", unwanted), *_each("delete", unwanted)]
    return "\n".join([*gone, *_each("add", wanted)]) + "\n"


def probe(options: Options) -> str:
    """Return a transaction that fails unless both tables are there with these rules."""
    lines = (f"add element {table} {mark(text)} {{ 1 }}" for table, text in tables(options).items())
    return "\n".join(lines) + "\n"


def _each(verb: str, elements: Iterable[Element]) -> Iterator[str]:
    sets: dict[tuple[str, str], list[str]] = {}
    for one in elements:
        sets.setdefault((one.table, one.set_name), []).append(one.key)
    for (table, name), keys in sets.items():
        yield f"{verb} element {table} {name} {{ {', '.join(keys)} }}"


def in_json(table: str, name: str, value: Any) -> Element:
    """Return an element as libnftables tells of it."""
    return Element(table, name, _key(value))


def _key(value: Any) -> str:
    match value:
        case {"elem": {"val": inner}}:
            return _key(inner)
        case {"concat": parts}:
            return " . ".join(map(_key, parts))
        case {"prefix": {"addr": address, "len": length}}:
            return f"{address}/{length}"
        case int():
            return str(value)
    return str(value) if re.match(r"[0-9a-fA-F]+[.:x]", str(value)) else f'"{value}"'


# --- what is in the sets ------------------------------------------------------------------------


def of_network(bridge: str, routed: Sequence[IPNetwork]) -> set[Element]:
    """Return the elements of a network.

    :param routed: the cidrs of its subnets that have a gateway; without any it is isolated
    """
    device = _device(bridge)
    return {
        Element(L3, "same_if", f"{device} . {device}"),
        Element(L3, "gw_if" if routed else "isolated_if", device),
        *(Element(L3, f"routed{cidr.version}", _cidr(cidr)) for cidr in routed),
    }


def translation(routed: Iterable[IPNetwork]) -> set[Element]:
    """Return the elements by which what leaves a network's IPv4 cidrs is translated."""
    return {Element(L3, "nat_src", _cidr(cidr)) for cidr in routed if cidr.version == 4}


def of_port(device: str, mac: EUI, addresses: Iterable[IPAddress]) -> set[Element]:
    """Return the elements of a vif, which may always use the link-local address of its MAC."""
    name, sender = _device(device), f"{_device(device)} . {mac}"
    found = {Element(PS, "ports", name), Element(PS, "mac", sender)}
    for address in {*addresses, link_local(mac)}:
        found.add(Element(PS, f"pair{address.version}", f"{sender} . {address}"))
        if address.version == 6:
            found.add(Element(PS, "nd6", f"{name} . 0x{int(address):032x}"))
    return found


def _device(name: str) -> str:
    if not DEVICE.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a device")
    return f'"{name}"'


def _cidr(cidr: IPNetwork) -> str:
    whole = 32 if cidr.version == 4 else 128
    return str(cidr.network) if cidr.prefixlen == whole else f"{cidr.network}/{cidr.prefixlen}"


# --- the rules ----------------------------------------------------------------------------------


def _l3(options: Options) -> str:
    metadata_in = metadata_local = ""
    if options.metadata_host is not None:
        service = f"{options.metadata_host}:{options.metadata_port}"
        metadata_in = (
            f"    iifname @gw_if ip daddr 169.254.169.254 tcp dport 80 dnat ip to {service}\n"
        )
        metadata_local = (
            f"    ip daddr {options.metadata_host} tcp dport {options.metadata_port} "
            "ct status dnat accept\n"
        )
    source = options.routing_source_ip
    translation = f"snat ip to {source}" if source else "meta nfproto ipv4 masquerade"
    spared = [*options.dmz]
    if options.metadata_host is not None:
        spared.append(IPNetwork(options.metadata_host))
    listed = ", ".join(_cidr(cidr) for cidr in merged(spared))
    elements = f" elements = {{ {listed} }}" if listed else ""
    return f"""
  set gw_if {{ type ifname; }}
  set isolated_if {{ type ifname; }}
  set same_if {{ type ifname . ifname; }}
  set routed4 {{ type ipv4_addr; flags interval; }}
  set routed6 {{ type ipv6_addr; flags interval; }}
  set nat_src {{ type ipv4_addr; flags interval; }}
  set no_nat_dst {{ type ipv4_addr; flags interval;{elements} }}

  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
{metadata_in}  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr != @nat_src return
    ip daddr @no_nat_dst return
    ip daddr @nat_src ct status & dnat == 0 return
    {translation}
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname . oifname @same_if accept
    iifname @isolated_if drop
    oifname @isolated_if drop
    iifname @gw_if ip saddr != @routed4 drop
    iifname @gw_if ip6 saddr != @routed6 drop
    oifname @gw_if ip daddr != @routed4 drop
    oifname @gw_if ip6 daddr != @routed6 drop
    ct state established,related accept
    ct state invalid drop
    iifname @gw_if oifname @gw_if drop
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname != @gw_if iifname != @isolated_if accept
    ct state established,related accept
    udp dport {{ 67, 547 }} accept
{metadata_local}    icmp type {{ {", ".join(ICMP)} }} accept
    icmpv6 type {{ {", ".join((*ICMP6, *MLD))} }} accept
    drop
  }}
"""


def merged(cidrs: Iterable[IPNetwork]) -> Sequence[IPNetwork]:
    """Return cidrs that do not overlap, as a set of intervals wants them."""
    kept: list[IPNetwork] = []
    for cidr in sorted(cidrs, key=lambda one: (one.prefixlen, one.first)):
        if not any(cidr in other for other in kept):
            kept.append(cidr)
    return kept


def _ps(options: Options) -> str:
    return f"""
  set ports {{ type ifname; }}
  set mac {{ type ifname . ether_addr; }}
  set pair4 {{ type ifname . ether_addr . ipv4_addr; }}
  set pair6 {{ type ifname . ether_addr . ipv6_addr; }}
  set nd6 {{ typeof meta iifname . @th,64,128; }}

{_GUARDED if options.port_security else _OPEN}
  chain prerouting {{
    type filter hook prerouting priority -300; policy accept;
    iifname @ports jump from_vm
  }}
"""


_GUARDED = """\
  chain from_vm {
    iifname . ether saddr != @mac counter drop
    ether type arp jump arp_in
    ether type ip jump ip4_in
    ether type ip6 jump ip6_in
    counter drop
  }
  chain arp_in {
    arp htype 1 arp ptype ip iifname . arp saddr ether . arp saddr ip @pair4 accept
    iifname . arp saddr ether @mac arp saddr ip 0.0.0.0 arp operation request accept
    counter drop
  }
  chain ip4_in {
    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
    udp sport 67 counter drop
    iifname . ether saddr . ip saddr @pair4 accept
    counter drop
  }
  chain ip6_in {
    icmpv6 type { nd-router-advert, nd-redirect } counter drop
    udp sport 547 counter drop
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit } accept
    ip6 saddr :: icmpv6 type { mld2-listener-report, mld-listener-report } accept
    icmpv6 type nd-neighbor-advert iifname . @th,64,128 @nd6 accept
    icmpv6 type nd-neighbor-advert counter drop
    iifname . ether saddr . ip6 saddr @pair6 accept
    counter drop
  }
"""

_OPEN = """\
  chain from_vm {
    ether type ip udp sport 67 counter drop
    ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } counter drop
    ether type ip6 udp sport 547 counter drop
  }
"""
