"""Gateways and address translation on a host."""

from abc import abstractmethod
from collections.abc import Collection

from qplug.contracts.base import Driver
from qplug.model import Call, Network


class L3Driver(Driver):
    """Makes this host the gateway of its networks.

    Every method states what is wanted and may be repeated at any time; what is there already is
    left alone, and what is not ours is never touched.
    """

    API = (1, 0)

    @abstractmethod
    def initialize(self, call: Call) -> None:
        """Put in place what all networks of this host share."""

    @property
    @abstractmethod
    def initialized(self) -> bool:
        """Whether :meth:`initialize` has succeeded, or nothing needs it."""

    @abstractmethod
    def enable_gateway(self, call: Call, network: Network) -> None:
        """Have the network's gateway device, with the DHCP server's and the gateway's address.

        A network without gateway gets a device that serves DHCP and routes nothing.

        :raises Conflict: the network overlaps another one routed on this host
        """

    @abstractmethod
    def disable_gateway(self, call: Call, network: Network) -> None:
        """Have no gateway device for the network; there being none is no error."""

    @abstractmethod
    def enable_nat(self, call: Call, network: Network) -> None:
        """Translate what leaves the network's IPv4 subnets that have a gateway."""

    @abstractmethod
    def disable_nat(self, call: Call, network: Network) -> None:
        """Translate nothing for the network; there being no rule is no error."""

    @abstractmethod
    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        """Remove what is ours on this host and belongs to none of the networks."""
