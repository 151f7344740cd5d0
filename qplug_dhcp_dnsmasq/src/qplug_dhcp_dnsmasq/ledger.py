"""What a network's dnsmasq is wanted to answer, what it was told, and what its clients did."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from netaddr import EUI, IPAddress

from qplug.model import DhcpHost, mac_address

SCHEMA = """
CREATE TABLE hosts (
    vif_id TEXT PRIMARY KEY, mac TEXT NOT NULL, addresses TEXT NOT NULL, hostname TEXT
);
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, vif_id TEXT NOT NULL, mac TEXT NOT NULL,
    addresses TEXT NOT NULL
);
CREATE TABLE told (address TEXT PRIMARY KEY, mac TEXT NOT NULL);
CREATE TABLE muted (mac TEXT PRIMARY KEY);
CREATE TABLE leases (
    address TEXT PRIMARY KEY, mac TEXT NOT NULL, expires INTEGER NOT NULL, hostname TEXT,
    client_id TEXT, iaid TEXT
);
CREATE TABLE ended (address TEXT NOT NULL, mac TEXT NOT NULL, PRIMARY KEY (address, mac));
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

ENDED_AT_MOST = 1000


@dataclass(frozen=True, kw_only=True)
class Change:
    """A vif whose host is another one than before, or gone; what is so now is in the hosts."""

    number: int
    vif_id: str
    mac: EUI
    """What it had before."""
    addresses: tuple[IPAddress, ...]


@dataclass(frozen=True, kw_only=True)
class KnownLease:
    """A lease that a client holds."""

    address: IPAddress
    mac: EUI
    expires: int
    """Seconds of the epoch."""
    hostname: str | None
    client_id: str | None
    iaid: str | None


