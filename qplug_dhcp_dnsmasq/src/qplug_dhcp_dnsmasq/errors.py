"""What goes wrong with dnsmasq in particular."""

from dataclasses import dataclass

from qplug.errors import DriverError, Invalid, Unavailable


@dataclass(eq=False)
class ProgramMissing(DriverError):
    """A program is not installed."""

    program: str
    package: str

    def sentence(self) -> str:
        """Say which package has it."""
        return f"{self.program} is not installed; on Debian: apt-get install {self.package}"


@dataclass(eq=False)
class UserMissing(DriverError):
    """The user that dnsmasq should become is not there."""

    user: str

    def sentence(self) -> str:
        """Say what to set."""
        return (
            f"there is no user '{self.user}' for dnsmasq; install dnsmasq-base, which makes it, or "
            "set [dhcp_dnsmasq] user"
        )


@dataclass(eq=False)
class PathClosed(DriverError):
    """The user that dnsmasq becomes could not enter its folder."""

    path: str
    closed: str
    user: str

    def sentence(self) -> str:
        """Say what to set."""
        return (
            f"user '{self.user}' cannot enter {self.path}, as {self.closed} lets nobody else in; "
            "set [dhcp_dnsmasq] networks_path to a place that it can enter"
        )


@dataclass(eq=False)
class DnsmasqFailed(DriverError):
    """The program did not start, or ended at once."""

    network: str
    reason: str

    def sentence(self) -> str:
        """Say what it says."""
        return f"dnsmasq does not start for network '{self.network}': {self.reason}"


@dataclass(eq=False)
class DnsmasqSilent(Unavailable):
    """The program did not take notice of a change in time."""

    network: str

    def sentence(self) -> str:
        """Say where to look."""
        return (
            f"dnsmasq of network '{self.network}' has not taken notice of a change in time; try "
            "again later"
        )


@dataclass(eq=False)
class SubnetTooLarge(Invalid):
    """An IPv6 subnet that DHCP cannot serve."""

    cidr: str

    def sentence(self) -> str:
        """Say which it can."""
        return (
            f"dnsmasq serves no IPv6 subnet larger than a /64, and {self.cidr} is; make it smaller"
        )


@dataclass(eq=False)
class DomainInvalid(DriverError):
    """The domain that instances should be told is none."""

    domain: str

    def sentence(self) -> str:
        """Say what to set."""
        return f"[dhcp] domain is '{self.domain}', and should be a DNS name like novalocal"
