"""Open connections, which no change of rules ends."""

import errno
import socket
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from netaddr import IPAddress

from qplug_l3_linux.errors import KernelRefused, NotPermitted

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def end_connections(addresses: Iterable[IPAddress]) -> int:
    """Have the kernel forget the connections that addresses began or took, and return how many.

    What comes of them afterwards is looked at as if it were new.
    """
    return sum(map(_end, addresses))


def _end(address: IPAddress) -> int:
    from pyroute2.netlink.exceptions import NetlinkError
    from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

    family, ended = FAMILIES[address.version], 0
    try:
        with closing(NFCTSocket(nfgen_family=family)) as tracking:
            for end in ("saddr", "daddr"):
                wanted = NFCTAttrTuple(family=family, **{end: str(address)})
                for entry in _tuples(family, tracking.dump(tuple_orig=wanted)):
                    ended += _deleted(tracking, entry)
    except NetlinkError as error:
        if error.code in (errno.EPERM, errno.EACCES):
            raise NotPermitted("connections to be ended") from error
        raise KernelRefused("connections to be ended", str(error)) from error
    return ended


def _tuples(family: int, found: Iterable[Any]) -> Sequence[Any]:
    from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple

    entries = (each.get_attr("CTA_TUPLE_ORIG") for each in found)
    return [NFCTAttrTuple.from_netlink(family, entry) for entry in entries if entry is not None]


def _deleted(tracking: Any, entry: Any) -> bool:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        tracking.entry("del", tuple_orig=entry)
    except NetlinkError as error:
        if error.code != errno.ENOENT:  # it ended by itself
            raise
        return False
    return True
