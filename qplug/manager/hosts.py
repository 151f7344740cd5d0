"""What is done on the host of a network: gateway, translation and DHCP."""

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from netaddr import IPAddress

from qplug.contracts import ActiveLeases, HostPorts
from qplug.errors import (
    HostUnavailable,
    NetworkMoved,
    NetworkOnOtherHost,
    NotSupported,
    VifNotFound,
)
from qplug.manager.chain import Chain, step
from qplug.manager.elsewhere import OtherHost
from qplug.manager.requests import check_text
from qplug.manager.undo import Undo, all_or_nothing, undoing
from qplug.manager.waiting import waited
from qplug.model import ActiveLease, Call, Capability, DhcpHost, Network, Plug, PortRequest
from qplug.store import VifRecord

LOG = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that vifs are waited for that others are making."""
PAUSE = 0.05
"""Seconds between two looks at what others are making."""


class Hosts:
    """The L3 and DHCP steps of the chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def init_host(self, call: Call) -> None:
        """Make this host serve its networks as the store knows them, and nothing else of ours.

        Errors propagate: a host that cannot serve must not look as if it did.
        """
        networks = self._chain.store.networks.all(call, host=self._here)
        for network in networks:
            self._chain.refuse_other_drivers(network)
        with step(call, "l3", "initialising the host"):
            self._chain.l3.initialize(call)
        # A host may have many networks: each has an operation's time of its own.
        for network in networks:
            late = self._chain.call(call.request_id)
            self._catch_up(late, network, self._restore(late, network))
        for network in networks:
            self._translate(self._chain.call(call.request_id), network)
        self.prune(self._chain.call(call.request_id))

    def _restore(self, call: Call, network: Network) -> Sequence[DhcpHost]:
        """Have rules for the vifs before anything is there that they could send to."""
        ports, serves, known = self._chain.ports, self._chain.serves_dhcp, frozenset[str]()
        if ports:
            with step(call, "l3", "looking which vifs may send"):
                known = frozenset(ports.known_ports(call, network))
        # Read after that: whoever is known and not there is gone, and no newcomer is taken for it.
        hosts = self.hosts_of(call, network) if ports or serves else []
        if ports:
            gone = known - {host.vif_id for host in hosts}
            with step(call, "l3", "letting vifs send"):
                ports.sync_ports(call, network, hosts, gone=gone)
        with step(call, "l3", "enabling the gateway"):
            self._chain.l3.enable_gateway(call, network)
        if serves:
            with step(call, "dhcp", "serving the network"):
                self._chain.dhcp.sync(call, network, answered(hosts))
        return hosts

    def _catch_up(self, call: Call, network: Network, told: Sequence[DhcpHost]) -> None:
        """Tell of vifs that others were making, changing or releasing while all were told.

        What they told of those may have been undone by that. Who is dead is not waited for long.
        """
        if not (self._chain.ports or self._chain.serves_dhcp):
            return
        known = {host.vif_id: host for host in told}
        search, until = self._chain.store.search, time.monotonic() + PATIENCE
        unfinished = set(search.unfinished_vifs(call, network.id))
        while True:
            now = self.hosts_of(call, network)
            late = [host for host in now if known.get(host.vif_id) != host]
            gone = [known.pop(id_) for id_ in known.keys() - {host.vif_id for host in now}]
            if late or gone:
                self._tell(call, network, late, gone)
                known |= {host.vif_id: host for host in late}
            if not unfinished or time.monotonic() > until:
                return
            time.sleep(PAUSE)
            unfinished &= set(search.unfinished_vifs(call, network.id))

    def _tell(
        self,
        call: Call,
        network: Network,
        hosts: Sequence[DhcpHost],
        gone: Sequence[DhcpHost] = (),
    ) -> None:
        """Let vifs send from the addresses they have now, and DHCP answer with them."""
        if self._chain.ports:
            with step(call, "l3", "letting vifs send"):
                self._chain.ports.apply_ports(call, network, changed=hosts, removed=gone)
        if self._chain.serves_dhcp:
            there = answered(hosts)
            unanswered = [*gone, *(host for host in hosts if not host.addresses)]
            with step(call, "dhcp", "changing what vifs are answered"):
                self._chain.dhcp.apply(call, network, changed=there, removed=unanswered)

    def restore(self, call: Call, network: Network) -> None:
        """Make this host serve a network as the store knows it."""
        self._refuse_not_here(network)
        told = self._restore(call, network)
        self._translate(call, network)
        self._catch_up(call, network, told)
        self._leave_moved(call, network)

    def hosts_of(self, call: Call, network: Network) -> Sequence[DhcpHost]:
        """Return all that a network serves, be it only just made."""
        return self._chain.store.search.hosts_of_network(call, network)

    def _translate(self, call: Call, network: Network) -> None:
        if not network.has_gateway:
            return
        LOG.info("enabling NAT of network %s (%s)", network.label, network.id)
        with step(call, "l3", "enabling NAT"):
            self._chain.l3.enable_nat(call, network)

    def prune(self, call: Call) -> None:
        """Remove what is ours on this host and belongs to none of its networks."""
        wanted = self._chain.store.networks.on_host(call, self._here)  # one may be new by now
        with step(call, "dhcp", "removing what is no longer wanted"):
            self._chain.dhcp.prune(call, wanted)
        with step(call, "l3", "removing what is no longer wanted"):
            self._chain.l3.prune(call, wanted)

    def route(self, call: Call, network: Network, undo: Undo) -> None:
        """Prepare this host to be the gateway of a new network that has one."""
        l3 = self._chain.l3
        if not l3.initialized:
            with step(call, "l3", "initialising the host"):
                l3.initialize(call)
        if network.has_gateway:
            undo.add(
                "NAT could not be taken back",
                lambda: l3.disable_nat(self._chain.overtime(call), network),
            )
            self._translate(call, network)

    def serve_changed(self, call: Call, before: Network, after: Network, undo: Undo) -> None:
        """Serve a network with the subnets it has from now on, as far as this host serves it.

        DHCP is told no hosts: instances come and go meanwhile, and tell it of theirs themselves.
        """
        if not self._serves or after.host is None:
            return
        late = self._chain.overtime
        if (there := self._there(after)) is not None:
            undo.add(
                f"network {before.id} is served with other subnets than are recorded",
                lambda: there.change(late(call), after, before),
            )
            there.change(call, before, after)
            return
        if self._gateway_port(call, after) is not None:
            undo.add(
                f"network {before.id} is served with other subnets than are recorded",
                lambda: self._serve_subnets(late(call), before),
            )
            self._serve_subnets(call, after)
        if after.has_gateway and not before.has_gateway:
            undo.add(
                "NAT could not be taken back",
                lambda: self._chain.l3.disable_nat(late(call), after),
            )
        self._translate(call, after)

    def change_here(self, call: Call, before: Network, after: Network) -> None:
        """Serve a network of this host with the subnets it has from now on, or as before."""
        with all_or_nothing() as undo:
            network = self._mine(call, after)
            self.serve_changed(call, before, network, undo)
            if before.has_gateway and not after.has_gateway:
                with step(call, "l3", "disabling NAT"):
                    self._chain.l3.disable_nat(call, after)
        self._leave_moved(call, network)  # to undo that first would serve it here again

    def _serve_subnets(self, call: Call, network: Network) -> None:
        with step(call, "l3", "changing the gateway"):
            self._chain.l3.enable_gateway(call, network)
        if self._chain.serves_dhcp:
            with step(call, "dhcp", "changing the network"):
                self._chain.dhcp.apply(call, network)

    def _gateway_port(self, call: Call, network: Network) -> str | None:
        with step(call, "quantum", "looking for the gateway's port"):
            return self._chain.quantum.port_by_attachment(
                call, network.quantum_project, network.id, network.gateway_device
            )

    def serve(
        self, call: Call, record: VifRecord, undo: Undo, together: Collection[str] = ()
    ) -> None:
        """Have DHCP answer a vif; the first of a network gets it its gateway and port.

        :param together: the ids of the vifs that are made with this one, or not at all
        """
        if not self._serves:
            return
        network, host, late = record.network, dhcp_host(record), self._chain.overtime
        ids = {record.vif.id, *together}
        if (there := self._there(network)) is None:
            network = self._hosted(call, network)
            self._serve_here(call, network, host, ids, undo)
            self._leave_moved(call, network)
            return
        undo.add(
            "the gateway could not be taken back",
            lambda: there.remove_gateway(late(call), network, ids),
        )
        undo.add(
            "another host may go on serving a vif",
            lambda: there.tell(late(call), network, removed=[host]),
        )
        there.serve(call, network, host, ids)

    def serve_here(
        self, call: Call, network: Network, host: DhcpHost, together: Collection[str]
    ) -> None:
        """Serve a vif of a network of this host, or leave nothing of that.

        :param together: the ids of the vifs that are made with it, or not at all
        :raises VifNotFound: it is being made no more
        """
        with all_or_nothing() as undo:
            ids = {host.vif_id, *together}
            network = self._mine(call, network)
            self._serve_here(call, network, host, ids, undo)
            self._leave_moved(call, network)
            mark = self._chain.store.search.mark_of(call, host.vif_id)
            if mark is None or mark[0] == "deleting":  # who asked has given up before this was done
                raise VifNotFound(host.vif_id)

    def _serve_here(
        self, call: Call, network: Network, host: DhcpHost, together: Collection[str], undo: Undo
    ) -> None:
        self._enable_gateway(call, network, together, undo)
        if self._chain.ports:
            undo.add(
                "what a vif may send could not be taken back",
                lambda: self._remove_port(self._chain.overtime(call), network, host),
            )
            with step(call, "l3", "letting the vif send"):
                self._chain.ports.apply_ports(call, network, changed=[host])
        if not self._chain.serves_dhcp:
            return
        undo.add(
            "a DHCP host could not be taken back",
            lambda: self._chain.dhcp.apply(self._chain.overtime(call), network, removed=[host]),
        )
        with step(call, "dhcp", "serving the vif"):
            self._chain.dhcp.apply(call, network, changed=[host])

    def _remove_port(self, call: Call, network: Network, host: DhcpHost) -> None:
        if self._chain.ports:
            with step(call, "l3", "letting the vif send nothing"):
                self._chain.ports.apply_ports(call, network, removed=[host])

    def _enable_gateway(
        self, call: Call, network: Network, together: Collection[str], undo: Undo
    ) -> None:
        chain, project, device = self._chain, network.quantum_project, network.gateway_device
        if self._gateway_port(call, network) is not None:
            return
        undo.add(
            "the gateway could not be taken back",
            lambda: self.remove_gateway(call, network, together),
        )
        with step(call, "l3", "enabling the gateway"):
            chain.l3.enable_gateway(call, network)
        with step(call, "quantum", "attaching the gateway"):
            request = PortRequest(attachment=device)
            chain.quantum.attach_port(call, project, network.id, request)

    def remove_gateway(self, call: Call, network: Network, failed: Collection[str]) -> None:
        """Remove a gateway made for vifs that failed, unless others rely on it by now.

        Those may be of the same instance, where another process has taken it over.
        """
        if not self._serves:
            return
        late = self._chain.overtime(call)
        if (there := self._there(network)) is not None:
            there.remove_gateway(late, network, failed)
        elif not self._chain.store.networks.has_vifs(late, network.id, besides=failed):
            self._stop(late, network, nat=False)

    def change(self, call: Call, record: VifRecord) -> None:
        """Have DHCP answer a vif with the addresses it has now; with none, not at all."""
        if not (self._chain.serves_dhcp or self._chain.ports):
            return
        network, host = record.network, dhcp_host(record)
        if (there := self._there(network)) is not None:
            there.tell(call, network, changed=[host])
        else:
            network = self._hosted(call, network)
            self._tell(call, network, [host])
            self._leave_moved(call, network)

    def forget(self, call: Call, record: VifRecord) -> None:
        """Have DHCP answer a vif no longer, and nothing come from it."""
        if not (self._chain.serves_dhcp or self._chain.ports):
            return
        network, host = record.network, dhcp_host(record)
        if (there := self._there(network)) is not None:
            there.tell(call, network, removed=[host])
        else:
            self._forget(call, self._hosted(call, network), host)

    def _forget(self, call: Call, network: Network, host: DhcpHost) -> None:
        if self._chain.serves_dhcp:
            with step(call, "dhcp", "forgetting the vif"):
                self._chain.dhcp.apply(call, network, removed=[host])
        self._remove_port(call, network, host)

    def tell_here(
        self,
        call: Call,
        network: Network,
        changed: Sequence[DhcpHost],
        removed: Sequence[DhcpHost],
    ) -> None:
        """Serve vifs of a network of this host with what they have now; the removed ones not."""
        network = self._mine(call, network)
        if changed:
            self._tell(call, network, changed)
            self._leave_moved(call, network)
        for host in removed:
            self._forget(call, network, host)
        for host in changed if call.epoch is not None else ():
            self._correct(call, network, host)

    def _correct(self, call: Call, network: Network, told: DhcpHost) -> None:
        """Serve a vif as it is by now, if whoever asked has given up before this was done.

        Who works on it by now may have told of it before that, and not tell again.
        """
        search, late = self._chain.store.search, self._chain.overtime(call)
        mark = search.mark_of(late, told.vif_id)
        if mark == ("updating", call.epoch):
            return
        while mark is not None and mark[0] == "updating" and late.remaining() > PAUSE:
            time.sleep(PAUSE)
            mark = search.mark_of(late, told.vif_id)
        record = search.vif(late, told.vif_id)
        if record is None:
            self._forget(late, network, told)
        elif dhcp_host(record) != told:
            self._tell(late, network, [dhcp_host(record)])

    # --- devices ---

    def plug(self, call: Call, vif_id: str, plug: Plug) -> str:
        """Have a device for a vif on this host, and return its name.

        :raises VifNotFound: there is no such vif, or no longer
        :raises NotSupported: the L3 driver makes no devices for vifs
        """
        ports, record = self._ports(), self._vif(call, vif_id)
        network = self._hosted(call, record.network)
        with step(call, "l3", "plugging the vif"):
            device = ports.plug(call, network, dhcp_host(record), plug)
        self._tell(call, network, [dhcp_host(record)])  # DHCP may have lost the bridge before
        if self._chain.store.search.vif(call, vif_id) is None:  # it was released meanwhile
            self._remove_port(self._chain.overtime(call), network, dhcp_host(record))
            raise VifNotFound(vif_id)
        return device

    def unplug(self, call: Call, vif_id: str) -> None:
        """Have no device for a vif on this host.

        :raises VifNotFound: there is no such vif, so that it has none
        :raises NotSupported: the L3 driver makes no devices for vifs
        """
        ports, record = self._ports(), self._vif(call, vif_id)
        with step(call, "l3", "unplugging the vif"):
            ports.unplug(call, self._hosted(call, record.network), vif_id)

    def _ports(self) -> HostPorts:
        if self._chain.ports is None:
            raise NotSupported("devices for vifs", "l3", self._chain.names.l3)
        return self._chain.ports

    def _vif(self, call: Call, vif_id: str) -> VifRecord:
        record = self._chain.store.search.vif(call, vif_id)
        if record is None:
            raise VifNotFound(vif_id)
        self._chain.refuse_other_drivers(record.network)
        return record

    # --- looking ---

    def answered_by(self, call: Call, network: Network) -> Sequence[DhcpHost]:
        """Return whom DHCP answers on a network, be it switched on or not; by first address."""
        hosts = answered(self.hosts_of(call, network))
        return sorted(hosts, key=lambda host: host.addresses[0])

    def leases(self, call: Call, network: Network) -> Sequence[ActiveLease]:
        """Return the leases that clients of a network hold.

        :raises NotSupported: the DHCP driver does not know
        """
        dhcp = self._chain.dhcp
        if not isinstance(dhcp, ActiveLeases):
            raise NotSupported("list of leases", "dhcp", self._chain.names.dhcp)
        self._chain.refuse_other_drivers(network)
        if (there := self._there(network)) is not None:
            return there.leases(call, network.id)
        with step(call, "dhcp", "listing leases"):
            return dhcp.leases(call, network)

    # --- stopping ---

    def stop(self, call: Call, network: Network) -> None:
        """Stop serving a network: DHCP first, then translation, port and gateway device."""
        if (there := self._there(network)) is not None:
            there.stop(call, network)
        else:
            self._stop(call, network)

    def stop_here(self, call: Call, network: Network) -> None:
        """Stop serving a network that is this host's, or is no longer."""
        self._stop(call, replace(network, host=self._here))

    def _stop(self, call: Call, network: Network, *, nat: bool = True) -> None:
        chain = self._chain
        with step(call, "dhcp", "stopping the network"):
            chain.dhcp.stop(call, network)
        if nat and network.has_gateway:
            with step(call, "l3", "disabling NAT"):
                chain.l3.disable_nat(call, network)
        self._detach_gateway(call, network)
        with step(call, "l3", "disabling the gateway"):
            chain.l3.disable_gateway(call, network)

    def _detach_gateway(self, call: Call, network: Network) -> None:
        quantum, project = self._chain.quantum, network.quantum_project
        with step(call, "quantum", "detaching the gateway"):
            port = quantum.port_by_attachment(call, project, network.id, network.gateway_device)
            if port is not None:
                quantum.detach_port(call, project, network.id, port)

    def _hosted(self, call: Call, network: Network) -> Network:
        """Return the network once this host serves it; one that has no host is taken over."""
        if network.host is not None:
            self._refuse_not_here(network)
            return network
        set_host = self._chain.store.networks.set_host
        host = waited(call, lambda: set_host(call, network.id, self._here))
        network = replace(network, host=host)
        self._refuse_not_here(network)
        try:
            self._restore(call, network)
            self._translate(call, network)
        except BaseException as error:
            with undoing(error) as patiently:
                patiently("a host stays", lambda: self._give_up(call, network))
            raise
        return network

    def _give_up(self, call: Call, network: Network) -> None:
        late = self._chain.overtime(call)
        self._chain.store.networks.disassociate(late, network.id, host=True, project=False)

    def move(self, call: Call, network: Network, host: str) -> Network:
        """Have another host serve a network, and return it.

        The one that served it stops first; if it cannot be asked, it stops when it is back. Devices
        of vifs do not move.

        :raises HostUnavailable: the new host cannot be asked; nothing has changed then
        :raises NetworkInTransition, NetworkHasHost: others change it just now
        """
        check_text("host", host)
        if network.host == host:
            return network
        self._chain.refuse_other_drivers(network)
        moved = replace(network, host=host)
        there = self._there(moved)
        if there is not None:
            there.ready(call)
        store, late = self._chain.store.networks, self._chain.overtime
        with all_or_nothing() as undo:
            undo.add(
                f"network {network.id} is served by nobody",
                lambda: self._restore_on(late(call), network),
            )
            is_stopped = self._stop_before(call, network)
            waited(call, lambda: store.move(call, network, host))
            undo.add(
                f"network {network.id} stays host '{host}'s",
                lambda: store.move(late(call), moved, network.host),
            )
            if is_stopped:  # who found it there before it was moved may have served a vif since
                self._stop_before(call, network)
            self._restore_on(call, moved)
        return moved

    def _stop_before(self, call: Call, network: Network) -> bool:
        """Have the old host serve a network no longer, and say whether it could be asked."""
        if not self._serves or network.host is None:
            return False
        try:
            self.stop(call, network)
        except HostUnavailable as error:
            LOG.warning("network %s is moved all the same: %s", network.label, error)
            return False
        return True

    def _leave_moved(self, call: Call, network: Network) -> None:
        """Serve a network no longer that was moved while it was served.

        Whoever moves it has this host stop before and after it is recorded, so a host that looks
        again when it has done something either finds it moved, or is stopped later.

        :raises NetworkMoved: so it was
        """
        if self._chain.other_hosts is None or not self._serves:
            return
        late, store = self._chain.overtime(call), self._chain.store.networks
        now = store.find(late, network.id, hidden=True)
        if now.host in (None, self._here):
            return
        self._stop(late, replace(network, host=self._here))
        again = store.find(late, network.id, hidden=True)
        if again.host == self._here:  # it has been moved back
            self.restore(late, again)
        raise NetworkMoved(now.label, str(now.host))

    def _restore_on(self, call: Call, network: Network) -> None:
        if not self._serves or network.host is None:
            return
        if (there := self._there(network)) is not None:
            there.restore(call, network.id)
        else:
            self.restore(call, network)

    def _mine(self, call: Call, network: Network) -> Network:
        """Return a network with the host that it has by now, which must be this one.

        :raises NetworkMoved: it has been moved
        """
        found = self._chain.store.networks.find(call, network.id, hidden=True)
        if found.host not in (None, self._here):
            raise NetworkMoved(found.label, str(found.host))
        return replace(network, host=found.host)

    def _there(self, network: Network) -> OtherHost | None:
        """Return the other host that serves a network; ``None`` if this one does, or nobody has to.

        :raises NetworkOnOtherHost: there is no bus over which it could be asked
        """
        if not self._serves or network.host in (None, self._here):
            return None
        if self._chain.other_hosts is None:
            self._refuse_not_here(network)
            return None
        return self._chain.other_hosts.of(str(network.host))

    def refuse_other_host(self, network: Network) -> None:
        """Refuse a network for which a driver would have to act on a host out of reach.

        :raises NetworkOnOtherHost: there is such a driver, and no bus
        """
        self._there(network)

    def _refuse_not_here(self, network: Network) -> None:
        """Refuse a network for which a driver would have to act on another host.

        :raises NetworkOnOtherHost: there is such a driver, and the network has another host
        """
        if self._serves and network.host not in (None, self._here):
            raise NetworkOnOtherHost(network.label, str(network.host), self._here)

    @property
    def _here(self) -> str:
        return str(self._chain.conf.host)

    @property
    def _serves(self) -> bool:
        return self._chain.serves_dhcp or Capability.SERVES in self._chain.l3.capabilities


def answered(hosts: Iterable[DhcpHost]) -> Sequence[DhcpHost]:
    """Return those that DHCP has something to tell."""
    return [host for host in hosts if host.addresses]


def dhcp_host(record: VifRecord) -> DhcpHost:
    """Return what DHCP is to know of a vif."""
    addresses: Sequence[IPAddress] = [allocation.address for allocation in record.allocations]
    return DhcpHost(vif_id=record.vif.id, mac=record.vif.mac, addresses=tuple(addresses))
