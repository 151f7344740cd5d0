"""IP address management: subnets, and who has which address."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from netaddr import IPAddress

from qplug.contracts.base import Driver
from qplug.model import Allocation, Call, Lease, Network, SubnetUsage, Vif


class IpamDriver(Driver):
    """Keeps the subnets of every network and hands out their addresses.

    The vif's id is the key of every change: giving twice gives the same answer, taking back twice
    is quiet, and taking back never hits an address that another vif has by now. A network arrives
    with its subnets as the manager knows them; the driver keeps its own record of them, because
    what it hands out must be right even when two managers disagree.
    """

    API = (1, 0)

    policy: ClassVar[str]
    """The order in which addresses are chosen; operators' templates rely on it.

    ``sequential``: the lowest address never used, then the one whose rest ended or ends first.
    ``any``: no promise.
    """

    @abstractmethod
    def create_subnets(self, call: Call, network: Network) -> None:
        """Start to keep the subnets of a network; all of them or none.

        A subnet that is kept already, with the same id and cidr, is left as it is.

        :raises Conflict: the driver cannot keep such a subnet beside one it keeps already
        :raises Invalid: the driver can never keep such a subnet

        Source: ``create_subnet`` in Nova 2012, which knew one IPv4 and one IPv6 subnet.
        """

    @abstractmethod
    def delete_subnets(self, call: Call, network: Network) -> None:
        """Forget all subnets of the network; none is no error.

        :raises NetworkInUse: a vif holds an address of one; nothing is forgotten then
        """

    @abstractmethod
    def subnet_ids(self, call: Call, network_id: str) -> frozenset[str]:
        """Return the ids of the subnets the driver keeps for a network; empty for a stranger."""

    @abstractmethod
    def allocate(
        self, call: Call, network: Network, vif: Vif, wanted: Sequence[IPAddress] = ()
    ) -> Sequence[Allocation]:
        """Give the vif one address from each subnet of the network, or none at all.

        :param wanted: at most one address a subnet, to be given instead of a chosen one
        :returns: one allocation a subnet, in the order of ``network.subnets``, never empty
        A vif that holds addresses already gets the same answer again, whatever is wanted now.

        Of a derived subnet, an IPv6 /64 without pools, there is nothing to choose: unless one is
        wanted it gives ``to_global(conf.ipam.ipv6_backend, subnet.cidr, vif.mac,
        network.quantum_project)`` of :mod:`qplug.model.ipv6`.

        :raises NetworkNotFound: the driver keeps no subnet of the network
        :raises NoMoreFixedIps: one of its subnets is full
        :raises FixedIpAlreadyInUse: a wanted address is another vif's, or rests for another
            instance; or a derived one is, or is never given
        :raises FixedIpInvalid: a wanted address is outside the subnets or never given

        Source: ``allocate_fixed_ips`` in Nova 2012, which gave IPv4 alone.
        """

    @abstractmethod
    def deallocate(self, call: Call, network: Network, vif: Vif, *, reuse_delay: float = 0) -> None:
        """Take back all the vif holds on the network; holding nothing is no error.

        :param reuse_delay: seconds before another vif may have the addresses, so that old leases
            and caches have run out (RFC 2131, 4.4.5). Until then its last instance alone may ask
            for one by name; when nothing else is left, the one whose rest ends first is given to
            anybody, and logged. A driver without ``Capability.REUSE_DELAY`` keeps a rule of its own
        """

    @abstractmethod
    def add_address(
        self, call: Call, network: Network, vif: Vif, *, wanted: IPAddress | None = None
    ) -> Allocation:
        """Give the vif one address more, of the wanted one's subnet or else of the first with room.

        A wanted address that the vif holds already is given again. Without one each call gives a
        further address; whoever is in doubt lists the vif's allocations. Subnets are tried in the
        order of ``network.subnets``; one where all that is left rests comes after the others. A
        derived subnet gives an address only when it is wanted, and is passed over otherwise.

        :raises NetworkNotFound: the driver keeps no subnet of the network
        :raises NoMoreFixedIps: none of the subnets has room
        :raises AddressRequired: all subnets are derived and no address is wanted
        :raises FixedIpAlreadyInUse: as for :meth:`allocate`
        :raises FixedIpInvalid: as for :meth:`allocate`
        """

    @abstractmethod
    def remove_address(
        self, call: Call, network: Network, vif: Vif, address: IPAddress, *, reuse_delay: float = 0
    ) -> None:
        """Take back one address of the vif; not holding it is no error."""

    @abstractmethod
    def allocations(
        self, call: Call, *, network_id: str | None = None, vif_id: str | None = None
    ) -> Iterator[Allocation]:
        """Yield what is allocated, each address once, in any order and in flat memory.

        Without arguments everything; with one or both only what matches. What others give or take
        meanwhile may be in it or not.
        """

    @abstractmethod
    def lease_ended(self, call: Call, lease: Lease) -> None:
        """Note that the client holds the address no more, so that its rest is over.

        An address in use, unknown, or resting no longer is left as it is; so is one that rests
        since a vif with another MAC address had it. A driver without ``Capability.REUSE_DELAY``
        need not do anything.
        """


class SubnetUpdates(ABC):
    """An IPAM driver that can change the subnets of a network whose addresses are in use."""

    @abstractmethod
    def update_subnets(self, call: Call, network: Network) -> None:
        """Keep exactly the subnets that the network has now, with its pools and reservations.

        New ones are added, those it has no longer are forgotten, and of the others what vifs may
        get is changed; all of it or nothing, and twice is as once. The id, the cidr and whether
        addresses are derived stay as they were.

        An address in use stays with its vif whatever the pools are now; outside of them it is
        given to nobody once it is released. One that rests goes on resting, in or out of them.

        :raises Conflict: as for :meth:`IpamDriver.create_subnets`
        :raises NetworkInUse: a vif holds an address of a subnet that is to be forgotten
        """


class AddressUsage(ABC):
    """An IPAM driver that counts without listing."""

    @abstractmethod
    def usage(self, call: Call, network_ids: Sequence[str]) -> Sequence[SubnetUsage]:
        """Return how full the subnets of the networks are, in a constant number of questions.

        ``held`` is zero: what is held is the manager's knowledge. Networks that are not kept
        are left out.
        """


class FloatingIps(ABC):
    """An IPAM driver that knows which public addresses lead to a fixed one."""

    @abstractmethod
    def floating_ips(
        self, call: Call, network_id: str, addresses: Sequence[IPAddress]
    ) -> Mapping[IPAddress, Sequence[IPAddress]]:
        """Return the floating addresses of those fixed IPv4 addresses that have any."""
