"""Fixed IPs of an instance: one more, or one less, through IPAM, port, DHCP and store."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from netaddr import IPAddress

from qplug.errors import (
    DatabaseUnavailable,
    FixedIpAlreadyInUse,
    FixedIpNotFoundForAddress,
    FixedIpNotFoundForSpecificInstance,
    InvalidInput,
    VifNotFound,
    VifNotFoundOnNetwork,
)
from qplug.manager.answers import one_more
from qplug.manager.chain import Chain, step
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.ip_filter import IpFilter, IpMatch
from qplug.manager.pending import Pending
from qplug.manager.ports import refuse_fixed_pairs, tell_addresses
from qplug.manager.requests import check_wanted
from qplug.manager.undo import Undo, all_or_nothing
from qplug.manager.waiting import waited
from qplug.model import Allocation, Call, FixedIp, Network
from qplug.store import InstanceRecord, VifRecord
from qplug.store.records import in_order, new_epoch

__all__ = ["FixedIps", "IpMatch"]


class FixedIps:
    """Finds, adds and removes fixed IPs."""

    def __init__(self, chain: Chain, hosts: Hosts, info: Info, pending: Pending) -> None:
        self._chain = chain
        self._hosts = hosts
        self._info = info
        self._pending = pending
        self._store = chain.store.instance_updates

    # --- adding ---

    def add(
        self,
        call: Call,
        instance_id: str,
        network: Network,
        *,
        vif_id: str | None = None,
        wanted: IPAddress | None = None,
    ) -> Allocation:
        """Give an instance one address more, on its vif of the network.

        :raises InstanceNotFound, VifNotFoundOnNetwork, VifNotFound: it has no such vif
        :raises InstanceInTransition: another command works on it until the deadline
        :raises FixedIpInvalid, FixedIpAlreadyInUse, NoMoreFixedIps: IPAM cannot give it
        :raises NotSupported: a port's address pairs cannot be changed, or addresses not be chosen
        Whatever fails, nothing is changed.
        """
        asked = [] if wanted is None else [wanted]
        self._chain.refuse_other_drivers(network)
        self._chain.refuse_choice(asked)
        refuse_fixed_pairs(self._chain)
        check_wanted(network, asked)
        with all_or_nothing() as undo:
            known = self._begin(call, instance_id, undo)
            call = replace(call, epoch=known.epoch)
            record = _vif_on(known, network, vif_id)
            if any(a.address == wanted for a in record.allocations):
                raise FixedIpAlreadyInUse(str(wanted), "the instance has it already")
            added = self._taken(call, record, wanted, undo)
            after = _with(record, [*record.allocations, added])
            self._announce(call, record, after, undo)
            info = self._info_with(call, known, after)
            gained = replace(record, allocations=(added,))
            self._end(call, known, added=[gained], network_info=info)
        return added

    def _taken(
        self, call: Call, record: VifRecord, wanted: IPAddress | None, undo: Undo
    ) -> Allocation:
        undo.add(
            f"an address added to vif {record.vif.id} stays in IPAM",
            lambda: self._take_back(call, record),
            if_clean=True,
        )
        doing = "adding an address"
        with step(call, "ipam", doing):
            answer = self._chain.ipam.add_address(call, record.network, record.vif, wanted=wanted)
            return one_more(doing, record, answer, wanted)

    def _take_back(self, call: Call, record: VifRecord) -> None:
        """Remove what IPAM has for the vif and the store has not: an answer may have been lost."""
        late, ipam = self._chain.overtime(call), self._chain.ipam
        known = {allocation.address for allocation in record.allocations}
        given = ipam.allocations(late, network_id=record.network.id, vif_id=record.vif.id)
        for allocation in list(given):
            if allocation.address not in known:
                ipam.remove_address(late, record.network, record.vif, allocation.address)

    # --- removing ---

    def remove(
        self, call: Call, instance_id: str, address: IPAddress, *, vif_id: str | None = None
    ) -> None:
        """Take an address from an instance; port and DHCP let go of it first.

        :raises FixedIpNotFoundForSpecificInstance: the instance does not have it
        :raises InstanceInTransition: another command works on it until the deadline
        :raises NotSupported: a port's address pairs cannot be changed
        Whatever fails, nothing is changed.
        """
        refuse_fixed_pairs(self._chain)
        with all_or_nothing() as undo:
            known = self._begin(call, instance_id, undo)
            call = replace(call, epoch=known.epoch)
            record, gone = _holder(known, address, vif_id)
            self._chain.refuse_other_drivers(record.network)
            after = _with(record, [a for a in record.allocations if a is not gone])
            info = self._info_with(call, known, after)
            self._announce(call, record, after, undo)
            self._give_back(call, record, address, undo)
            self._end(call, known, removed=[gone], network_info=info)

    def _give_back(self, call: Call, record: VifRecord, address: IPAddress, undo: Undo) -> None:
        late, ipam, network = self._chain.overtime, self._chain.ipam, record.network

        def get_back() -> None:
            self._chain.refuse_choice([address])
            ipam.add_address(late(call), network, record.vif, wanted=address)

        undo.add(f"address {address} of vif {record.vif.id} may be lost to IPAM", get_back)
        delay = float(self._chain.conf.ipam.reuse_delay)
        with step(call, "ipam", "removing the address"):
            ipam.remove_address(call, network, record.vif, address, reuse_delay=delay)

    # --- both ---

    def _begin(self, call: Call, instance_id: str, undo: Undo) -> InstanceRecord:
        """Mark the instance with a number of our own, by which the mark is taken away again."""
        late, epoch = self._chain.overtime, new_epoch()

        def written(known: InstanceRecord) -> None:
            vifs = [record.vif.id for record in known.vifs]
            undo.marked(
                f"instance {instance_id} stays as if it were being updated",
                is_gone=lambda: self._has_ended(call, instance_id, epoch),
                settle=lambda: self._pending.release_late(late(call), vifs),
                cancel=lambda: self._store.cancel(late(call), instance_id, epoch),
                postpone=lambda why: self._store.postpone(late(call), instance_id, epoch, why),
            )

        begin = self._store.begin
        return waited(call, lambda: begin(call, instance_id, epoch, written), self._pending.clear)

    def _end(
        self,
        call: Call,
        known: InstanceRecord,
        *,
        added: Sequence[VifRecord] = (),
        removed: Sequence[Allocation] = (),
        network_info: str,
    ) -> None:
        """Record the change. Once that is done it stands, even if its answer is lost."""
        end = self._store.end
        try:
            end(call, known, added=added, removed=removed, network_info=network_info)
        except DatabaseUnavailable:
            if not self._has_ended(call, known.instance.id, known.epoch):
                raise

    def _has_ended(self, call: Call, instance_id: str, epoch: int) -> bool:
        return self._store.has_ended(self._chain.overtime(call), instance_id, epoch)

    def _announce(self, call: Call, before: VifRecord, after: VifRecord, undo: Undo) -> None:
        """Tell port and DHCP what the vif has from now on."""
        late, vif = self._chain.overtime, before.vif.id
        undo.add(
            f"the port of vif {vif} keeps other addresses",
            lambda: tell_addresses(self._chain, late(call), before),
        )
        tell_addresses(self._chain, call, after)
        undo.add(
            f"DHCP answers vif {vif} with other addresses",
            lambda: self._hosts.change(late(call), before),
        )
        self._hosts.change(call, after)

    def _info_with(self, call: Call, known: InstanceRecord, after: VifRecord) -> str:
        vifs = [after if record.vif == after.vif else record for record in known.vifs]
        return self._info.build(call, known.instance, vifs).json()

    # --- finding ---

    def by_address(self, call: Call, address: IPAddress, sees: str | None) -> Sequence[FixedIp]:
        """Return who has the address, on whatever networks; never empty.

        :raises FixedIpNotFoundForAddress: nobody the caller sees
        """
        found = list(self._chain.store.search.fixed_ips(call, project_id=sees, address=address))
        if not found:
            raise FixedIpNotFoundForAddress(str(address))
        return found

    def matching(
        self,
        call: Call,
        *,
        ip: str | None = None,
        ip6: str | None = None,
        fixed_ip: IPAddress | None = None,
        sees: str | None = None,
    ) -> Iterator[IpMatch]:
        """Return the instances that have an address every given filter matches, one an address.

        :param ip: regular expression from the start of an IPv4 address
        :param ip6: regular expression from the start of an IPv6 address
        :param fixed_ip: exactly this address
        """
        wanted = IpFilter(ip, ip6)
        found = self._chain.store.search.fixed_ips(call, project_id=sees, address=fixed_ip)
        return (
            IpMatch(instance_uuid=one.instance_id, ip=str(one.address))
            for one in found
            if wanted.matches(one.address)
        )


def _with(record: VifRecord, allocations: Sequence[Allocation]) -> VifRecord:
    return replace(record, allocations=in_order(record.network, allocations))


def _vif_on(known: InstanceRecord, network: Network, vif_id: str | None) -> VifRecord:
    for record in known.vifs:
        if record.network.id == network.id and vif_id in (None, record.vif.id):
            return record
    if vif_id is None:
        raise VifNotFoundOnNetwork(known.instance.id, network.label)
    raise VifNotFound(vif_id)


def _holder(
    known: InstanceRecord, address: IPAddress, vif_id: str | None
) -> tuple[VifRecord, Allocation]:
    holders = [
        (record, allocation)
        for record in known.vifs
        for allocation in record.allocations
        if allocation.address == address and vif_id in (None, record.vif.id)
    ]
    if not holders:
        raise FixedIpNotFoundForSpecificInstance(str(address), known.instance.id)
    if len(holders) > 1:
        vifs = ", ".join(record.vif.id for record, _ in holders)
        raise InvalidInput("address", str(address), f"told apart by a vif, one of {vifs}")
    return holders[0]
