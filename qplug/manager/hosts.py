"""What is done on the host of a network: gateway, translation and DHCP."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from netaddr import IPAddress

from qplug.errors import NetworkOnOtherHost
from qplug.manager.chain import Chain, step
from qplug.manager.undo import Undo, undoing
from qplug.manager.waiting import waited
from qplug.model import Call, Capability, DhcpHost, Network, PortRequest
from qplug.store import VifRecord

LOG = logging.getLogger(__name__)


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
            self._restore(self._chain.call(call.request_id), network)
        for network in networks:
            self._translate(self._chain.call(call.request_id), network)
        self._prune(self._chain.call(call.request_id))

    def _restore(self, call: Call, network: Network) -> None:
        with step(call, "l3", "enabling the gateway"):
            self._chain.l3.enable_gateway(call, network)
        if self._chain.serves_dhcp:
            records = self._chain.store.search.vifs_of_network(call, network.id)
            with step(call, "dhcp", "serving the network"):
                self._chain.dhcp.sync(call, network, [dhcp_host(record) for record in records])

    def _translate(self, call: Call, network: Network) -> None:
        if not network.has_gateway:
            return
        LOG.info("enabling NAT of network %s (%s)", network.label, network.id)
        with step(call, "l3", "enabling NAT"):
            self._chain.l3.enable_nat(call, network)

    def _prune(self, call: Call) -> None:
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
        network = self._hosted(call, record.network)
        self._enable_gateway(call, network, {record.vif.id, *together}, undo)
        if not self._chain.serves_dhcp:
            return
        host = dhcp_host(record)
        undo.add(
            "a DHCP host could not be taken back",
            lambda: self._chain.dhcp.apply(self._chain.overtime(call), network, removed=[host]),
        )
        with step(call, "dhcp", "serving the vif"):
            self._chain.dhcp.apply(call, network, changed=[host])

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
        late = self._chain.overtime(call)
        if self._serves and not self._chain.store.networks.has_vifs(
            late, network.id, besides=failed
        ):
            self.stop(late, network, nat=False)

    def change(self, call: Call, record: VifRecord) -> None:
        """Have DHCP answer a vif with the addresses it has now; with none, not at all."""
        if not self._chain.serves_dhcp:
            return
        network = self._hosted(call, record.network)
        host = dhcp_host(record)
        there, gone = ([host], []) if host.addresses else ([], [host])
        with step(call, "dhcp", "changing what the vif is answered"):
            self._chain.dhcp.apply(call, network, changed=there, removed=gone)

    def forget(self, call: Call, record: VifRecord) -> None:
        """Have DHCP answer a vif no longer."""
        if not self._chain.serves_dhcp:
            return
        network = self._hosted(call, record.network)
        with step(call, "dhcp", "forgetting the vif"):
            self._chain.dhcp.apply(call, network, removed=[dhcp_host(record)])

    def stop(self, call: Call, network: Network, *, nat: bool = True) -> None:
        """Stop serving a network: DHCP first, then translation, port and gateway device."""
        chain = self._chain
        self.refuse_other_host(network)
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
            self.refuse_other_host(network)
            return network
        set_host = self._chain.store.networks.set_host
        host = waited(call, lambda: set_host(call, network.id, self._here))
        network = replace(network, host=host)
        self.refuse_other_host(network)
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

    def refuse_other_host(self, network: Network) -> None:
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


def dhcp_host(record: VifRecord) -> DhcpHost:
    """Return what DHCP is to know of a vif."""
    addresses: Sequence[IPAddress] = [allocation.address for allocation in record.allocations]
    return DhcpHost(vif_id=record.vif.id, mac=record.vif.mac, addresses=tuple(addresses))
