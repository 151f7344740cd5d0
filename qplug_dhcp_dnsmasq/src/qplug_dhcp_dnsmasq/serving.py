"""The dnsmasq of one network: told of changes in batches, and started anew where it must be.

What is wanted is written down first, under a short lock, by everybody who changes something. Then
one after the other tells dnsmasq of all that was written down by then: who waited meanwhile mostly
finds its own change told. So batches grow by themselves, as dnsmasq needs longer for each of them
the more hosts it has, and whatever a killed process wrote down is told by the next one.
"""

import os
import shutil
import socket
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from netaddr import EUI, IPAddress

from qplug.db import HostFile, Turnstile
from qplug.model import Call, DhcpHost, Network
from qplug_dhcp_dnsmasq import texts
from qplug_dhcp_dnsmasq.errors import DnsmasqSilent
from qplug_dhcp_dnsmasq.ledger import SCHEMA, Change, Ledger
from qplug_dhcp_dnsmasq.process import Identity, Process, refuse_closed
from qplug_dhcp_dnsmasq.releases import release4, release6
from qplug_dhcp_dnsmasq.spool import HOOK, Spool, initial
from qplug_dhcp_dnsmasq.texts import Told

FIXED = (
    "--conf-file=/dev/null",
    "--no-hosts",
    "--no-resolv",
    "--port=0",
    "--except-interface=lo",
    "--bind-dynamic",
    "--dhcp-authoritative",
    "--no-ping",
    "--dhcp-ignore-names",
    "--leasefile-ro",
    "--quiet-dhcp",
    "--quiet-dhcp6",
    "--quiet-ra",
)

ROOM = 1000
"""How many hosts may come before dnsmasq must be started anew, for its limit of leases alone."""

DELTAS = 250
"""How many changed lines are always taken before the hosts are written anew."""

LOG_SIZE = 1 << 20
"""Bytes of a log that is put aside when dnsmasq starts."""


class Ended(Exception):
    """The program is not running any more."""


@dataclass(frozen=True)
class Batch:
    """What dnsmasq is to be told, as it runs."""

    last: int
    lines: Sequence[str]
    told: Sequence[tuple[IPAddress, EUI]]
    muted: Sequence[EUI]
    released: Sequence[tuple[EUI, IPAddress]]


