"""The words and options of commands, read into what the manager is asked with."""

import argparse
import re
from typing import TYPE_CHECKING

from qplug.errors import InvalidInput
from qplug.parsing import address, address_range

if TYPE_CHECKING:
    from netaddr import IPAddress, IPRange

    from qplug.model import NetworkRequest


def uuid(text: str) -> str:
    """Return the id of an instance, checked so that one bad id among several stops them all.

    :raises InvalidInput: it is none
    """
    from qplug.manager.requests import check_uuid

    return check_uuid("instance", text)


def gateway(text: str) -> "IPAddress | None":
    """Return the address, or ``None`` for the word none."""
    return None if text == "none" else address(text)


def addresses(text: str) -> "IPRange":
    """Return a range, or the one address, as a range."""
    if "-" in text:
        return address_range(text)
    return address_range(f"{address(text)}-{text}")


def percentage(text: str) -> int:
    """Return a number of percent that something can reach.

    :raises InvalidInput: it is none
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 100):
        raise InvalidInput("percentage", text, "a whole number from 1 to 100")
    return int(text)


def interface(text: str) -> str:
    """Return the name of a network interface.

    :raises InvalidInput: the kernel would take no such name
    """
    if not re.fullmatch(r"[^\s/:]{1,15}", text) or text in (".", ".."):
        wanted = "1 to 15 characters without spaces, slashes and colons"
        raise InvalidInput("interface", text, wanted)
    return text


def network_request(text: str) -> "NetworkRequest":
    """Return what ``NETWORK[=IP[,IP6]]`` asks for."""
    from qplug.model import NetworkRequest

    network, separator, wanted = text.partition("=")
    if not network or (separator and not wanted) or "=" in wanted:
        form = "NETWORK or NETWORK=IP or NETWORK=IP,IP6, with only one '='"
        raise InvalidInput("network", text, form)
    given = tuple(address(part) for part in wanted.split(",")) if wanted else ()
    return NetworkRequest(network_id=network, addresses=given)


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the word NETWORK."""
    parser.add_argument("network", metavar="NETWORK", help="its id, or a label that only one has")


def add_instance(parser: argparse.ArgumentParser) -> None:
    """Add the word UUID."""
    parser.add_argument("uuid", type=uuid, metavar="UUID", help="the instance's id")
