"""What goes wrong with Melange in particular."""

from collections.abc import Sequence
from dataclasses import dataclass

from qplug.errors import Conflict, DriverError, Unavailable


@dataclass(eq=False)
class MelangeConnectionFailed(Unavailable):
    """Nobody answered, or not in time, or not to the end."""

    url: str
    reason: str
    attempts: int = 1

    def sentence(self) -> str:
        """Say where nobody answers."""
        tried = f" (maximum attempts reached: {self.attempts})" if self.attempts > 1 else ""
        return f"Melange at {self.url} does not answer: {self.reason}{tried}; try again later"


@dataclass(eq=False)
class MelangeBroken(Unavailable):
    """Melange, or what is in front of it, failed to do the request."""

    request: str
    status: int
    detail: str

    def sentence(self) -> str:
        """Say what was asked, and what the server says is wrong with itself."""
        return (
            f"Melange failed at {self.request} with {self.status}: {self.detail}; try again later, "
            "and look into its log"
        )


@dataclass(eq=False)
class NotMelange(DriverError):
    """Something answered that is no Melange, or what came is no answer of one."""

    request: str
    found: str

    def sentence(self) -> str:
        """Say what came."""
        return (
            f"{self.request} was answered with {self.found}, which is not what Melange says; "
            "check host, port and path in [ipam_melange]"
        )


@dataclass(eq=False)
class MelangeNotTrusted(DriverError):
    """TLS does not come about: one of the two does not trust the other."""

    url: str
    reason: str

    def sentence(self) -> str:
        """Say what to set."""
        return (
            f"there is no TLS with Melange at {self.url}: {self.reason}; see tls, cafile, certfile "
            "and insecure in [ipam_melange]"
        )


@dataclass(eq=False)
class MelangeForbids(DriverError):
    """A filter in front of Melange does not let the driver in."""

    request: str
    status: int

    def sentence(self) -> str:
        """Say what to set."""
        return (
            f"{self.request} is forbidden ({self.status}) by a filter in front of Melange; set "
            "headers or keystone_url in [ipam_melange]"
        )


@dataclass(eq=False)
class MelangeRefused(DriverError):
    """Melange refused for a reason that the driver has no better name for."""

    request: str
    status: int
    detail: str

    def sentence(self) -> str:
        """Say what Melange says."""
        return f"Melange refused {self.request} with {self.status}: {self.detail}"


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