class Serving:
    """A network's folder, ledger and process."""

    def __init__(self, root: str, network_id: str, told: Told, who: Identity) -> None:
        """Touch nothing yet.

        :param root: the folder of all networks
        """
        self._root = root
        self._told = told
        self._who = who
        self.folder = os.path.join(root, network_id)
        self.file = HostFile(os.path.join(root, f"{network_id}.sqlite"), SCHEMA)
        self._telling = Turnstile(os.path.join(root, f"{network_id}.telling"))
        self.process = Process(self._path("pid"))
        self._spool = Spool(self.folder, who.uid)

    def is_known(self) -> bool:
        """Say whether there is anything of it."""
        return self.file.exists() or os.path.isdir(self.folder)

    @contextmanager
    def ledger(self, call: Call) -> Iterator[Ledger]:
        """Have the ledger for a moment."""
        self._have_root()
        with self.file.turn(call) as rows:
            yield Ledger(rows)

    def _have_root(self) -> None:
        if not os.path.isdir(self._root):
            os.makedirs(self._root, mode=0o755, exist_ok=True)

    # --- changes ---

    def sync(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> None:
        """Answer exactly these hosts."""
        with self.ledger(call) as ledger:
            ledger.want_only(hosts)
        with self._telling.turn(call):
            if self._is_as_written(call):
                self._tell(call, network)
            else:
                self._start(call, network)

    def apply(
        self,
        call: Call,
        network: Network,
        changed: Sequence[DhcpHost],
        removed: Sequence[DhcpHost],
    ) -> None:
        """Answer some hosts otherwise than before."""
        with self.ledger(call) as ledger:
            for host in removed:
                ledger.unwant(host)
            for host in changed:
                ledger.want(host)
        with self._telling.turn(call):
            self._tell(call, network)

    def stop(self, call: Call) -> None:
        """Answer nobody, and leave nothing."""
        with self._telling.turn(call):
            self.process.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
            with self.file.turn(call):
                self.file.remove()
            with suppress(FileNotFoundError):
                os.unlink(self._telling.path)

    # --- telling dnsmasq ---

    def _tell(self, call: Call, network: Network) -> None:
        """Tell it of all that was written down."""
        if self.process.pid() is None:
            self._start(call, network)
            return
        with self.ledger(call) as ledger:
            batch = self._batch(network, ledger)
        if batch is None:
            self._start(call, network)
        elif batch.last:
            try:
                self._tell_running(call, network, batch)
            except Ended:
                self._start(call, network)

    def _batch(self, network: Network, ledger: Ledger) -> Batch | None:
        """Return what to tell it; ``None`` if it must be started anew to take it."""
        if ledger.fact("arguments") != self._digest(network):
            return None
        changes = ledger.changes()
        by_vif: dict[str, list[Change]] = {}
        for change in changes:
            by_vif.setdefault(change.vif_id, []).append(change)
        lines: list[str] = []
        told: list[tuple[IPAddress, EUI]] = []
        muted: list[EUI] = []
        released: list[tuple[EUI, IPAddress]] = []
        for vif_id, its in by_vif.items():
            host = ledger.host(vif_id)
            now = texts.leased(network, host.addresses) if host else ()
            if host and now:
                if ledger.refuses(host.mac, now):
                    return None
                lines.append(self._line(network, host, now))
                told += [(address, host.mac) for address in now]
            macs = {change.mac for change in its if change.addresses}
            quiet = macs - ({host.mac} if host and now else set())
            lines += [texts.ignored(mac) for mac in sorted(quiet)]
            muted += quiet
            for change in its:
                kept = now if host and host.mac == change.mac else ()
                released += [(change.mac, a) for a in change.addresses if a not in kept]
        written = int(ledger.fact("deltas") or 0) + len(lines)
        if written > max(DELTAS, int(ledger.fact("base") or 0) // 4):
            return None
        if ledger.count() > int(ledger.fact("room") or 0):
            return None
        return Batch(changes[-1].number if changes else 0, lines, told, muted, released)

    def _line(self, network: Network, host: DhcpHost, addresses: Sequence[IPAddress]) -> str:
        lease_time = self._told.on(network).lease_time
        return texts.host_line(host.mac, addresses, texts.hostname(host), lease_time)

    def _tell_running(self, call: Call, network: Network, batch: Batch) -> None:
        if batch.lines:
            path = self._path("hosts.d", f"{batch.last:012}")
            offset = self._log_size()
            self._write(path, batch.lines)
            self._wait_for(call, network, path, offset)
        with self.ledger(call) as ledger:
            ledger.tell(batch.told)
            ledger.mute(batch.muted)
            ledger.note("deltas", int(ledger.fact("deltas") or 0) + len(batch.lines))
            ledger.passed_on(batch.last)
            if any(address.version == 6 for _, address in batch.released):
                self._spool.take_up(ledger)
            self._release(network, ledger, batch.released)

    def _release(
        self, network: Network, ledger: Ledger, released: Sequence[tuple[EUI, IPAddress]]
    ) -> None:
        """Give leases back for their clients. Who has none, or no device, has nothing to lose."""
        for mac, address in released:
            subnet = next((s for _, s in texts.served(network) if address in s.cidr), None)
            if subnet is None or subnet.dhcp_server is None:
                continue
            with suppress(OSError):
                if address.version == 4:
                    release4(network.bridge, subnet.dhcp_server, address, mac)
                    continue
                lease = ledger.lease(address)
                if lease and lease.mac == mac and lease.iaid and lease.client_id:
                    client = bytes.fromhex(lease.client_id.replace(":", "").replace("-", ""))
                    iaid = int(lease.iaid.lstrip("T"))
                    server = texts.server_duid(network.id)
                    release6(network.bridge, server, client, iaid, address)

    def _wait_for(self, call: Call, network: Network, path: str, offset: int) -> None:
        """Wait until dnsmasq has read a file, of which it tells in its log.

        It reads before it looks at the next packet, so from now on a client is answered by it.

        :raises Ended: it does not run any more
        :raises DnsmasqSilent: it does not read it in time
        """
        pause, wanted = 0.0005, f"read {path}\n".encode()
        while True:
            with suppress(FileNotFoundError), open(self._path("log"), "rb") as log:
                log.seek(offset)
                if wanted in log.read():
                    return
            if self.process.pid() is None:
                raise Ended
            if not call.remaining():
                raise DnsmasqSilent(network.label)
            time.sleep(pause)
            pause = min(1.5 * pause, 0.02)

    # --- starting it ---

    def _start(self, call: Call, network: Network) -> None:
        """Start it with all that is wanted; if it runs it is stopped before, and leases are kept.

        That takes as long as having it read the hosts again, takes changed arguments too, and
        spares dnsmasq 2.90 the signal at which it can crash.
        """
        refuse_closed(self.folder, self._who)
        self.process.stop()
        with self.ledger(call) as ledger:
            self._spool_leases(network, ledger)
            room = ledger.count() + ROOM
            self._write_all(network, ledger, room)
            arguments = self._arguments(network, room)
        self.process.start(network.label, arguments)
        try:
            self._wait_for(call, network, self._path("hosts"), 0)
        except Ended as error:
            raise DnsmasqSilent(network.label) from error

    def _spool_leases(self, network: Network, ledger: Ledger) -> None:
        """End the leases of who is wanted no longer, while dnsmasq does not run."""
        if not os.path.isdir(self.folder):
            os.mkdir(self.folder, mode=0o755)
        self._spool.take_up(ledger)
        wanted = {
            (address, host.mac)
            for host in ledger.hosts()
            for address in texts.leased(network, host.addresses)
        }
        for lease in ledger.leases():
            if (lease.address, lease.mac) not in wanted:
                ledger.end_lease(lease.address, lease.mac)

    def _write_all(self, network: Network, ledger: Ledger, room: int) -> None:
        shutil.rmtree(self._path("hosts.d"), ignore_errors=True)
        os.mkdir(self._path("hosts.d"), mode=0o755)
        lines, told = [], []
        for host in ledger.hosts():
            addresses = texts.leased(network, host.addresses)
            if addresses:
                lines.append(self._line(network, host, addresses))
                told += [(address, host.mac) for address in addresses]
        self._write(self._path("hosts"), lines)
        self._write(self._path("opts"), [texts.options(network, self._told.on(network))])
        expires = int(time.time()) + self._told.on(network).lease_time
        kept = initial(ledger.leases(), texts.server_duid(network.id), expires)
        self._write(self._path("leases.init"), kept)
        self._write(self._path("lease-hook"), [HOOK], mode=0o755)
        self._spool.make()
        self._put_log_aside()
        ledger.tell_anew(told)
        ledger.passed_on(ledger.last_change())
        for name, value in (
            ("arguments", self._digest(network)),
            ("base", len(lines)),
            ("crc", _crc(lines)),
            ("deltas", 0),
            ("room", room),
        ):
            ledger.note(name, value)

    def _arguments(self, network: Network, room: int) -> Sequence[str]:
        paths = (
            ("dhcp-hostsfile", "hosts"),
            ("dhcp-hostsdir", "hosts.d"),
            ("dhcp-optsfile", "opts"),
            ("dhcp-script", "lease-hook"),
            ("log-facility", "log"),
        )
        return [
            *FIXED,
            *self._who.arguments,
            f"--interface={network.bridge}",
            *texts.arguments(network, self._told.on(network)),
            f"--dhcp-lease-max={4 * room}",
            *(f"--{option}={self._path(name)}" for option, name in paths),
        ]

    def _digest(self, network: Network) -> str:
        """Return a mark of all that a running dnsmasq cannot be told."""
        words = [*self._arguments(network, 0), texts.options(network, self._told.on(network)), HOOK]
        words.append(_index(network.bridge))  # its socket does not follow to another device
        return f"{zlib.crc32(chr(0).join(words).encode()):08x}"

    def is_current(self, ledger: Ledger, network: Network) -> bool:
        """Say whether it was started with what it should know of the network."""
        return ledger.fact("arguments") == self._digest(network)

    def _is_as_written(self, call: Call) -> bool:
        with self.ledger(call) as ledger:
            return self.has_its_files(ledger)

    def has_its_files(self, ledger: Ledger) -> bool:
        """Say whether its hosts are as they were written."""
        try:
            with open(self._path("hosts")) as file:
                return _crc(file.readlines()) == ledger.fact("crc") and all(
                    os.path.exists(self._path(name))
                    for name in ("hosts.d", "opts", "events", "lease-hook", "leases.init")
                )
        except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
            return False

    # --- leases ---

    def take_up(self, ledger: Ledger) -> None:
        """Know of what clients did until now."""
        if os.path.isdir(self.folder):
            self._spool.take_up(ledger)

    # --- files ---

    def _path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def _write(self, path: str, lines: Iterable[str], mode: int = 0o644) -> None:
        """Have a file with that in it, or the one before: never a part."""
        made = self._path(".new")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with open(descriptor, "w") as file:
            os.fchmod(descriptor, mode)  # whatever the umask is
            file.writelines(lines)
        os.replace(made, path)

    def _log_size(self) -> int:
        try:
            return os.path.getsize(self._path("log"))
        except FileNotFoundError:
            return 0

    def _put_log_aside(self) -> None:
        """Begin a new log, so that what a former dnsmasq said is not taken for this one's."""
        with suppress(FileNotFoundError):
            os.replace(self._path("log"), self._path("log.before"))


def _index(device: str) -> str:
    """Return by which number the kernel knows a device, if there is one."""
    try:
        return str(socket.if_nametoindex(device))
    except OSError:
        return ""


def _crc(lines: Iterable[str]) -> str:
    return f"{zlib.crc32(''.join(lines).encode()):08x}"
