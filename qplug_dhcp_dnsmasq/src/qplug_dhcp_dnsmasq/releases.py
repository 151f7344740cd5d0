"""Giving leases back in a client's name, so that its addresses are free for others at once."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from netaddr import EUI, IPAddress

SERVER4, SERVER6 = 67, 547
ALL_SERVERS = "ff02::1:2"
MAGIC = b"\x63\x82\x53\x63"
RELEASE4, RELEASE6 = 7, 8


def release4(device: str, server: IPAddress, address: IPAddress, mac: EUI) -> None:
    """Give an IPv4 lease back (RFC 2131, section 4.4.6); that there is none is no error."""
    with _bound(socket.AF_INET, device) as sender:
        sender.sendto(_message4(server, address, mac), (str(server), SERVER4))


def _message4(server: IPAddress, address: IPAddress, mac: EUI) -> bytes:
    head = struct.pack("!BBBB4sHH", 1, 1, 6, 0, os.urandom(4), 0, 0)
    addresses: bytes = address.packed + bytes(12)  # ciaddr, and none of the others
    hardware: bytes = mac.packed + bytes(10)
    options: bytes = bytes([53, 1, RELEASE4, 54, 4]) + server.packed + b"\xff"
    return head + addresses + hardware + bytes(64 + 128) + MAGIC + options


def release6(device: str, server: bytes, client: bytes, iaid: int, address: IPAddress) -> None:
    """Give an IPv6 lease back (RFC 8415, section 18.2.7); that there is none is no error.

    :param server: its DUID
    :param client: the DUID of who holds the lease
    """
    with _bound(socket.AF_INET6, device) as sender:
        index = socket.if_nametoindex(device)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
        message = _message6(server, client, iaid, address)
        sender.sendto(message, (ALL_SERVERS, SERVER6, 0, index))


def _message6(server: bytes, client: bytes, iaid: int, address: IPAddress) -> bytes:
    held = _option(5, address.packed + bytes(8))
    association = _option(3, struct.pack("!III", iaid, 0, 0) + held)
    head = bytes([RELEASE6]) + os.urandom(3)
    return head + _option(1, client) + _option(2, server) + _option(8, b"\0\0") + association


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


@contextmanager
def _bound(family: int, device: str) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        yield sender
