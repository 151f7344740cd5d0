"""The network service: networks as segments, and ports with what is attached to them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from netaddr import IPAddress

from qplug.contracts.base import Driver
from qplug.model import AddressPair, Call, Port, PortRequest, Subnet


class QuantumDriver(Driver):
    """Makes networks and ports at the network service.

    ``project_id`` is always a project's id: the manager puts the default project in the place of
    nobody. A network of another project is as good as absent.
    """

    API = (1, 0)

    @abstractmethod
    def create_network(
        self, call: Call, project_id: str, label: str, *, key: str, zone: str | None = None
    ) -> str:
        """Make a network.

        :param key: a uuid of this wish. A service that lets ids be chosen uses it as the id; one
            that can mark networks marks with it; repeating a call with the same key then gives
            the same network
        :param zone: the availability zone, for services that place networks
        :returns: the network's id, a uuid

        Source: ``create_network`` in Nova's Quantum connection of 2012.
        """

    @abstractmethod
    def network_by_key(self, call: Call, project_id: str, key: str) -> str | None:
        """Return the id of the network made with the key; ``None`` if none shows, or none marks."""

    @abstractmethod
    def delete_network(self, call: Call, project_id: str, network_id: str) -> bool:
        """Delete a network.

        :returns: whether it was there
        :raises NetworkBusy: the service refuses, because ports are on it
        """

    @abstractmethod
    def network_exists(self, call: Call, project_id: str, network_id: str) -> bool:
        """Say whether the project has, or may use, the network."""

    @abstractmethod
    def network_name(self, call: Call, project_id: str, network_id: str) -> str:
        """Return the label the network was made with.

        :raises NetworkNotFound: the project has no such network
        """

    @abstractmethod
    def networks(self, call: Call, project_id: str) -> Iterator[str]:
        """Yield the ids of the project's networks that this driver may have made, in flat memory.

        A service that can mark networks leaves out those of others.
        """

    @abstractmethod
    def attach_port(
        self, call: Call, project_id: str, network_id: str, request: PortRequest
    ) -> str:
        """Make a port and attach it; when attaching fails, the port is deleted again.

        An attachment that has its port already gets the same port again.

        :returns: the port's id
        :raises NetworkNotFound: the project has no such network

        Source: ``create_and_attach_port`` of 2012, which leaked the port and returned nothing.
        """

    @abstractmethod
    def detach_port(self, call: Call, project_id: str, network_id: str, port_id: str) -> bool:
        """Detach and delete a port.

        :returns: whether it was there
        """

    @abstractmethod
    def port_by_attachment(
        self, call: Call, project_id: str, network_id: str, attachment: str
    ) -> str | None:
        """Return the id of the one port the attachment is on; ``None`` also without the network.

        :raises Conflict: the attachment is on several ports
        """

    @abstractmethod
    def ports(self, call: Call, project_id: str, network_id: str) -> Iterator[Port]:
        """Yield the ports of a network that have an attachment, in flat memory.

        :raises NetworkNotFound: the project has no such network
        """


class AddressPairs(ABC):
    """A Quantum driver that can change the allowed address pairs of a port."""

    @abstractmethod
    def set_address_pairs(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        port_id: str,
        pairs: Sequence[AddressPair],
    ) -> None:
        """Let the port send as exactly these pairs; none means that port security is off.

        From then on :meth:`QuantumDriver.ports` shows the addresses of the pairs, if there are any.

        :raises NetworkNotFound: the project has no such network, or it no such port
        """


class AddressMirror(ABC):
    """A Quantum driver whose service can show others which addresses are where.

    It gives none of them: what it shows is what IPAM gave. A port is made with the addresses of
    its request. A driver may be told not to mirror, and then does nothing here.
    """

    @abstractmethod
    def mirror_subnets(
        self, call: Call, project_id: str, network_id: str, subnets: Sequence[Subnet]
    ) -> None:
        """Show exactly these subnets, beside those that are not of the driver's making.

        :raises NetworkNotFound: the project has no such network
        """

    @abstractmethod
    def mirror_addresses(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        port_id: str,
        addresses: Sequence[IPAddress],
    ) -> None:
        """Show exactly these addresses of a port.

        :raises NetworkNotFound: the project has no such network, or it no such port
        """
