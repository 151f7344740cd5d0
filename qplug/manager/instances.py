"""Instances: all vifs of a request, or none; and taking them back, whatever is broken."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from netaddr import IPAddress

from qplug.errors import (
    AmbiguousLabel,
    DriverFailed,
    InstanceConflict,
    InstanceInTransition,
    InstanceNotFound,
    MacInUse,
    NetworkNotFound,
    VirtualInterfaceMacAddressException,
)
from qplug.manager.chain import Chain, Undo, attempt, step
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.ports import port_request
from qplug.manager.release import Release
from qplug.manager.requests import check_wanted, fingerprint
from qplug.model import Allocation, Call, Capability, Instance, Network, NetworkRequest, Vif
from qplug.network_info import NetworkInfo
from qplug.store import NO_MAC, InstanceRecord, VifRecord

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks at an instance that another command works on."""


class Instances:
    """Allocates and deallocates the vifs of instances."""

    def __init__(self, chain: Chain, hosts: Hosts, release: Release, info: Info) -> None:
        self._chain = chain
        self._hosts = hosts
        self._release = release
        self._info = info
        self._store = chain.store.instances

    # --- allocating ---

    def allocate(
        self, call: Call, instance: Instance, requests: Sequence[NetworkRequest] = ()
    ) -> NetworkInfo:
        """Give an instance a vif on each network requested, or on all that its project has.

        The same request again gets the same answer. Whatever fails, nothing of it is left.

        :raises InstanceConflict: it is allocated already, by another request
        :raises InstanceInTransition: another command works on it until the deadline
        :raises NetworkNotFound: a requested network is not visible to its project
        :raises FixedIpInvalid, FixedIpAlreadyInUse: a requested address cannot be given
        :raises NoMoreFixedIps: a subnet is full
        :raises VirtualInterfaceMacAddressException: no unused MAC address was found
        """
        usable = self._chain.store.networks.usable(
            call, instance.project_id, sorted({request.network_id for request in requests})
        )
        chosen = by_priority(usable)
        if requests:
            chosen = [_named(usable, request, instance.project_id) for request in requests]
        for network in chosen:
            self._chain.refuse_other_drivers(network)
        wanted = [request.addresses for request in requests] or [()] * len(chosen)
        request = fingerprint(instance, chosen if requests else (), wanted)
        while True:
            planned = self._begin(call, instance, chosen, request)
            if planned is not None:
                return self._build(call, instance, planned, wanted)
            known = self._waited(call, instance.id, lambda: self._settled(call, instance.id))
            if known is not None:
                return self._repeated(call, known, request)

    def _begin(
        self, call: Call, instance: Instance, chosen: Sequence[Network], request: str
    ) -> Sequence[VifRecord] | None:
        """Record the vifs to be; ``None`` if the instance is recorded already."""
        attempts = int(self._chain.conf.mac.unique_attempts)
        for _ in range(attempts):
            vifs = [self._new_vif(call, instance, network) for network in chosen]
            try:
                if not self._store.begin(call, instance, request, vifs):
                    return None
            except MacInUse:
                continue
            pairs = zip(vifs, chosen, strict=True)
            return [VifRecord(vif=vif, network=network) for vif, network in pairs]
        raise VirtualInterfaceMacAddressException(attempts)

    def _new_vif(self, call: Call, instance: Instance, network: Network) -> Vif:
        vif = Vif(
            id=self._chain.new_id(),
            network_id=network.id,
            instance_id=instance.id,
            project_id=instance.project_id,
            mac=NO_MAC,
        )
        # A driver that keeps records is asked once this vif is on record too.
        if Capability.STATELESS in self._chain.mac.capabilities:
            return self._with_mac(call, vif)
        return vif

    def _with_mac(self, call: Call, vif: Vif) -> Vif:
        with step(call, "mac", "choosing a MAC address"):
            mac = self._chain.mac.allocate(
                call, vif_id=vif.id, instance_id=vif.instance_id, project_id=vif.project_id
            )
        if not int(mac) or int(mac) >> 40 & 1:
            raise DriverFailed("mac", "choosing a MAC address", f"{mac} is no address of a host")
        return replace(vif, mac=mac)

    def _build(
        self,
        call: Call,
        instance: Instance,
        planned: Sequence[VifRecord],
        wanted: Sequence[Sequence[IPAddress]],
    ) -> NetworkInfo:
        undo = Undo()
        try:
            built = [
                self._build_vif(call, instance, record, addresses, undo)
                for record, addresses in zip(planned, wanted, strict=True)
            ]
            info = self._info.build(call, instance, built)
            self._store.finish(call, instance.id, built, info.json())
        except BaseException:
            self._undo(call, instance.id, planned, undo)
            raise
        return info

    def _build_vif(
        self,
        call: Call,
        instance: Instance,
        record: VifRecord,
        wanted: Sequence[IPAddress],
        undo: Undo,
    ) -> VifRecord:
        late, release = self._chain.overtime, self._release
        if not int(record.vif.mac):
            undo.add("a MAC address stays", lambda: release.mac(late(call), record))
            record = replace(record, vif=self._with_mac(call, record.vif))
            self._store.set_mac(call, record.vif)
        undo.add("addresses stay", lambda: release.addresses(late(call), record))
        record = replace(record, allocations=self._addresses(call, record, wanted))
        undo.add("a port stays", lambda: release.port(late(call), record))
        request = port_request(self._chain, instance, record)
        network = record.network
        with step(call, "quantum", "attaching the port"):
            port_id = self._chain.quantum.attach_port(
                call, network.quantum_project, network.id, request
            )
        record = replace(record, port_id=port_id)
        self._hosts.serve(call, record, undo)
        return record

    def _addresses(
        self, call: Call, record: VifRecord, wanted: Sequence[IPAddress]
    ) -> tuple[Allocation, ...]:
        with step(call, "ipam", "allocating addresses"):
            given = self._chain.ipam.allocate(call, record.network, record.vif, wanted)
        return trusted(record, given, wanted)

    def _undo(self, call: Call, instance_id: str, planned: Sequence[VifRecord], undo: Undo) -> None:
        clean = undo.run()
        late = self._chain.overtime(call)
        if clean:
            ids = [record.vif.id for record in planned]
            attempt("a failed instance stays", lambda: self._store.forget(late, instance_id, ids))
        else:
            attempt("a failed instance stays", lambda: self._store.abandon(late, instance_id))

    def _settled(self, call: Call, instance_id: str) -> InstanceRecord | None:
        """Return what is recorded once nobody works on it; ``None`` when it is gone by then."""
        record = self._store.get(call, instance_id)
        if record is not None and record.state != "active":
            raise InstanceInTransition(instance_id, record.state)
        return record

    def _repeated(self, call: Call, known: InstanceRecord, request: str) -> NetworkInfo:
        if known.request != request:
            raise InstanceConflict(known.instance.id)
        return self._info.build(call, known.instance, known.vifs)

    def _waited(self, call: Call, instance_id: str, look: Callable[[], T]) -> T:
        """Look again while another command works on the instance, until the deadline."""
        while True:
            try:
                return look()
            except InstanceInTransition:
                if call.remaining() <= POLL:
                    raise
                time.sleep(POLL)

    # --- reading ---

    def get(self, call: Call, instance_id: str) -> InstanceRecord:
        """Return an active instance.

        :raises InstanceNotFound: there is none
        """
        record = self._store.get(call, instance_id)
        if record is None or record.state not in ("active", "updating"):
            raise InstanceNotFound(instance_id)
        return record

    def network_info(self, call: Call, record: InstanceRecord) -> NetworkInfo:
        """Return the network info of an instance and keep it, if it is not what was kept."""
        info = self._info.build(call, record.instance, record.vifs)
        text = info.json()
        if text != record.network_info:
            self._store.cache_info(call, record.instance.id, text)
        return info

    # --- deallocating ---

    def deallocate(self, call: Call, instance_id: str) -> Sequence[str]:
        """Take back all an instance has; none, or a second time, is quiet.

        What could not be taken back stays recorded, hidden, with its addresses held; doing this
        again tries it again.

        :returns: the ids of the vifs of which something is left
        :raises InstanceInTransition: another command works on it until the deadline
        """
        record = self._waited(
            call, instance_id, lambda: self._store.begin_delete(call, instance_id)
        )
        if record is None:
            return ()
        late = self._chain.overtime
        released = [r.vif.id for r in record.vifs if self._release.vif(late(call), r)]
        self._store.forget(late(call), instance_id, released)
        return [r.vif.id for r in record.vifs if r.vif.id not in released]


