"""All that a Quantum server knows, and what its plugin does to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from qplug_quantum_v1.testing.faults import (
    Crash,
    already_attached,
    bad_state,
    network_in_use,
    no_network,
    no_port,
    port_in_use,
)
from qplug_quantum_v1.testing.settings import Settings

STATES = ("ACTIVE", "DOWN")


@dataclass
class Port:
    """A port; its attachment is a string of the caller's."""

    state: str
    id: str = field(default_factory=lambda: str(uuid4()))
    attachment: str | None = None


@dataclass
class Network:
    """A network and its ports, by their ids and in the order of their age."""

    tenant_id: str
    name: str | None
    id: str = field(default_factory=lambda: str(uuid4()))
    ports: dict[str, Port] = field(default_factory=dict)


class State:
    """The networks, by their ids and in the order of their age."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.all: dict[str, Network] = {}

    def networks(self, tenant_id: str) -> list[Network]:
        """Return those of a tenant."""
        return [each for each in self.all.values() if each.tenant_id == tenant_id]

    def network(self, tenant_id: str, network_id: str, *, updates: bool = False) -> Network:
        """Find one.

        :raises qplug_quantum_v1.testing.faults.Fault: there is none of the tenant's
        """
        cares = not (self.settings.diablo or (updates and self.settings.plugin == "sample"))
        found = self.all.get(network_id)
        if found is None or (cares and found.tenant_id != tenant_id):
            raise no_network(network_id)
        return found

    def port(self, network: Network, port_id: str) -> Port:
        """Find one.

        :raises qplug_quantum_v1.testing.faults.Fault: it is not on that network
        """
        if port_id not in network.ports:
            raise no_port(network.id, port_id)
        return network.ports[port_id]

    def create_network(self, tenant_id: str, name: str) -> Network:
        """Make one; an empty name is none."""
        made = Network(tenant_id, name or None)
        self.all[made.id] = made
        return made

    def delete_network(self, network: Network) -> None:
        """Delete one, with its free ports.

        :raises qplug_quantum_v1.testing.faults.Fault: something is attached
        """
        if any(port.attachment for port in network.ports.values()):
            raise network_in_use(network.id)
        del self.all[network.id]

    def create_port(self, network: Network, state: str | None) -> Port:
        """Make one.

        :raises qplug_quantum_v1.testing.faults.Fault: there is no such state
        """
        if not self.settings.diablo:
            _check(state)
        made = Port(state or "DOWN")
        network.ports[made.id] = made
        return made

    def update_port(self, port: Port, state: str | None) -> None:
        """Set the state.

        :raises qplug_quantum_v1.testing.faults.Fault: there is no such state
        """
        _check(state)
        port.state = state or "DOWN"

    def delete_port(self, network: Network, port: Port) -> None:
        """Delete one.

        :raises qplug_quantum_v1.testing.faults.Fault: something is attached
        """
        if port.attachment:
            raise port_in_use(network.id, port.id, port.attachment)
        del network.ports[port.id]

    def attach(self, network: Network, port: Port, attachment: str) -> None:
        """Plug something in.

        :raises qplug_quantum_v1.testing.faults.Fault: it, or something else, is plugged in already
        :raises Crash: it is nothing, and the plugin stumbles over that
        """
        if self.settings.plugin == "sample":
            self._refuse_twice(network, port, attachment or None, self._ports())
        if port.attachment:
            raise port_in_use(network.id, port.id, port.attachment)
        if not attachment:
            raise Crash
        self._refuse_twice(network, port, attachment, self._ports())
        port.attachment = attachment

    def detach(self, port: Port) -> None:
        """Unplug what is plugged in, or nothing.

        :raises Crash: the plugin stumbles over nothing
        """
        if not port.attachment and self.settings.plugin == "linuxbridge":
            raise Crash
        port.attachment = "" if self.settings.stores_empty else None

    def _ports(self) -> Iterator[Port]:
        for network in self.all.values():
            yield from network.ports.values()

    def _refuse_twice(
        self, network: Network, port: Port, attachment: str | None, ports: Iterable[Port]
    ) -> None:
        for other in ports:
            if other.attachment == attachment:
                raise already_attached(network.id, port.id, attachment, other.id)


def _check(state: Any) -> None:
    if state is not None and state not in STATES:
        raise bad_state(state)
