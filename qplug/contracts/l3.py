"""Gateways and address translation on a host."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence

from qplug.contracts.base import Driver
from qplug.model import Call, DhcpHost, Network, Plug


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


class HostPorts(ABC):
    """An L3 driver that connects vifs on this host, and lets each send from its own addresses.

    What a vif may send is in force before its device is there, and as long as it is there.
    """

    @abstractmethod
    def known_ports(self, call: Call, network: Network) -> Collection[str]:
        """Return the ids of the vifs that may send on the network, as this host was told."""

    @abstractmethod
    def sync_ports(
        self,
        call: Call,
        network: Network,
        hosts: Iterable[DhcpHost],
        *,
        gone: Collection[str] = (),
    ) -> None:
        """Let vifs send on the network, each from the addresses it has, whatever the host lost.

        :param gone: ids of vifs that send nothing any more, and whose devices go; any other stays,
            as it may have been made since this was asked for
        """

    @abstractmethod
    def apply_ports(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        """Let the changed vifs send from the addresses they have now, and the removed ones nothing.

        What a vif had before and has no longer need not be named; connections from there end. The
        devices of removed vifs go; removing what is unknown is no error.

        :raises Conflict: something else has the name of the vif's device
        """

    @abstractmethod
    def plug(self, call: Call, network: Network, host: DhcpHost, plug: Plug) -> str:
        """Have a device for the vif on the network and return its name; there being it is fine.

        :raises NotFound: there is no such network namespace
        :raises Conflict: something else has the name of the device, here or in the namespace; or
            the vif has its device, which leads elsewhere
        """

    @abstractmethod
    def unplug(self, call: Call, network: Network, vif_id: str) -> None:
        """Have no device for the vif; there being none is no error."""
