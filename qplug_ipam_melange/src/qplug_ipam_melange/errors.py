"""What goes wrong with Melange in particular."""

from collections.abc import Sequence
from dataclasses import dataclass

from qplug.errors import Conflict, DriverError


@dataclass(eq=False)
class BlocksOfOthers(Conflict):
    """Melange has blocks on the network that are no subnets of it."""

    network: str
    tenant: str
    cidrs: Sequence[str]

    def sentence(self) -> str:
        """Say which, and what to do."""
        return (
            f"tenant '{self.tenant}' has {', '.join(self.cidrs)} in Melange on network "
            f"'{self.network}' already; name those subnets too, or delete the blocks there"
        )


@dataclass(eq=False)
class InterfaceTaken(Conflict):
    """Melange has the vif's interface under another tenant."""

    vif: str
    project: str

    def sentence(self) -> str:
        """Say what is in the way."""
        return (
            f"Melange has an interface '{self.vif}' that is not of tenant '{self.project}'; "
            "delete it there if nobody uses it"
        )


@dataclass(eq=False)
class NoMacRange(DriverError):
    """Melange has nothing to make MAC addresses from."""

    url: str

    def sentence(self) -> str:
        """Say what to make."""
        return (
            f"Melange at {self.url} has no range of MAC addresses; make one there "
            "(POST /v0.1/ipam/mac_address_ranges)"
        )
