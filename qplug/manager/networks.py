"""Networks: made in Quantum, IPAM, gateway and store together, or not at all."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Unpack

from qplug.contracts import AddressUsage
from qplug.errors import (
    Conflict,
    InvalidInput,
    NetworkBusy,
    NetworkInTransition,
    NetworkNotFound,
    NetworkNotInQuantum,
    NotSupported,
)
from qplug.manager.chain import Chain, Undo, attempt, step
from qplug.manager.hosts import Hosts
from qplug.manager.requests import NetworkSpec, check_network, check_text, check_uuid, subnets_of
from qplug.model import Call, Network, SubnetUsage
from qplug.store import Deletion, NetworkChanges

LOG = logging.getLogger(__name__)


class Networks:
    """Creates, reads, changes and deletes networks."""

    def __init__(self, chain: Chain, hosts: Hosts) -> None:
        self._chain = chain
        self._hosts = hosts
        self._store = chain.store.networks

    # --- creating ---

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
        self._store.reserve(call, network)
        undo, made = Undo(), network
        try:
            if not network.adopted:
                made = self._make_in_quantum(call, network, undo)
            self._equip(call, made, undo)
            self._store.activate(call, network.id, made)
        except BaseException:
            self._undo(call, network, made, undo)
            raise
        return made

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
        with step(call, "quantum", "creating the network"):
            made.append(
                quantum.create_network(
                    call,
                    network.quantum_project,
                    network.label,
                    key=key,
                    zone=network.zone or str(self._chain.conf.node_availability_zone),
                )
            )
        return replace(network, id=made[0])

    def _undo(self, call: Call, network: Network, made: Network, undo: Undo) -> None:
        """Take everything back; what cannot be stays recorded, for deleting it to go on from."""
        late = self._chain.overtime
        attempt(
            "a failed network stays as being made",
            lambda: self._store.abandon(late(call), network.id, made),
        )
        if undo.run():
            attempt(
                "a failed network stays",
                lambda: self._store.forget(late(call), network.id, made.id),
            )

    # --- reading ---

    def get(self, call: Call, id_or_label: str, sees: str | None = None) -> Network:
        """Return a network by id or label.

        :raises NetworkNotFound, AmbiguousLabel: there is none, or several
        """
        return self._store.find(call, id_or_label, project_id=sees)

    def all(self, call: Call, sees: str | None = None) -> Sequence[Network]:
        """Return global networks and those of the project, each once, in order of creation."""
        return self._store.all(call, project_id=sees)

    def resolve(self, call: Call, network_id: str, project_id: str | None) -> Network:
        """Return the network of an id, as it stands in Quantum for that project.

        One that the store does not have is a placeholder: it can be looked for in Quantum, and
        has no subnets that could give an address.
        """
        try:
            return self._store.find(call, network_id)
        except NetworkNotFound:
            quantum_project = self._chain.quantum_project(project_id)
            return Network(
                id=network_id,
                label=f"quantum-net-{network_id}",
                project_id=quantum_project,
                quantum_project=quantum_project,
                priority=0,
                drivers=self._chain.names,
            )

    def validate(self, call: Call, names: Sequence[str], sees: str | None) -> Sequence[Network]:
        """Return the networks named, each with a subnet in IPAM and known to Quantum.

        :raises NetworkNotFound: one is not visible, or not complete
        """
        return [self._validated(call, name, sees) for name in names]

    def _validated(self, call: Call, name: str, sees: str | None) -> Network:
        network = self._store.find(call, name, project_id=sees)
        self._chain.refuse_other_drivers(network)
        with step(call, "ipam", "looking for the network's subnets"):
            subnets = self._chain.ipam.subnet_ids(call, network.id)
        with step(call, "quantum", "looking for the network"):
            exists = self._chain.quantum.network_exists(call, network.quantum_project, network.id)
        if not subnets or not exists:
            raise NetworkNotFound(name, sees)
        return network

    def usage(self, call: Call, networks: Sequence[Network]) -> Sequence[SubnetUsage]:
        """Return how full the subnets of the networks are, in order of the networks.

        Networks that another IPAM driver serves are left out.

        :raises NotSupported: the IPAM driver does not count
        """
        ipam, name = self._chain.ipam, self._chain.names.ipam
        if not isinstance(ipam, AddressUsage):
            raise NotSupported("usage figures", "ipam", name)
        ids = [network.id for network in networks if network.drivers.ipam == name]
        with step(call, "ipam", "counting addresses"):
            counted = {usage.subnet_id: usage for usage in ipam.usage(call, ids)}
        held = self._chain.store.search.held(call, ids)
        return [
            _with_held(counted[subnet.id], held.get(subnet.id, 0))
            for network in networks
            for subnet in network.subnets
            if subnet.id in counted
        ]

    # --- changing ---

    def set_host(self, call: Call, network: Network, host: str) -> str:
        """Make the host the network's unless it has one, and return the one it has then."""
        return self._store.set_host(call, network.id, check_text("host", host))

    def update(self, call: Call, network: Network, **changes: Unpack[NetworkChanges]) -> Network:
        """Change a network and return it as it is then.

        :raises LabelInUse: its owner has another one of that label
        """
        unknown = sorted(changes.keys() - NetworkChanges.__annotations__)
        if unknown:
            wanted = f"one of {', '.join(NetworkChanges.__annotations__)}"
            raise InvalidInput("change", unknown[0], wanted)
        check_network(replace(network, **changes))
        return self._store.update(call, network, **changes)

    def disassociate(self, call: Call, network: Network, *, host: bool, project: bool) -> Network:
        """Take host and owner from a network; one without an owner is global.

        :raises LabelInUse, CidrConflict: a global network is in the way
        """
        return self._store.disassociate(call, network.id, host=host, project=project)

    # --- deleting ---

    def delete(self, call: Call, network: Network, *, with_quantum: bool = False) -> None:
        """Delete a network that no instance uses. An adopted one is left in Quantum by default.

        What is refused changes nothing. What fails half-way stays hidden, and deleting it again
        goes on from there.

        :raises NetworkBusy, NetworkInUse: instances or strangers use it
        """
        self._chain.refuse_other_drivers(network)
        deletion = self._store.begin_delete(call, network.id)
        network, in_quantum = deletion.network, with_quantum or not network.adopted
        with self._cancelled_by(BaseException, call, deletion):
            self._hosts.refuse_other_host(network)
            if in_quantum:
                self._refuse_ports(call, network)
        # Any other failure of IPAM may have come after it had forgotten the subnets.
        with self._cancelled_by(Conflict, call, deletion), step(call, "ipam", "deleting subnets"):
            self._chain.ipam.delete_subnets(call, network)
        self._hosts.stop(call, network)
        if in_quantum:
            self._delete_in_quantum(call, network)
        self._store.forget(call, network.id)

    def _delete_in_quantum(self, call: Call, network: Network) -> None:
        quantum, project = self._chain.quantum, network.quantum_project
        with step(call, "quantum", "deleting the network"):
            if quantum.delete_network(call, project, network.id):
                return
            # A creation that timed out may have made it without telling us its id.
            made = quantum.network_by_key(call, project, network.id)
            if made is not None:
                quantum.delete_network(call, project, made)

    def deletable(self, call: Call, id_or_label: str, sees: str | None) -> Network:
        """Return a network to be deleted, be it one whose deletion failed half-way.

        :raises NetworkNotFound, AmbiguousLabel: there is none, or several
        :raises NetworkInTransition: it is being created
        """
        for state in ("active", "deleting", "building"):
            try:
                found = self._store.find(call, id_or_label, project_id=sees, state=state)
            except NetworkNotFound:
                continue
            if state == "building":
                raise NetworkInTransition(id_or_label, state)
            return found
        raise NetworkNotFound(id_or_label, sees)

    def _refuse_ports(self, call: Call, network: Network) -> None:
        with step(call, "quantum", "looking for ports"):
            try:
                ports = list(self._chain.quantum.ports(call, network.quantum_project, network.id))
            except NetworkNotFound:
                return  # deleted behind our back: nothing can be on it
        others = [port for port in ports if port.attachment != network.gateway_device]
        if others:
            raise NetworkBusy(network.label, len(others))

    @contextmanager
    def _cancelled_by(
        self, refusal: type[BaseException], call: Call, deletion: Deletion
    ) -> Iterator[None]:
        """Show the network again when nothing was done to it."""
        try:
            yield
        except refusal:
            attempt(
                "a network whose deletion was refused stays hidden",
                lambda: self._store.cancel_delete(self._chain.overtime(call), deletion),
            )
            raise


def _with_held(usage: SubnetUsage, held: int) -> SubnetUsage:
    """Count what waits for a clean-up apart from what is used."""
    held = min(held, usage.used)
    return replace(usage, used=usage.used - held, held=held)
