"""What goes wrong on a Linux host in particular."""

from dataclasses import dataclass

from qplug.errors import Conflict, DriverError, NotFound


@dataclass(eq=False)
class NameTaken(Conflict):
    """A device, or a table of rules, has a name of ours and is not what we make."""

    name: str
    found: str
    wanted: str

    def sentence(self) -> str:
        """Say what is in the way."""
        return (
            f"'{self.name}' is the name of {self.wanted}, and there is {self.found} already; "
            "rename or remove that"
        )


@dataclass(eq=False)
class PluggedElsewhere(Conflict):
    """The device of a vif is there, and leads to another place than is asked for."""

    device: str
    netns: str
    interface: str

    def sentence(self) -> str:
        """Say what to do first."""
        return (
            f"device '{self.device}' is there and does not lead to '{self.interface}' in namespace "
            f"'{self.netns}'; unplug it first"
        )


@dataclass(eq=False)
class RoutedElsewhere(Conflict):
    """A device that is not ours has an address of the network."""

    cidr: str
    address: str
    device: str

    def sentence(self) -> str:
        """Say what is in the way."""
        return (
            f"cidr {self.cidr} cannot be routed here, as device '{self.device}' of this host has "
            f"{self.address}; choose a cidr that does not overlap"
        )


@dataclass(eq=False)
class NetnsNotFound(NotFound):
    """There is no network namespace of that name."""

    name: str

    def sentence(self) -> str:
        """Say how to make one."""
        return (
            f"there is no network namespace '{self.name}' on this host; make it with "
            f"'ip netns add', or see 'ip netns list'"
        )


@dataclass(eq=False)
class KernelRefused(DriverError):
    """The kernel refused what a host needs."""

    doing: str
    reason: str

    def sentence(self) -> str:
        """Say what it refused."""
        return f"the kernel refused {self.doing}: {self.reason}"


@dataclass(eq=False)
class TooMuchAtOnce(KernelRefused):
    """A transaction does not fit into the socket's buffer, which only root can make larger."""


@dataclass(eq=False)
class NotPermitted(DriverError):
    """The process may not change the network of the host."""

    doing: str

    def sentence(self) -> str:
        """Say which right is missing."""
        return (
            f"the kernel permits no {self.doing}: run it as root, or with CAP_NET_ADMIN in this "
            "network namespace"
        )


@dataclass(eq=False)
class LibraryMissing(DriverError):
    """A library of the system is not installed."""

    library: str
    package: str

    def sentence(self) -> str:
        """Say which package has it."""
        return f"{self.library} is not installed; on Debian: apt-get install {self.package}"


@dataclass(eq=False)
class UnguardedMetadata(DriverError):
    """The metadata service knows instances by an address that any may take."""

    def sentence(self) -> str:
        """Say what to set."""
        return (
            "[l3_linux] metadata_host is set and port_security is not, so that an instance could "
            "ask for another's metadata; switch port_security on, or leave metadata_host out"
        )
