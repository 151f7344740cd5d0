"""What this host is wanted to have: networks and vifs, as the manager told them last.

The kernel forgets it all at a reboot, and cannot be asked quickly what a vif had before.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from netaddr import EUI, IPAddress, IPNetwork

from qplug.model import DhcpHost, Network, mac_address
from qplug_l3_linux.links import InterfaceAddress
from qplug_l3_linux.rules import Element, of_network, of_port, translation

SCHEMA = """
CREATE TABLE networks (id TEXT PRIMARY KEY, told TEXT NOT NULL);
CREATE TABLE ports (
    device TEXT PRIMARY KEY, vif_id TEXT NOT NULL, network_id TEXT NOT NULL, mac TEXT NOT NULL,
    addresses TEXT NOT NULL
);
CREATE INDEX ports_of_network ON ports (network_id);
CREATE TABLE suspects (tbl TEXT NOT NULL, set_name TEXT NOT NULL, key TEXT NOT NULL);
"""


@dataclass(frozen=True, kw_only=True)
class WantedNetwork:
    """A network of this host."""

    id: str
    label: str
    bridge: str
    addresses: tuple[str, ...]
    """Of the bridge, with the prefix around each, the DHCP server's first."""
    routed: tuple[str, ...]
    """The cidrs of its subnets that have a gateway."""
    is_enabled: bool = True
    is_translated: bool = False

    @property
    def elements(self) -> set[Element]:
        """What there is of it in the sets."""
        routed = [IPNetwork(cidr) for cidr in self.routed]
        found = translation(routed) if self.is_translated else set()
        return found | (of_network(self.bridge, routed) if self.is_enabled else set())

    @property
    def interface_addresses(self) -> Sequence[InterfaceAddress]:
        """What its bridge has; what is not routed shall be in nobody's way."""
        return [InterfaceAddress(IPNetwork(one), bool(self.routed)) for one in self.addresses]


def wanted_network(network: Network) -> WantedNetwork:
    """Return what a network wants of its host."""
    addresses: dict[str, None] = {}
    for subnet in network.subnets:
        for address in (subnet.dhcp_server, subnet.gateway):
            if address is not None:
                addresses[f"{address}/{subnet.cidr.prefixlen}"] = None
    return WantedNetwork(
        id=network.id,
        label=network.label,
        bridge=network.bridge,
        addresses=tuple(addresses),
        routed=tuple(str(s.cidr) for s in network.subnets if s.gateway is not None),
    )


@dataclass(frozen=True, kw_only=True)
class WantedPort:
    """A vif of this host."""

    device: str
    vif_id: str
    network_id: str
    mac: EUI
    addresses: tuple[IPAddress, ...]

    @cached_property
    def elements(self) -> frozenset[Element]:
        """What there is of it in the sets."""
        return frozenset(of_port(self.device, self.mac, self.addresses))


def wanted_port(network: Network, host: DhcpHost) -> WantedPort:
    """Return what a vif wants of its host."""
    return WantedPort(
        device=host.device,
        vif_id=host.vif_id,
        network_id=network.id,
        mac=host.mac,
        addresses=host.addresses,
    )


class Wanted:
    """The rows, while it is our turn."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        """Take a connection whose transactions end where ours do."""
        self._rows = rows

    # --- networks ---

    def network(self, network_id: str) -> WantedNetwork | None:
        """Return a network."""
        found = self._rows.execute("SELECT told FROM networks WHERE id = ?", (network_id,))
        row = found.fetchone()
        return _network(row) if row else None

    def networks(self) -> Sequence[WantedNetwork]:
        """Return all networks."""
        return [_network(row) for row in self._rows.execute("SELECT told FROM networks")]

    def put_network(self, one: WantedNetwork) -> None:
        """Write a network down; one that is neither enabled nor translated is forgotten."""
        if one.is_enabled or one.is_translated:
            told = json.dumps({name: getattr(one, name) for name in one.__dataclass_fields__})
            self._rows.execute("INSERT OR REPLACE INTO networks VALUES (?, ?)", (one.id, told))
        else:
            self._rows.execute("DELETE FROM networks WHERE id = ?", (one.id,))

    # --- vifs ---

    def port(self, device: str) -> WantedPort | None:
        """Return what the vif is wanted to have whose device has that name."""
        row = self._rows.execute("SELECT * FROM ports WHERE device = ?", (device,)).fetchone()
        return _port(*row) if row else None

    def owner(self, device: str) -> str | None:
        """Return the vif whose device has that name."""
        found = self._rows.execute("SELECT vif_id FROM ports WHERE device = ?", (device,))
        row = found.fetchone()
        return row[0] if row else None

    def ports(self, network_id: str | None = None) -> Iterator[WantedPort]:
        """Yield all vifs, or those of a network."""
        query = "SELECT * FROM ports WHERE network_id = coalesce(?, network_id)"
        if network_id is not None:
            query = "SELECT * FROM ports WHERE network_id = ?"
        for row in self._rows.execute(query, (network_id,)):
            yield _port(*row)

    def put_ports(self, ports: Iterable[WantedPort]) -> None:
        """Write vifs down."""
        self._rows.executemany(
            "INSERT OR REPLACE INTO ports VALUES (?, ?, ?, ?, ?)",
            (
                (p.device, p.vif_id, p.network_id, str(p.mac), " ".join(map(str, p.addresses)))
                for p in ports
            ),
        )

    def forget_ports(self, devices: Iterable[str]) -> None:
        """Forget vifs."""
        gone = ((device,) for device in devices)
        self._rows.executemany("DELETE FROM ports WHERE device = ?", gone)

    # --- what the kernel may have or not ---

    def suspect(self, elements: Iterable[Element]) -> None:
        """Write down, at once, what is about to be put in place or removed.

        If this process is killed before it is sure of that, the next change looks after them.
        """
        self._rows.executemany("INSERT INTO suspects VALUES (?, ?, ?)", elements)
        self._rows.commit()

    def suspects(self) -> set[Element]:
        """Return what was in doubt when a process was killed, or failed."""
        found = self._rows.execute("SELECT tbl, set_name, key FROM suspects")
        return {Element(*row) for row in found}

    def trust(self) -> None:
        """Nothing is in doubt any more, once this turn is over."""
        self._rows.execute("DELETE FROM suspects")

    def elements(self) -> set[Element]:
        """Return all that the sets should have."""
        found: set[Element] = set()
        for network in self.networks():
            found |= network.elements
        for port in self.ports():
            found |= port.elements
        return found

    def elements_among(self, suspects: Iterable[Element]) -> set[Element]:
        """Return those that the sets should have."""
        doubtful = set(suspects)
        wanted: set[Element] = set()
        for network in self.networks():
            wanted |= network.elements & doubtful
        devices = {one.key.partition(" ")[0].strip('"') for one in doubtful}
        for device in devices:
            port = self.port(device)
            if port is not None:
                wanted |= port.elements & doubtful
        return wanted


def _network(row: sqlite3.Row) -> WantedNetwork:
    told: dict[str, Any] = json.loads(row["told"])
    lists = {name: tuple(told[name]) for name in ("addresses", "routed")}
    return WantedNetwork(**told | lists)


# When a host begins, each of its vifs is read some times.
@lru_cache(maxsize=1 << 14)
def _port(device: str, vif_id: str, network_id: str, mac: str, addresses: str) -> WantedPort:
    return WantedPort(
        device=device,
        vif_id=vif_id,
        network_id=network_id,
        mac=mac_address(mac),
        addresses=tuple(IPAddress(text) for text in addresses.split()),
    )