def by_priority(networks: Sequence[Network]) -> Sequence[Network]:
    """Return networks lowest priority first, none before any; a project's before global ones."""
    own_first = sorted(networks, key=lambda network: network.project_id is None)
    return sorted(own_first, key=lambda n: (n.priority is not None, n.priority or 0))


def _named(usable: Sequence[Network], request: NetworkRequest, project_id: str) -> Network:
    """Return the network that a request names, checked for what it wants there."""
    name = request.network_id
    found = [network for network in usable if name in (network.id, network.label)]
    if not found:
        raise NetworkNotFound(name, project_id)
    if len(found) > 1:
        raise AmbiguousLabel(name, [network.id for network in found])
    check_wanted(found[0], request.addresses)
    return found[0]


def trusted(
    record: VifRecord, given: Iterable[Allocation], wanted: Sequence[IPAddress]
) -> tuple[Allocation, ...]:
    """Return what an IPAM driver gave, once it is what its contract promises.

    :raises DriverFailed: it is not
    """
    answer = tuple(given)
    by_subnet = {allocation.subnet_id: allocation for allocation in answer}
    for subnet in record.network.subnets:
        got = by_subnet.get(subnet.id)
        if got is None or got.address not in subnet.cidr or got.vif_id != record.vif.id:
            raise DriverFailed("ipam", "allocating addresses", f"it gave none of {subnet.cidr}")
    missed = [a for a in wanted if a not in {allocation.address for allocation in answer}]
    if missed or len(answer) != len(record.network.subnets):
        raise DriverFailed("ipam", "allocating addresses", f"it gave others than {missed}")
    return answer