class Ledger:
    """The rows, while it is our turn."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        """Take a connection whose transaction ends where our turn does."""
        self._rows = rows

    # --- what is wanted ---

    def hosts(self) -> Iterator[DhcpHost]:
        """Yield all hosts that are wanted."""
        for row in self._rows.execute("SELECT * FROM hosts ORDER BY rowid"):
            yield _host(row)

    def count(self) -> int:
        """Return how many hosts are wanted."""
        (number,) = self._rows.execute("SELECT count(*) FROM hosts").fetchone()
        return int(number)

    def host(self, vif_id: str) -> DhcpHost | None:
        """Return the host of a vif."""
        found = self._rows.execute("SELECT * FROM hosts WHERE vif_id = ?", (vif_id,)).fetchone()
        return _host(found) if found else None

    def want(self, host: DhcpHost) -> None:
        """Want a host as it is now, and note what it was."""
        before = self.host(host.vif_id)
        if before == host:
            return
        self._note(before or host, had=before is not None)
        values = (host.vif_id, str(host.mac), _joined(host.addresses), host.hostname)
        self._rows.execute("INSERT OR REPLACE INTO hosts VALUES (?, ?, ?, ?)", values)

    def unwant(self, host: DhcpHost) -> None:
        """Want a host no longer, and note what it was."""
        before = self.host(host.vif_id)
        if before is not None:
            self._note(before, had=True)
            self._rows.execute("DELETE FROM hosts WHERE vif_id = ?", (host.vif_id,))

    def want_only(self, hosts: Iterable[DhcpHost]) -> None:
        """Want these hosts and no other."""
        wanted = {host.vif_id: host for host in hosts}
        known = {host.vif_id: host for host in self.hosts()}
        for host in known.values():
            if host.vif_id not in wanted:
                self.unwant(host)
        for host in wanted.values():
            if known.get(host.vif_id) != host:
                self.want(host)

    def _note(self, before: DhcpHost, *, had: bool) -> None:
        addresses = _joined(before.addresses) if had else ""
        self._rows.execute(
            "INSERT INTO changes (vif_id, mac, addresses) VALUES (?, ?, ?)",
            (before.vif_id, str(before.mac), addresses),
        )

    def last_change(self) -> int:
        """Return the number of the newest change that was noted; numbers are never used again."""
        found = self._rows.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")
        row = found.fetchone()
        return int(row["seq"]) if row else 0

    def changes(self) -> Sequence[Change]:
        """Return what dnsmasq was not told yet, oldest first."""
        return [
            Change(
                number=row["number"],
                vif_id=row["vif_id"],
                mac=mac_address(row["mac"]),
                addresses=_addresses(row["addresses"]),
            )
            for row in self._rows.execute("SELECT * FROM changes ORDER BY number")
        ]

    def passed_on(self, number: int) -> None:
        """Dnsmasq was told all changes up to this one."""
        self._rows.execute("DELETE FROM changes WHERE number <= ?", (number,))

    # --- what dnsmasq was told since it started ---

    def tell_anew(self, told: Iterable[tuple[IPAddress, EUI]]) -> None:
        """Dnsmasq starts, and is told these."""
        self._rows.execute("DELETE FROM told")
        self._rows.execute("DELETE FROM muted")
        self.tell(told)

    def tell(self, told: Iterable[tuple[IPAddress, EUI]]) -> None:
        """Dnsmasq is told these too."""
        pairs = ((str(address), str(mac)) for address, mac in told)
        self._rows.executemany("INSERT OR REPLACE INTO told VALUES (?, ?)", pairs)

    def mute(self, macs: Iterable[EUI]) -> None:
        """Dnsmasq is told to ignore these."""
        self._rows.executemany(
            "INSERT OR REPLACE INTO muted VALUES (?)", ((str(mac),) for mac in macs)
        )

    def refuses(self, mac: EUI, addresses: Iterable[IPAddress]) -> bool:
        """Say whether a running dnsmasq would not take a host, because of what it was told before.

        It refuses an address that it knows of another host, and whom it is to ignore.
        """
        if self._rows.execute("SELECT 1 FROM muted WHERE mac = ?", (str(mac),)).fetchone():
            return True
        for address in addresses:
            query = "SELECT mac FROM told WHERE address = ?"
            row = self._rows.execute(query, (str(address),)).fetchone()
            if row is not None and row["mac"] != str(mac):
                return True
        return False

    # --- what clients did ---

    def leases(self) -> Sequence[KnownLease]:
        """Return the leases that clients hold."""
        return [_lease(row) for row in self._rows.execute("SELECT * FROM leases")]

    def lease(self, address: IPAddress) -> KnownLease | None:
        """Return who holds an address."""
        query = "SELECT * FROM leases WHERE address = ?"
        row = self._rows.execute(query, (str(address),)).fetchone()
        return _lease(row) if row else None

    def put_lease(self, lease: KnownLease) -> None:
        """Note that a client got a lease, or got it again."""
        self._rows.execute(
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?)",
            (
                str(lease.address),
                str(lease.mac),
                lease.expires,
                lease.hostname,
                lease.client_id,
                lease.iaid,
            ),
        )

    def end_lease(self, address: IPAddress, mac: EUI) -> None:
        """Note that a client gave a lease back, or let it run out."""
        self._rows.execute(
            "DELETE FROM leases WHERE address = ? AND mac = ?", (str(address), str(mac))
        )
        self._rows.execute("INSERT OR REPLACE INTO ended VALUES (?, ?)", (str(address), str(mac)))

    def ended(self) -> Sequence[tuple[IPAddress, EUI]]:
        """Return ended leases that were not acknowledged, oldest first."""
        query = "SELECT * FROM ended ORDER BY rowid LIMIT ?"
        found = self._rows.execute(query, (ENDED_AT_MOST,))
        return [(IPAddress(row["address"]), mac_address(row["mac"])) for row in found]

    def acknowledge(self, address: IPAddress, mac: EUI) -> None:
        """Forget an ended lease."""
        self._rows.execute(
            "DELETE FROM ended WHERE address = ? AND mac = ?", (str(address), str(mac))
        )

    # --- the rest ---

    def fact(self, name: str) -> str:
        """Return something that was noted; the empty text if it was not."""
        row = self._rows.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row["value"]) if row else ""

    def note(self, name: str, value: object) -> None:
        """Note something."""
        self._rows.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, str(value)))


def _joined(addresses: Iterable[IPAddress]) -> str:
    return " ".join(map(str, addresses))


def _addresses(text: str) -> tuple[IPAddress, ...]:
    return tuple(IPAddress(word) for word in text.split())


def _host(row: sqlite3.Row) -> DhcpHost:
    return DhcpHost(
        vif_id=row["vif_id"],
        mac=mac_address(row["mac"]),
        addresses=_addresses(row["addresses"]),
        hostname=row["hostname"],
    )


def _lease(row: sqlite3.Row) -> KnownLease:
    return KnownLease(
        address=IPAddress(row["address"]),
        mac=mac_address(row["mac"]),
        expires=row["expires"],
        hostname=row["hostname"],
        client_id=row["client_id"],
        iaid=row["iaid"],
    )
