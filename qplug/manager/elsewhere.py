"""What a manager asks of the service on another host, which has the network's bridge and DHCP."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from qplug.model import ActiveLease, Call, DhcpHost, Network


class OtherHosts(ABC):
    """The services of all hosts that share the store."""

    @abstractmethod
    def of(self, host: str) -> "OtherHost":
        """Return one of them, be it there or not."""

    @abstractmethod
    def close(self) -> None:
        """Ask nobody any more."""


class OtherHost(ABC):
    """The service of a host. Each method is done there, within the call's time.

    :raises HostUnavailable: any may raise that, at once if nobody is there to ask
    """

    @abstractmethod
    def ready(self, call: Call) -> None:
        """Find out whether somebody is there to ask."""

    @abstractmethod
    def serve(
        self, call: Call, network: Network, host: DhcpHost, together: Collection[str]
    ) -> None:
        """Serve a vif, and have the network's gateway for it, or neither.

        :param together: the ids of the vifs that are made with it, or not at all
        """

    @abstractmethod
    def tell(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        """Serve vifs with the addresses they have now, and the removed ones no longer."""

    @abstractmethod
    def change(self, call: Call, before: Network, after: Network) -> None:
        """Serve a network with other subnets and properties than before."""

    @abstractmethod
    def remove_gateway(self, call: Call, network: Network, failed: Collection[str]) -> None:
        """Remove a gateway made for vifs that failed, unless others rely on it."""

    @abstractmethod
    def stop(self, call: Call, network: Network) -> None:
        """Serve a network no longer."""

    @abstractmethod
    def restore(self, call: Call, network_id: str) -> None:
        """Serve a network as the store knows it."""

    @abstractmethod
    def leases(self, call: Call, network_id: str) -> Sequence[ActiveLease]:
        """Return the leases that clients of a network hold."""
