"""DHCP and router advertisements on a host."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence

from qplug.contracts.base import Driver
from qplug.model import ActiveLease, Call, DhcpHost, Lease, Network


class DhcpDriver(Driver):
    """Answers the DHCP clients of the networks of this host, with exactly their addresses.

    A driver without ``Capability.SERVES`` answers nobody, and networks get no gateway port for it.
    When a method returns, a client would be answered by what it said.
    """

    API = (1, 0)

    @abstractmethod
    def sync(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> None:
        """Serve the network with exactly these hosts, started if it was not, leases kept."""

    @abstractmethod
    def apply(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        """Serve the changed hosts with the addresses they have now, and the removed ones not.

        The network is served with its subnets as they are given, and hosts that are not named as
        before. A network not served yet starts to be, unless hosts are only removed: it may have
        no gateway. Removing an unknown host is no error.
        """

    @abstractmethod
    def stop(self, call: Call, network: Network) -> None:
        """Serve the network no longer and forget its leases; not serving it is no error."""

    @abstractmethod
    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        """Stop what is ours on this host and serves none of the networks."""


class LeaseEvents(ABC):
    """A DHCP driver that tells when leases end, so that the rest of an address can end early."""

    @abstractmethod
    def ended_leases(self, call: Call) -> Sequence[Lease]:
        """Return leases that ended and were not acknowledged, oldest first, at most 1000."""

    @abstractmethod
    def acknowledge(self, call: Call, leases: Sequence[Lease]) -> None:
        """Forget these ended leases; the manager has passed them on."""


class ActiveLeases(ABC):
    """A DHCP driver that knows which leases clients hold."""

    @abstractmethod
    def leases(self, call: Call, network: Network) -> Sequence[ActiveLease]:
        """Return the leases of a network by address; none if it is not served here."""
