"""The vifs of one request: recorded first, then built step by step, all of them or none."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event

from netaddr import IPAddress

from qplug.errors import DeadlineExceeded, MacInUse, VirtualInterfaceMacAddressException
from qplug.manager.answers import host_mac, one_each, port_id
from qplug.manager.chain import Chain, step
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.ports import port_request
from qplug.manager.release import Release
from qplug.manager.undo import Attempt, Undo, undoing
from qplug.model import Call, Capability, Instance, Network, Vif
from qplug.network_info import NetworkInfo
from qplug.store import NO_MAC, VifRecord
from qplug.store.records import new_epoch


class Building:
    """The steps that give an instance its vifs."""

    def __init__(self, chain: Chain, hosts: Hosts, release: Release, info: Info) -> None:
        self._chain = chain
        self._hosts = hosts
        self._release = release
        self._info = info
        self._store = chain.store.instances

    def build(
        self,
        call: Call,
        instance: Instance,
        networks: Sequence[Network],
        wanted: Sequence[Sequence[IPAddress]],
        request: str,
    ) -> NetworkInfo | None:
        """Record the vifs to be and build them; ``None`` if the instance is recorded already.

        Whatever fails, all of them are taken back.

        :raises VirtualInterfaceMacAddressException: no unused MAC address was found
        """
        undos: list[Undo] = []
        epoch, recorded = new_epoch(), Event()
        try:
            planned = self._begin(call, instance, networks, request, epoch, recorded.set)
            if planned is None:
                return None
            together = [record.vif.id for record in planned]
            built = []
            for record, addresses in zip(planned, wanted, strict=True):
                undos.append(Undo())
                record = self._built(call, instance, record, addresses, undos[-1])
                self._hosts.serve(call, record, undos[-1], together)
                built.append(record)
            info = self._info.build(call, instance, built)
            self._store.finish(call, instance.id, epoch, built, info.json())
        except BaseException as error:
            if recorded.is_set():
                with undoing(error) as patiently:
                    self._take_back(call, instance.id, epoch, undos, patiently)
            raise
        return info

    def _begin(
        self,
        call: Call,
        instance: Instance,
        networks: Sequence[Network],
        request: str,
        epoch: int,
        written: Callable[[], object],
    ) -> Sequence[VifRecord] | None:
        if not call.remaining():
            raise DeadlineExceeded("recording the instance")
        attempts = int(self._chain.conf.mac.unique_attempts)
        for _ in range(attempts):
            vifs = [self._new_vif(call, instance, network) for network in networks]
            try:
                if not self._store.begin(call, instance, request, vifs, epoch, written):
                    return None
            except MacInUse:
                continue
            pairs = zip(vifs, networks, strict=True)
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
        doing = "choosing a MAC address"
        with step(call, "mac", doing):
            answer = self._chain.mac.allocate(
                call, vif_id=vif.id, instance_id=vif.instance_id, project_id=vif.project_id
            )
            return replace(vif, mac=host_mac(doing, answer))

    def _built(
        self,
        call: Call,
        instance: Instance,
        record: VifRecord,
        wanted: Sequence[IPAddress],
        undo: Undo,
    ) -> VifRecord:
        if record.vif.mac == NO_MAC:
            record = self._recorded_mac(call, record, undo)
        record = self._addressed(call, record, wanted, undo)
        return self._attached(call, instance, record, undo)

    def _recorded_mac(self, call: Call, record: VifRecord, undo: Undo) -> VifRecord:
        undo.add(
            f"the MAC address of vif {record.vif.id} could not be taken back",
            lambda: self._release.mac(call, record),
            if_clean=True,
        )
        vif = self._with_mac(call, record.vif)
        self._store.set_mac(call, vif)
        return replace(record, vif=vif)

    def _addressed(
        self, call: Call, record: VifRecord, wanted: Sequence[IPAddress], undo: Undo
    ) -> VifRecord:
        undo.add(
            f"the addresses of vif {record.vif.id} could not be taken back",
            lambda: self._release.addresses(call, record),
            if_clean=True,
        )
        doing = "allocating addresses"
        with step(call, "ipam", doing):
            answer = self._chain.ipam.allocate(call, record.network, record.vif, wanted)
            return replace(record, allocations=one_each(doing, record, answer, wanted))

    def _attached(self, call: Call, instance: Instance, record: VifRecord, undo: Undo) -> VifRecord:
        undo.add(
            f"the port of vif {record.vif.id} could not be taken back",
            lambda: self._release.port(call, record),
        )
        network, request = record.network, port_request(self._chain, instance, record)
        doing = "attaching the port"
        with step(call, "quantum", doing):
            answer = self._chain.quantum.attach_port(
                call, network.quantum_project, network.id, request
            )
            return replace(record, port_id=port_id(doing, answer))

    def _take_back(
        self,
        call: Call,
        instance_id: str,
        epoch: int,
        undos: Sequence[Undo],
        attempt: Attempt,
    ) -> None:
        """Release what was built, each vif whatever happens to the others, and forget it then."""
        for undo in reversed(undos):
            undo.run(attempt)
        failure = next((undo.failure for undo in undos if undo.failure is not None), None)
        late = self._chain.overtime
        attempt(
            f"instance {instance_id} stays as if it were being built",
            lambda: self._store.abandon(late(call), instance_id, epoch, failure),
        )
