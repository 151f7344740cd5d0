"""What the lease hook wrote: one line an event, taken up whenever somebody wants to know."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from netaddr import EUI, AddrFormatError, IPAddress

from qplug.model import mac_address
from qplug_dhcp_dnsmasq.ledger import KnownLease, Ledger

ROTATED_AT = 1 << 18
"""Bytes of events from which a new file is begun."""

HOOK = """\
#!/bin/sh
D=${0%/*}
[ "$1" = init ] && exec cat "$D/leases.init"
printf '%s %s %s %s exp=%s cid=%s iaid=%s mac=%s\\n' "$1" "$2" "$3" "${4:-*}" \\
  "${DNSMASQ_LEASE_EXPIRES:-0}" "${DNSMASQ_CLIENT_ID:-*}" "${DNSMASQ_IAID:-}" \\
  "${DNSMASQ_MAC:-}" >> "$D/events"
"""
"""Nothing that a client says is in it, but for identifiers in hexadecimal."""

EVENT = re.compile(
    r"(?P<what>add|old|del) (?P<who>[0-9a-fA-F:-]+) (?P<address>[0-9a-fA-F.:]+) (?P<name>[\w.*-]+) "
    r"exp=(?P<expires>\d+) cid=(?P<client>[0-9a-f:]+|\*) iaid=(?P<iaid>T?\d*) "
    r"mac=(?P<mac>[0-9a-fA-F:-]*)"
)


@dataclass(frozen=True)
class Spool:
    """The events of a network: the file that the hook writes to, and the one before it."""

    folder: str
    owner: int | None
    """The uid of who writes it; ``None`` for our own."""

    @property
    def _now(self) -> str:
        return os.path.join(self.folder, "events")

    @property
    def _before(self) -> str:
        return os.path.join(self.folder, "events.before")

    def make(self) -> None:
        """Have a file to write to."""
        if not os.path.exists(self._now):
            self._new()

    def _new(self) -> None:
        made = os.path.join(self.folder, ".events")
        with open(made, "w"):
            pass
        if self.owner is not None:
            os.chown(made, self.owner, -1)
        os.replace(made, self._now)

    def take_up(self, ledger: Ledger) -> None:
        """Take up what was written since the last time. A hook may write at the same time."""
        rest = _new_lines(self._before, int(ledger.fact("before_offset") or 0))
        lines, offset = _new_lines(self._now, int(ledger.fact("offset") or 0))
        _take_up(ledger, [*rest[0], *lines])
        ledger.note("before_offset", rest[1])
        ledger.note("offset", offset)
        if offset > ROTATED_AT:
            self._rotate(ledger, offset)

    def _rotate(self, ledger: Ledger, offset: int) -> None:
        """Begin a new file. Whoever has the old one open still writes there; that is read later."""
        with suppress(FileNotFoundError):
            os.unlink(self._before)
        os.link(self._now, self._before)
        ledger.note("before_offset", offset)
        ledger.note("offset", 0)
        self._new()


def _new_lines(path: str, offset: int) -> tuple[list[str], int]:
    """Return the whole lines after an offset, and where they end."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(offset if offset <= size else 0)
            begin, text = file.tell(), file.read()
    except FileNotFoundError:
        return [], 0
    whole = text[: text.rfind(b"\n") + 1]
    return whole.decode(errors="replace").splitlines(), begin + len(whole)


def _take_up(ledger: Ledger, lines: Iterable[str]) -> None:
    for line in lines:
        match = EVENT.fullmatch(line)
        if match is None:
            continue
        with suppress(AddrFormatError, ValueError):
            _one(ledger, match)


def _one(ledger: Ledger, match: re.Match[str]) -> None:
    address = IPAddress(match["address"])
    known = ledger.lease(address)
    mac = _mac(match, address) or (known.mac if known else None)
    if mac is None:
        return
    if match["what"] == "del":
        ledger.end_lease(address, mac)
        return
    client = match["client"] if address.version == 4 else match["who"]
    ledger.put_lease(
        KnownLease(
            address=address,
            mac=mac,
            expires=int(match["expires"]),
            hostname=None if match["name"] == "*" else match["name"],
            client_id=None if client == "*" else client,
            iaid=match["iaid"] or None,
        )
    )


def _mac(match: re.Match[str], address: IPAddress) -> EUI | None:
    text = match["who"] if address.version == 4 else match["mac"]
    return mac_address(text) if text else None


def initial(leases: Iterable[KnownLease], duid: bytes, expires: int) -> Iterator[str]:
    """Yield the lines of dnsmasq's lease file, all of them to expire at a time from now."""
    found = sorted(leases, key=lambda lease: lease.address)
    for lease in found:
        if lease.address.version == 4:
            rest = f"{lease.hostname or '*'} {lease.client_id or '*'}"
            yield f"{expires} {lease.mac} {lease.address} {rest}\n"
    yield f"duid {duid.hex(':')}\n"
    for lease in found:
        if lease.address.version == 6 and lease.iaid and lease.client_id:
            rest = f"{lease.hostname or '*'} {lease.client_id}"
            yield f"{expires} {lease.iaid} {lease.address} {rest}\n"
