"""Fixed IPs of an instance: one more, or one less, through IPAM, port, DHCP and store."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netaddr import IPAddress

from qplug.contracts import AddressPairs
from qplug.errors import (
    DriverFailed,
    FixedIpAlreadyInUse,
    FixedIpNotFoundForAddress,
    FixedIpNotFoundForSpecificInstance,
    InvalidInput,
    VifNotFound,
)
from qplug.manager.chain import Chain, Undo, step
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.ports import address_pairs
from qplug.manager.requests import check_wanted
from qplug.model import Allocation, Call, FixedIp, Network
from qplug.store import InstanceRecord, VifRecord

MAX_PATTERN = 255
"""Characters in a filter; enough for any address with wildcards."""


@dataclass(frozen=True, kw_only=True)
class IpMatch:
    """An instance found by one of its addresses."""

    instance_uuid: str
    ip: str


class FixedIps:
    """Finds, adds and removes fixed IPs."""

    def __init__(self, chain: Chain, hosts: Hosts, info: Info) -> None:
        self._chain = chain
        self._hosts = hosts
        self._info = info
        self._store = chain.store.instances

    # --- adding and removing ---

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

        :raises InstanceNotFound, VifNotFound: it has no such vif
        :raises FixedIpInvalid, FixedIpAlreadyInUse, NoMoreFixedIps: IPAM cannot give it
        Whatever fails, nothing is changed.
        """
        self._chain.refuse_other_drivers(network)
        if wanted is not None:
            check_wanted(network, [wanted])
        known = self._store.begin_update(call, instance_id)
        undo = Undo()
        undo.add("the instance stays updating", lambda: self._end(call, known))
        try:
            record = _vif_on(known, network, vif_id)
            if any(a.address == wanted for a in record.allocations):
                raise FixedIpAlreadyInUse(str(wanted), "the instance has it already")
            added = self._take(call, record, wanted, undo)
            after = replace(record, allocations=(*record.allocations, added))
            self._announce(call, record, after, undo)
            gained = replace(record, allocations=(added,))
            self._end(call, known, after, added=[gained])
        except BaseException:
            undo.run()
            raise
        return added

    def _take(
        self, call: Call, record: VifRecord, wanted: IPAddress | None, undo: Undo
    ) -> Allocation:
        ipam, network, vif = self._chain.ipam, record.network, record.vif
        undo.add("an added address stays", lambda: self._take_back(call, record))
        with step(call, "ipam", "adding an address"):
            given = ipam.add_address(call, network, vif, wanted=wanted)
        subnet = next((s for s in network.subnets if s.id == given.subnet_id), None)
        if (
            subnet is None
            or given.vif_id != vif.id
            or given.address not in subnet.cidr
            or given.address != (wanted or given.address)
        ):
            raise DriverFailed("ipam", "adding an address", f"it gave {given.address}")
        return given

    def _take_back(self, call: Call, record: VifRecord) -> None:
        """Remove what IPAM has for the vif and the store has not: an answer may have been lost."""
        late = self._chain.overtime(call)
        known = {allocation.address for allocation in record.allocations}
        given = self._chain.ipam.allocations(
            late, network_id=record.network.id, vif_id=record.vif.id
        )
        for allocation in list(given):
            if allocation.address not in known:
                self._chain.ipam.remove_address(
                    late, record.network, record.vif, allocation.address
                )

    def remove(
        self, call: Call, instance_id: str, address: IPAddress, *, vif_id: str | None = None
    ) -> None:
        """Take an address from an instance; port and DHCP let go of it first.

        :raises FixedIpNotFoundForSpecificInstance: the instance does not have it
        Whatever fails before IPAM took it back, nothing is changed.
        """
        known = self._store.begin_update(call, instance_id)
        undo = Undo()
        undo.add("the instance stays updating", lambda: self._end(call, known))
        try:
            record, gone = _holder(known, address, vif_id)
            self._chain.refuse_other_drivers(record.network)
            left = tuple(a for a in record.allocations if a is not gone)
            after = replace(record, allocations=left)
            self._announce(call, record, after, undo)
            with step(call, "ipam", "removing the address"):
                self._chain.ipam.remove_address(
                    call,
                    record.network,
                    record.vif,
                    address,
                    reuse_delay=float(self._chain.conf.ipam.reuse_delay),
                )
            self._end(call, known, after, removed=[gone])
        except BaseException:
            undo.run()
            raise

    def _announce(self, call: Call, before: VifRecord, after: VifRecord, undo: Undo) -> None:
        """Tell port and DHCP what the vif has from now on."""
        late = self._chain.overtime
        undo.add("a port keeps other pairs", lambda: self._set_pairs(late(call), before))
        self._set_pairs(call, after)
        undo.add("DHCP keeps other addresses", lambda: self._hosts.change(late(call), before))
        self._hosts.change(call, after)

    def _set_pairs(self, call: Call, record: VifRecord) -> None:
        quantum, network = self._chain.quantum, record.network
        pairs = address_pairs(self._chain, record)
        if not pairs or record.port_id is None or not isinstance(quantum, AddressPairs):
            return
        with step(call, "quantum", "setting address pairs"):
            quantum.set_address_pairs(
                call, network.quantum_project, network.id, record.port_id, pairs
            )

    def _end(
        self,
        call: Call,
        known: InstanceRecord,
        after: VifRecord | None = None,
        *,
        added: Sequence[VifRecord] = (),
        removed: Sequence[Allocation] = (),
    ) -> None:
        info = None
        if after is not None:
            vifs = [after if r.vif.id == after.vif.id else r for r in known.vifs]
            info = self._info.build(call, known.instance, vifs).json()
        self._store.end_update(
            self._chain.overtime(call),
            known.instance.id,
            known.epoch,
            added=added,
            removed=removed,
            network_info=info,
        )

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
        """Yield the instances that have an address every given filter matches, one an address.

        :param ip: regular expression from the start of an IPv4 address
        :param ip6: regular expression from the start of an IPv6 address
        :param fixed_ip: exactly this address
        """
        patterns = {4: _pattern(ip), 6: _pattern(ip6)}
        by_pattern = ip is not None or ip6 is not None
        for found in self._chain.store.search.fixed_ips(call, project_id=sees, address=fixed_ip):
            pattern = patterns[found.address.version]
            text = str(found.address)
            if not by_pattern or (pattern is not None and pattern.match(text)):
                yield IpMatch(instance_uuid=found.instance_id, ip=text)


def _vif_on(known: InstanceRecord, network: Network, vif_id: str | None) -> VifRecord:
    for record in known.vifs:
        if record.network.id == network.id and vif_id in (None, record.vif.id):
            return record
    raise VifNotFound(vif_id or f"one of instance {known.instance.id} on '{network.label}'")


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


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    if len(text) > MAX_PATTERN:
        raise InvalidInput("filter", text[:80], f"at most {MAX_PATTERN} characters long")
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidInput("filter", text, f"a regular expression ({error})") from error
