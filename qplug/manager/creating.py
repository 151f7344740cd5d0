"""Creating networks: in Quantum, IPAM, gateway and store together, or not at all."""

from dataclasses import replace
from threading import Event

from qplug.errors import NetworkNotInQuantum
from qplug.manager.answers import network_id
from qplug.manager.chain import Chain, step
from qplug.manager.hosts import Hosts
from qplug.manager.pending import Pending
from qplug.manager.ports import mirror_subnets
from qplug.manager.requests import NetworkSpec, check_network, check_uuid, subnets_of
from qplug.manager.undo import Attempt, Undo, undoing
from qplug.manager.waiting import waited
from qplug.model import Call, Network
from qplug.store.records import new_epoch


class Creating:
    """Makes networks, and adopts those that Quantum has."""

    def __init__(self, chain: Chain, hosts: Hosts, pending: Pending) -> None:
        self._chain = chain
        self._hosts = hosts
        self._pending = pending
        self._store = chain.store.network_creations

    def create(self, call: Call, spec: NetworkSpec) -> Network:
        """Make a network, or adopt the Quantum network that the spec names.

        :raises Invalid: the spec can never be right
        :raises LabelInUse, CidrConflict, NetworkExists: the owner has such a one already
        :raises NetworkNotInQuantum: there is nothing to adopt
        Whatever fails, nothing of the network is left and an adopted one is as it was.
        """
        network = check_network(self._complete(spec))
        if network.adopted:
            self._find_in_quantum(call, network)
        undo, made, reserved, epoch = Undo(), network, Event(), new_epoch()
        try:
            self._reserve(call, network, epoch, reserved)
            if not network.adopted:
                made = self._make_in_quantum(call, network, undo)
            if made.id != network.id:
                self._store.rename(call, network.id, made, epoch)
            self._equip(call, made, undo)
            self._store.activate(call, made, epoch)
        except BaseException as error:
            if reserved.is_set():
                with undoing(error) as patiently:
                    self._undo(call, made, epoch, undo, patiently)
            raise
        return made

    def _reserve(self, call: Call, network: Network, epoch: int, reserved: Event) -> None:
        def reserve() -> None:
            self._store.reserve(call, network, epoch, reserved.set)

        waited(call, reserve, self._pending.clear)

    def _complete(self, spec: NetworkSpec) -> Network:
        uuid = None if spec.uuid is None else check_uuid("network", spec.uuid)
        return Network(
            id=uuid or self._chain.new_id(),
            label=spec.label,
            project_id=spec.project_id,
            quantum_project=self._chain.quantum_project(spec.project_id),
            priority=spec.priority,
            host=str(self._chain.conf.host),
            zone=spec.zone,
            rxtx_base=spec.rxtx_base,
            mtu=spec.mtu,
            dns_domain=spec.dns_domain,
            lease_time=spec.lease_time,
            adopted=uuid is not None,
            drivers=self._chain.names,
            subnets=subnets_of(spec, self._chain.new_id),
        )

    def _find_in_quantum(self, call: Call, network: Network) -> None:
        with step(call, "quantum", "looking for the network to adopt"):
            found = self._chain.quantum.network_exists(call, network.quantum_project, network.id)
        if not found:
            raise NetworkNotInQuantum(network.id, network.quantum_project)

    def _equip(self, call: Call, network: Network, undo: Undo) -> None:
        late = self._chain.overtime
        undo.add(
            "subnets could not be taken back",
            lambda: self._chain.ipam.delete_subnets(late(call), network),
        )
        with step(call, "ipam", "creating subnets"):
            self._chain.ipam.create_subnets(call, network)
        if network.adopted:  # any other goes with its subnets
            undo.add(
                f"Quantum may show subnets of network {network.id}",
                lambda: mirror_subnets(self._chain, late(call), network, ()),
            )
        mirror_subnets(self._chain, call, network, network.subnets)
        self._hosts.route(call, network, undo)

    def _make_in_quantum(self, call: Call, network: Network, undo: Undo) -> Network:
        late, quantum, key = self._chain.overtime, self._chain.quantum, network.id
        made: list[str] = []

        def take_back() -> None:
            project = network.quantum_project
            found = made[0] if made else quantum.network_by_key(late(call), project, key)
            if found is not None:
                quantum.delete_network(late(call), project, found)

        undo.add("the Quantum network could not be taken back", take_back)
        doing = "creating the network"
        with step(call, "quantum", doing):
            answer = quantum.create_network(
                call,
                network.quantum_project,
                network.label,
                key=key,
                zone=network.zone or str(self._chain.conf.node_availability_zone),
            )
            made.append(network_id(doing, answer))
        return replace(network, id=made[0])

    def _undo(self, call: Call, made: Network, epoch: int, undo: Undo, attempt: Attempt) -> None:
        """Take everything back; what cannot be stays recorded, and is tried again.

        An adopted network that was taken over may be another command's by now, under the same id.
        """
        late, mine, store = self._chain.overtime, Event(), self._chain.store

        def abandon() -> None:
            if self._store.abandon(late(call), made, epoch):
                mine.set()

        attempt("a failed network stays as being made", abandon)
        if made.adopted and not mine.is_set():
            return
        clean, failure = undo.run(attempt), undo.failure
        attempt(
            "a failed network stays",
            lambda: (
                store.network_deletions.forget(late(call), made, epoch)
                if clean
                else store.networks.postpone(late(call), made.id, epoch, failure or "")
            ),
        )
