"""What goes wrong with a Quantum server of 2012 in particular."""

from collections.abc import Sequence
from dataclasses import dataclass

from qplug.errors import Conflict, DriverError
from qplug.http.errors import ServiceRefused
from qplug_quantum_v1.faults import Refusal


@dataclass(eq=False)
class QuantumRefused(ServiceRefused):
    """Quantum refused, and said why."""

    fault: Refusal | None = None


@dataclass(eq=False)
class VersionNotServed(DriverError):
    """The server is too old, or too new, for the version of the API that was asked for."""

    url: str
    wanted: str
    served: Sequence[str]

    def sentence(self) -> str:
        """Say what to set."""
        found = " and ".join(self.served) or "none that this driver knows"
        return (
            f"Quantum at {self.url} does not serve {self.wanted} of its API, but {found}; "
            "set [quantum_v1] api_version, or name another server"
        )


@dataclass(eq=False)
class AttachedElsewhere(Conflict):
    """The attachment is on another network's port, and Quantum lets it be on one alone."""

    attachment: str
    network: str

    def sentence(self) -> str:
        """Say what is in the way."""
        return (
            f"'{self.attachment}' cannot be attached to network '{self.network}': "
            "Quantum has it on a port of another network; detach it there"
        )
