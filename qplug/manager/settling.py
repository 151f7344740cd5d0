"""Making IPAM, Quantum and DHCP say what the store says, where a change was interrupted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netaddr import IPAddress

from qplug.contracts import SubnetUpdates
from qplug.errors import FixedIpAlreadyInUse, FixedIpInvalid
from qplug.manager.answers import one_more, port_id
from qplug.manager.chain import Chain, step
from qplug.manager.hosts import Hosts
from qplug.manager.ports import mirror_subnets, port_request, tell_addresses
from qplug.manager.undo import Undo
from qplug.model import Allocation, Call, Capability, Instance, Network
from qplug.store import InstanceRecord, VifRecord
from qplug.store.records import in_order


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How the vifs of an instance are when everybody agrees again."""

    vifs: Sequence[VifRecord]
    attached: Sequence[VifRecord]
    """Those whose port is another one than the store knew."""
    lost: Sequence[Allocation]
    """What the store has and IPAM will not give back: it is another vif's by now."""


class Settling:
    """Whoever calls has marked the instance or network, so that nobody else changes it."""

    def __init__(self, chain: Chain, hosts: Hosts) -> None:
        self._chain = chain
        self._hosts = hosts

    # --- instances ---

    def instance(self, call: Call, known: InstanceRecord) -> Settled:
        """Take back what the store does not have, and get what is missing.

        :raises DriversChanged: the drivers that know of a vif are configured no longer
        """
        vifs, lost = [], []
        for record in known.vifs:
            self._chain.refuse_other_drivers(record.network)
            missing = list(self._lost(call, record))
            lost += missing
            kept = [a for a in record.allocations if a not in missing]
            settled = replace(record, allocations=in_order(record.network, kept))
            vifs.append(self._attached(call, known.instance, settled))
        before = {record.vif.id: record.port_id for record in known.vifs}
        attached = [record for record in vifs if record.port_id != before[record.vif.id]]
        return Settled(vifs=vifs, attached=attached, lost=lost)

    def _lost(self, call: Call, record: VifRecord) -> Iterator[Allocation]:
        """Make IPAM agree, and yield what it will not give back."""
        wanted = {one.address: one for one in record.allocations}
        with step(call, "ipam", "listing the addresses of a vif"):
            found = self._chain.ipam.allocations(
                call, network_id=record.network.id, vif_id=record.vif.id
            )
            given = {one.address for one in found}
        for address in sorted(given - wanted.keys()):
            self._take_back(call, record, address)
        for address in sorted(wanted.keys() - given):
            if not self._given_back(call, record, address):
                yield wanted[address]

    def _take_back(self, call: Call, record: VifRecord, address: IPAddress) -> None:
        delay = float(self._chain.conf.ipam.reuse_delay)
        with step(call, "ipam", "removing an address that nobody was told of"):
            self._chain.ipam.remove_address(
                call, record.network, record.vif, address, reuse_delay=delay
            )

    def _given_back(self, call: Call, record: VifRecord, address: IPAddress) -> bool:
        if Capability.CHOSEN_ADDRESS not in self._chain.ipam.capabilities:
            return False
        doing = "getting an address back"
        try:
            with step(call, "ipam", doing):
                answer = self._chain.ipam.add_address(
                    call, record.network, record.vif, wanted=address
                )
                one_more(doing, record, answer, address)
        except (FixedIpAlreadyInUse, FixedIpInvalid):
            return False
        return True

    def _attached(self, call: Call, instance: Instance, record: VifRecord) -> VifRecord:
        network, quantum, doing = record.network, self._chain.quantum, "attaching the port"
        with step(call, "quantum", doing):
            answer = quantum.attach_port(
                call,
                network.quantum_project,
                network.id,
                port_request(self._chain, instance, record),
            )
            record = replace(record, port_id=port_id(doing, answer))
        tell_addresses(self._chain, call, record)
        self._hosts.change(call, record)
        return record

    # --- networks ---

    def network(self, call: Call, network: Network) -> None:
        """Have IPAM keep, Quantum show and this host serve the subnets that the store has.

        :raises DriversChanged, NetworkOnOtherHost: others know of it
        """
        self._chain.refuse_other_drivers(network)
        self._hosts.refuse_other_host(network)
        ipam = self._chain.ipam
        with step(call, "ipam", "setting the subnets"):
            if isinstance(ipam, SubnetUpdates):
                ipam.update_subnets(call, network)
            else:
                ipam.create_subnets(call, network)
        mirror_subnets(self._chain, call, network, network.subnets)
        self._hosts.serve_changed(call, network, network, Undo())
        if not network.has_gateway:
            with step(call, "l3", "disabling NAT"):
                self._chain.l3.disable_nat(call, network)
