"""The DHCP driver ``dnsmasq``."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from netaddr import IPAddress
from oslo_config import cfg

from qplug.contracts import ActiveLeases, ApiRange, DhcpDriver, HostFaults, LeaseEvents
from qplug.model import (
    ActiveLease,
    Call,
    Capability,
    DhcpHost,
    Fault,
    Lease,
    Network,
)
from qplug_dhcp_dnsmasq.ledger import ENDED_AT_MOST, Ledger
from qplug_dhcp_dnsmasq.options import GROUP, opts
from qplug_dhcp_dnsmasq.process import identity, refuse_closed, version
from qplug_dhcp_dnsmasq.serving import Serving
from qplug_dhcp_dnsmasq.texts import Told, of_version4

UUID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.(?:sqlite|telling)\S*)?")


class DnsmasqDhcp(DhcpDriver, LeaseEvents, ActiveLeases, HostFaults):
    """A dnsmasq for each network of this host; options in ``[dhcp_dnsmasq]``."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SERVES, Capability.SHARED})

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(opts(), group=GROUP)
        group = conf[GROUP]
        self._root = os.path.normpath(group.networks_path)
        self._user = str(group.user)
        self._told = Told(
            domain=str(conf.dhcp.domain),
            lease_time=int(conf.dhcp.lease_time),
            mtu=int(conf.l3.mtu),
        )
        self._use_ipv6 = bool(group.use_ipv6)

    def check(self, call: Call) -> str:
        """Ask dnsmasq for its version, and look at where its files go."""
        who = identity(self._user)
        refuse_closed(self._root, who)
        running = sum(self._of(id_).process.pid() is not None for id_ in self._known())
        return f"dnsmasq {version()} serves {running} network(s) of this host, as user {who.user}"

    # --- DhcpDriver -----------------------------------------------------------------------------

    def sync(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> None:
        """Have dnsmasq run with exactly these hosts."""
        self._of(network.id).sync(call, self._seen(network), hosts)

    def apply(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        """Tell dnsmasq of some hosts, with whatever others tell it of at the same time."""
        serving = self._of(network.id)
        if changed or not removed or serving.is_known():
            serving.apply(call, self._seen(network), changed, removed)

    def stop(self, call: Call, network: Network) -> None:
        """End the network's dnsmasq and remove its folder."""
        self._stop(call, network.id)

    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        """End the others' as well."""
        for network_id in self._known():
            if network_id not in network_ids:
                self._stop(call, network_id)

    def _stop(self, call: Call, network_id: str) -> None:
        serving = self._of(network_id)
        if serving.is_known():
            serving.stop(call)

    # --- leases ---------------------------------------------------------------------------------

    def ended_leases(self, call: Call) -> Sequence[Lease]:
        """Take up what the lease hooks wrote."""
        found: list[Lease] = []
        for network_id in self._known():
            serving = self._of(network_id)
            with serving.ledger(call) as ledger:
                serving.take_up(ledger)
                for address, mac in ledger.ended():
                    found.append(Lease(network_id=network_id, address=address, mac=mac))
        return found[:ENDED_AT_MOST]

    def acknowledge(self, call: Call, leases: Sequence[Lease]) -> None:
        """Forget ended leases."""
        by_network: dict[str, list[Lease]] = {}
        for lease in leases:
            by_network.setdefault(lease.network_id, []).append(lease)
        for network_id in by_network.keys() & set(self._known()):
            with self._of(network_id).ledger(call) as ledger:
                for lease in by_network[network_id]:
                    ledger.acknowledge(lease.address, lease.mac)

    def leases(self, call: Call, network: Network) -> Sequence[ActiveLease]:
        """Return what the lease hook told of, by address."""
        serving = self._of(network.id)
        if not serving.is_known():
            return ()
        with serving.ledger(call) as ledger:
            serving.take_up(ledger)
            found = sorted(ledger.leases(), key=lambda lease: lease.address)
        return [
            ActiveLease(
                network_id=network.id,
                address=lease.address,
                mac=lease.mac,
                expires=datetime.fromtimestamp(lease.expires, UTC),
                hostname=lease.hostname,
                client_id=lease.client_id,
            )
            for lease in found
        ]

    # --- HostFaults -----------------------------------------------------------------------------

    def faults(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> Sequence[Fault]:
        """Compare process, files and ledger with what is wanted."""
        serving = self._of(network.id)
        wanted = {host.vif_id: host for host in hosts}
        if not serving.is_known():
            return [_service(network, "it does not run, and has no files")] if wanted else []
        with serving.ledger(call) as ledger:
            return [
                *_of_service(serving, ledger, self._seen(network)),
                *_of_hosts(network, wanted, {host.vif_id: host for host in ledger.hosts()}),
            ]

    def strays(self, call: Call, network_ids: Collection[str]) -> Sequence[Fault]:
        """Look for folders of other networks."""
        return [
            Fault(
                what="service",
                network_id=network_id,
                wanted="nothing: no network of this host has it",
                found=f"a dnsmasq has its files in {self._of(network_id).folder}",
            )
            for network_id in self._known()
            if network_id not in network_ids
        ]

    # --------------------------------------------------------------------------------------------

    def _of(self, network_id: str) -> Serving:
        return Serving(self._root, network_id, self._told, identity(self._user))

    def _seen(self, network: Network) -> Network:
        return network if self._use_ipv6 else of_version4(network)

    def _known(self) -> Sequence[str]:
        """Return the ids of the networks of which there is anything."""
        try:
            names = os.listdir(self._root)
        except FileNotFoundError:
            return ()
        found = (UUID.fullmatch(name) for name in names)
        return sorted({match[1] for match in found if match})


def _service(network: Network, found: str) -> Fault:
    return Fault(
        what="service",
        network_id=network.id,
        wanted="dnsmasq answers the instances of the network",
        found=found,
    )


def _of_service(serving: Serving, ledger: Ledger, network: Network) -> Iterator[Fault]:
    if serving.process.find() is None:
        yield _service(network, "it does not run")
    elif not serving.is_current(ledger, network):
        yield _service(
            network, "it runs with other subnets or options, or for a device that is gone"
        )
    elif not serving.has_its_files(ledger):
        yield _service(network, "its files are not as they were written")


def _of_hosts(
    network: Network, wanted: Mapping[str, DhcpHost], known: Mapping[str, DhcpHost]
) -> Iterator[Fault]:
    for vif_id in sorted({*wanted, *known}):
        one, other = wanted.get(vif_id), known.get(vif_id)
        if one != other:
            yield Fault(
                what="host",
                network_id=network.id,
                vif_id=vif_id,
                address=_first(one or other),
                wanted=_said(one),
                found=_said(other),
            )


def _first(host: DhcpHost | None) -> IPAddress | None:
    return host.addresses[0] if host and host.addresses else None


def _said(host: DhcpHost | None) -> str:
    if host is None:
        return "DHCP does not know it"
    return f"DHCP tells {host.mac} {', '.join(map(str, host.addresses)) or 'nothing'}"
