"""DHCP clients of a test's own: many at once, with whatever MAC addresses, and quick to give up."""

# mypy: disable-error-code=no-any-return
# netaddr has no types: what it packs is bytes.

import socket
import struct
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from netaddr import EUI, IPAddress

from qplug.model import mac_address

MAGIC = b"\x63\x82\x53\x63"
QUIET = 0.25
"""Seconds without an answer after which none is expected any more."""

DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE = 1, 2, 3, 5, 6, 7
ETHERNET, IPV4 = 0x0800, 0x0800
BROADCAST = b"\xff" * 6


def offers(device: str, macs: Collection[EUI], quiet: float = QUIET) -> Mapping[EUI, IPAddress]:
    """Send a DISCOVER from a device for each MAC address and return what each is offered."""
    asked = dict(enumerate(macs, 0x51000000))
    found: dict[EUI, IPAddress] = {}
    with _raw(device) as wire:
        for burst in _bursts(list(asked.items()), 50):
            for number, mac in burst:
                wire.send(_frame(mac, _message(number, mac, {53: bytes([DISCOVER])})))
            answers = _answers(wire, quiet, {mac for _, mac in burst})
            found |= {mac: address for mac, kind, address in answers if kind == OFFER}
    return found


def _bursts(items: list[tuple[int, EUI]], size: int) -> Iterator[list[tuple[int, EUI]]]:
    """Yield some at a time: dnsmasq's socket holds a few hundred."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def lease(device: str, mac: EUI, client_id: bytes = b"") -> IPAddress | None:
    """Get a lease, as a client that boots does; ``None`` if nobody offers one.

    :param client_id: what it calls itself, as an identifier, a name, a vendor and a user class
    """
    told = dict.fromkeys((61, 12, 60, 77), client_id) if client_id else {}
    with _raw(device) as wire:
        wire.send(_frame(mac, _message(1, mac, {53: bytes([DISCOVER]), **told})))
        offered = next((a for _, kind, a in _answers(wire, QUIET, {mac}) if kind == OFFER), None)
        if offered is None:
            return None
        return _requested(wire, mac, offered, told)


def reboot(device: str, mac: EUI, address: str, client_id: bytes = b"") -> int | None:
    """Ask for an address again, as a client that had it, and return the kind of the answer."""
    told = {61: client_id} if client_id else {}
    asked = {53: bytes([REQUEST]), 50: IPAddress(address).packed, **told}
    with _raw(device) as wire:
        wire.send(_frame(mac, _message(2, mac, asked)))
        return next((kind for _, kind, _ in _answers(wire, QUIET, {mac})), None)


def _requested(
    wire: socket.socket, mac: EUI, offered: IPAddress, told: Mapping[int, bytes]
) -> IPAddress | None:
    asked = {53: bytes([REQUEST]), 50: offered.packed, **told}
    wire.send(_frame(mac, _message(2, mac, asked)))
    return next((a for _, kind, a in _answers(wire, QUIET, {mac}) if kind == ACK), None)


def release(device: str, mac: EUI, address: IPAddress, server: IPAddress) -> None:
    """Give a lease back."""
    told = {53: bytes([RELEASE]), 54: server.packed}
    message = _message(3, mac, told, held=address)
    with _raw(device) as wire:
        wire.send(_frame(mac, message, source=address, to=server))


@contextmanager
def _raw(device: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERNET)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        wire.bind((device, ETHERNET))
        yield wire


def _message(
    number: int, mac: EUI, options: Mapping[int, bytes], held: IPAddress | None = None
) -> bytes:
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, number, 0, 0x8000)  # answers are broadcast
    addresses = (held.packed if held else bytes(4)) + bytes(12)
    told = b"".join(bytes([code, len(value)]) + value for code, value in options.items())
    return head + addresses + mac.packed + bytes(10 + 192) + MAGIC + told + b"\xff"


def _frame(
    mac: EUI, message: bytes, source: IPAddress | None = None, to: IPAddress | None = None
) -> bytes:
    udp = struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message
    sender = source.packed if source else bytes(4)
    receiver = to.packed if to else b"\xff" * 4
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, sender, receiver)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return BROADCAST + mac.packed + struct.pack("!H", ETHERNET) + head + udp


def _checksum(head: bytes) -> int:
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _answers(
    wire: socket.socket, quiet: float, macs: Collection[EUI]
) -> Iterator[tuple[EUI, int, IPAddress]]:
    """Yield MAC address, kind and address of each answer, until each has one or none comes."""
    until, wanted = time.monotonic() + quiet, set(macs)
    while wanted and (left := until - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            frame = wire.recv(4096)
        except TimeoutError:
            return
        answer = _parsed(frame)
        if answer is not None and answer[0] in wanted:  # others may be answered here too
            yield answer
            wanted.discard(answer[0])
            until = time.monotonic() + quiet


def _parsed(frame: bytes) -> tuple[EUI, int, IPAddress] | None:
    ip = frame[14:]
    if len(ip) < 28 or ip[9] != 17 or ip[20:24] != struct.pack("!HH", 67, 68):
        return None
    message = ip[28:]
    options = message[240:]
    kind = None
    while options and options[0] != 255:
        if options[0] == 0:
            options = options[1:]
            continue
        code, size = options[0], options[1]
        if code == 53:
            kind = options[2]
        options = options[2 + size :]
    address = IPAddress(int.from_bytes(message[16:20]), 4)
    return None if kind is None else (mac_address(message[28:34].hex(":")), kind, address)


# --- IPv6 ---------------------------------------------------------------------------------------

SOLICIT, ADVERTISE, RELAY_FORWARD, RELAY_REPLY = 1, 2, 12, 13


def advertised(
    server: str, link: str, macs: Collection[EUI], quiet: float = QUIET
) -> Mapping[EUI, frozenset[IPAddress]]:
    """Solicit as a relay does that tells the clients' MAC addresses (RFC 6939).

    :param server: its address, which this host reaches
    :param link: an address in the subnet where the clients are
    """
    found = {}
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.bind(("::", 547))
        for number, mac in enumerate(macs, 1):
            sender.sendto(_relayed(number, mac, link), (server, 547))
            sender.settimeout(quiet)
            try:
                answer = sender.recv(4096)
            except TimeoutError:
                continue
            addresses = frozenset(_given(answer))
            if addresses:
                found[mac] = addresses
    return found


def _relayed(number: int, mac: EUI, link: str) -> bytes:
    duid = b"\0\3\0\1" + mac.packed
    association = _option(3, struct.pack("!III", 1, 0, 0))
    solicit = bytes([SOLICIT]) + number.to_bytes(3) + _option(1, duid) + association
    peer = IPAddress("fe80::1").packed
    head = bytes([RELAY_FORWARD, 0]) + IPAddress(link).packed + peer
    return head + _option(79, b"\0\1" + mac.packed) + _option(9, solicit)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def _options(text: bytes) -> Iterator[tuple[int, bytes]]:
    while len(text) >= 4:
        code, size = struct.unpack("!HH", text[:4])
        yield code, text[4 : 4 + size]
        text = text[4 + size :]


def _given(reply: bytes) -> Iterator[IPAddress]:
    for code, inner in _options(reply[34:]):
        if code == 9:
            for kind, value in _options(inner[4:]):
                if kind == 3:
                    for what, held in _options(value[12:]):
                        if what == 5:
                            yield IPAddress(int.from_bytes(held[:16]), 6)
