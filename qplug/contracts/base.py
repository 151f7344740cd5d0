"""What drivers of every kind share."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar, NamedTuple

from qplug.model import Call, Capability, DhcpHost, Fault, Network

ApiVersion = tuple[int, int]


class ApiRange(NamedTuple):
    """The versions of a contract that a driver was written for: ``first <= API < beyond``."""

    first: ApiVersion
    beyond: ApiVersion

    def __contains__(self, version: object) -> bool:
        """Say whether the driver can serve a core with that version of the contract."""
        return isinstance(version, tuple) and self.first <= version < self.beyond

    def __str__(self) -> str:
        """Return ``1.0 to 2.0 (exclusive)``."""
        first, beyond = (".".join(map(str, version)) for version in self)
        return f"{first} to {beyond} (exclusive)"


class Driver(ABC):
    """A driver of any kind. It is made with one argument, the oslo.config ``conf``.

    The constructor registers the driver's options in a group of its own and may open what it
    needs, but must not fail because a server is away: that is Unavailable at the first call.
    """

    API: ClassVar[ApiVersion]
    """The version of the contract; set by the contract."""

    api: ClassVar[ApiRange]
    """The versions of the contract the driver was written for; set by the driver."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    """What the driver can do beyond its contract."""

    @abstractmethod
    def check(self, call: Call) -> str:
        """Ask the backend whether it works, changing nothing.

        :returns: one line for a person: what answered
        :raises Unavailable: it does not answer
        :raises DriverError: it answers, but is not what the driver needs
        """

    def close(self) -> None:  # noqa: B027  # most drivers have nothing to close
        """Give back connections and threads; the driver is not used again. Never raises."""


class HostFaults(ABC):
    """An L3 or DHCP driver that can say what on this host is not as it was told; for the audit."""

    @abstractmethod
    def faults(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> Sequence[Fault]:
        """Return what the network lacks on this host, or has other than it is wanted.

        :param hosts: all vifs that the network should serve; what there is of others is a fault
        Nothing is changed. All that is told of goes when the network's whole state is told again.
        """

    @abstractmethod
    def strays(self, call: Call, network_ids: Collection[str]) -> Sequence[Fault]:
        """Return what is ours on this host and belongs to none of the networks.

        Nothing is changed. All that is told of goes when the driver prunes.
        """
