"""What is shown of a network, a port and an attachment."""

from collections.abc import Callable, Mapping
from typing import Any

from qplug_quantum_v1.testing.settings import Settings
from qplug_quantum_v1.testing.state import Network, Port

Document = dict[str, Any]


class Views:
    """Documents, as a version of the API has them."""

    def __init__(self, settings: Settings, version: str) -> None:
        self._settings = settings
        self._reports = version == "v1.1"

    def network(self, network: Network) -> Document:
        """Return a network without its ports."""
        return {"id": network.id, "name": network.name, **self._status("UP")}

    def network_detail(self, network: Network) -> Document:
        """Return a network with its ports."""
        ports = [self.port_detail(port) for port in network.ports.values()]
        return {**self.network(network), "ports": ports}

    def port(self, port: Port) -> Document:
        """Return a port without what is attached."""
        status = "UP" if self._settings.ports_are_up else "DOWN"
        return {"id": port.id, "state": port.state, **self._status(status)}

    def port_detail(self, port: Port) -> Document:
        """Return a port with what is attached, if anything is."""
        attached = {"attachment": {"id": port.attachment}} if port.attachment else {}
        return {**self.port(port), **attached}

    def _status(self, status: str) -> Document:
        return {"op-status": status} if self._reports else {}


def networks_that_match(
    networks: list[Network], query: Mapping[str, str], settings: Settings
) -> list[Network]:
    """Return those that pass all filters; none if there are filters and all are unknown."""
    if not query or settings.diablo:
        return networks
    status = _status(settings)
    tests: Mapping[str, Callable[[Network, str], bool]] = {
        "name": lambda network, value: network.name == value,
        "op-status": lambda _, value: value == "UP",
        "attachment": lambda network, value: any(
            port.attachment == value for port in network.ports.values()
        ),
        "has-attachment": lambda network, value: (
            any(_has(port) for port in network.ports.values()) is (value.lower() == "true")
        ),
        "port": lambda network, value: value in network.ports,
        "port-state": lambda network, value: any(
            port.state == value for port in network.ports.values()
        ),
        "port-op-status": lambda network, value: bool(network.ports) and value == status,
    }
    known = {name: value for name, value in query.items() if name in tests}
    return [
        each
        for each in networks
        if known and all(tests[name](each, value) for name, value in known.items())
    ]


def ports_that_match(ports: list[Port], query: Mapping[str, str], settings: Settings) -> list[Port]:
    """Return those that pass all filters; none if there are filters and all are unknown."""
    if not query or settings.diablo:
        return ports
    status = _status(settings)
    tests: Mapping[str, Callable[[Port, str], bool]] = {
        "state": lambda port, value: port.state == value,
        "op-status": lambda _, value: value == status,
        "attachment": lambda port, value: port.attachment == value,
        "has-attachment": lambda port, value: _has(port) is (value.lower() == "true"),
    }
    known = {name: value for name, value in query.items() if name in tests}
    return [
        each
        for each in ports
        if known and all(tests[name](each, value) for name, value in known.items())
    ]


def _status(settings: Settings) -> str:
    return "UP" if settings.ports_are_up else "DOWN"


def _has(port: Port) -> bool:
    """Return whether a filter takes the port for attached: an empty string will do."""
    return port.attachment is not None
