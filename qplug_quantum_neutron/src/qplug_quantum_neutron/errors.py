"""What goes wrong with Neutron in particular."""

from collections.abc import Sequence
from dataclasses import dataclass

from qplug.errors import Conflict, DriverError, Exhausted
from qplug.http.errors import ServiceRefused


@dataclass(eq=False)
class NeutronRefused(ServiceRefused):
    """Neutron refused, and said why."""

    type: str = ""
    """The name that it gives to the reason."""


@dataclass(eq=False)
class QuotaExceeded(Exhausted):
    """The project may have no more of something in Neutron."""

    project: str
    detail: str

    def sentence(self) -> str:
        """Say whose quota."""
        return (
            f"Neutron lets project '{self.project}' have no more: {self.detail} "
            "Delete something there, or raise its quota"
        )


@dataclass(eq=False)
class PortNotBound(DriverError):
    """Neutron made the port, and could not connect it to the host; it was deleted again."""

    network: str
    host: str

    def sentence(self) -> str:
        """Say where to look."""
        return (
            f"Neutron binds no port of network '{self.network}' on host '{self.host}'; see there "
            "if its agent runs and the network reaches it, or set [quantum_neutron] bind_ports"
        )


@dataclass(eq=False)
class MacTaken(Conflict):
    """Another port of the network has the MAC address."""

    mac: str
    network: str
    detail: str

    def sentence(self) -> str:
        """Say what is in the way."""
        return (
            f"MAC address {self.mac} is another port's of network '{self.network}' in Neutron: "
            f"{self.detail}"
        )


@dataclass(eq=False)
class AddressTaken(Conflict):
    """Neutron shows an address as another port's, so it cannot be shown as this one's."""

    network: str
    detail: str

    def sentence(self) -> str:
        """Say how to keep clear of it."""
        return (
            f"an address is another port's of network '{self.network}' in Neutron: {self.detail} "
            "Reserve it with 'qplug network set --reserve', or delete that port"
        )


@dataclass(eq=False)
class TooOld(DriverError):
    """Neutron cannot do all that the driver needs."""

    url: str
    missing: Sequence[str]

    def sentence(self) -> str:
        """Say what is missing."""
        return (
            f"Neutron at {self.url} has no extension {' and none called '.join(self.missing)}, "
            "which the driver needs; it is too old, or it is switched off there"
        )
