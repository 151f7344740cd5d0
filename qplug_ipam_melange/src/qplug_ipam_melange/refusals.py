"""What Melange means when it refuses, which shows in its words alone."""

import re


def interface_exists(detail: str) -> bool:
    """Say whether a 400 is because the interface is there already, perhaps under another tenant."""
    return re.search(r"Virtual Interface .* already exists", detail) is not None


def mac_in_use(status: int, detail: str) -> bool:
    """Say whether the interface was made without its MAC address, as another one has that."""
    return status == 400 and not interface_exists(detail) and "Mac" in detail


def no_interface(detail: str) -> bool:
    """Say whether a 404 is because the interface is not there."""
    return detail == "Interface Not Found"


def no_network(detail: str) -> bool:
    """Say whether a 404 is because the tenant has no block on the network."""
    return re.fullmatch(r"Network .* not found", detail) is not None


def full(detail: str) -> bool:
    """Say whether a 422 is because a block has no address left, or is marked as full."""
    return "full" in detail


def overlapping(detail: str) -> str | None:
    """Return the cidr that a new block overlaps, if that is what a 400 is about."""
    found = re.search(
        r"cidr overlaps with (?:\w+ )*?block (\S+?)(?: in same network)?['\"\]]", detail
    )
    return found and found[1]
