"""Addresses as people type them; netaddr is imported late, as help is printed without it."""

import re
from typing import TYPE_CHECKING

from qplug.errors import InvalidInput

if TYPE_CHECKING:
    from netaddr import EUI, IPAddress, IPNetwork, IPRange

    from qplug.model import Route

CIDR = re.compile(r"[0-9a-fA-F:.]+/[0-9]{1,3}")


def cidr(text: str) -> "IPNetwork":
    """Return the network of ``10.0.0.0/24``, host bits and all.

    :raises InvalidInput: it is none
    """
    from netaddr import AddrFormatError, IPNetwork

    try:
        if not CIDR.fullmatch(text):  # netaddr also takes masks, and addresses without a length
            raise ValueError(text)
        return IPNetwork(text)
    except (AddrFormatError, ValueError) as error:
        raise InvalidInput("cidr", text, "one like 10.0.0.0/24 or fd00::/64") from error


def address(text: str) -> "IPAddress":
    """Return the address of ``10.0.0.5``.

    :raises InvalidInput: it is none
    """
    from netaddr import AddrFormatError, IPAddress

    try:
        return IPAddress(text)
    except (AddrFormatError, ValueError) as error:
        raise InvalidInput("address", text, "one like 10.0.0.5 or fd00::5") from error


def address_range(text: str) -> "IPRange":
    """Return the addresses of ``10.0.0.5-10.0.0.9``.

    :raises InvalidInput: it is none, or ends before it starts
    """
    from netaddr import AddrFormatError, IPAddress, IPRange

    first, _, last = text.partition("-")
    try:
        start, end = IPAddress(first), IPAddress(last)
        if start.version == end.version and start > end:
            wanted = "the other way round, as its first address is above its last"
            raise InvalidInput("range", text, wanted)
        return IPRange(start, end)
    except (AddrFormatError, ValueError) as error:
        wanted = "a first and a last address like 10.0.0.5-10.0.0.9"
        raise InvalidInput("range", text, wanted) from error


def route(text: str) -> "Route":
    """Return the route of ``192.168.0.0/16=10.0.0.254``: what is there, and the next hop.

    :raises InvalidInput: it is none, or one of them is of another IP version
    """
    from qplug.model import Route

    there, _, hop = text.partition("=")
    try:
        found = Route(cidr=cidr(there), gateway=address(hop))
    except InvalidInput as error:
        wanted = "a cidr and the next hop like 192.168.0.0/16=10.0.0.254"
        raise InvalidInput("route", text, wanted) from error
    return found


def mac(text: str) -> "EUI":
    """Return the MAC address of ``fa:16:3e:12:34:56``.

    :raises InvalidInput: it is none
    """
    from netaddr import AddrFormatError

    from qplug.model import mac_address

    try:
        return mac_address(text)
    except AddrFormatError as error:
        raise InvalidInput("MAC address", text, "one like fa:16:3e:12:34:56") from error
