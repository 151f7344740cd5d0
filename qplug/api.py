"""What compute, the command line and tools call: Nova's facade, with a caller bound to it."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Unpack

from netaddr import EUI, IPAddress

from qplug import parsing
from qplug.errors import InvalidInput
from qplug.manager import Context, Manager, NetworkSpec, SubnetChanges
from qplug.manager.audit import Watch
from qplug.manager.fixed_ips import IpMatch
from qplug.model import (
    ActiveLease,
    DhcpHost,
    Difference,
    FixedIp,
    Instance,
    Network,
    NetworkRequest,
    Plug,
    SubnetUsage,
    Vif,
)
from qplug.network_info import NetworkInfo
from qplug.store import NetworkChanges, Service, Work

LOG = logging.getLogger(__name__)


class NetworkApi:
    """The operations of one caller. Networks go by id or label, instances by uuid.

    Every method may raise the errors of :mod:`qplug.errors` that :class:`~qplug.manager.Manager`
    tells of, and NotFound for what the caller may not see.
    """

    def __init__(self, manager: Manager, context: Context) -> None:
        self._manager = manager
        self._context = context

    # --- networks ---

    def create(self, spec: NetworkSpec) -> Network:
        """Make a network, or adopt an existing Quantum network."""
        return self._manager.create_network(self._context, spec)

    def create_networks(
        self,
        *,
        label: str,
        cidr: str | None = None,
        cidr_v6: str | None = None,
        gateway: str | None = None,
        gateway_v6: str | None = None,
        dns1: str | None = None,
        dns2: str | None = None,
        uuid: str | None = None,
        project_id: str | None = None,
        priority: int | None = 0,
        multi_host: bool | None = None,
        num_networks: int = 1,
        **ignored: Any,
    ) -> list[dict[str, str]]:
        """Make a network from the arguments of 2012 and return ``[{"uuid": id}]``.

        :param ignored: network_size, vlan_start, vpn_start, bridge, bridge_interface and
            fixed_cidr mean nothing here; what differs from the options is only warned about
        :raises InvalidInput: an argument is malformed, unknown, or asks for what was never there
        """
        conf = self._manager.conf
        if multi_host not in (None, conf.multi_host):
            raise InvalidInput("multi_host", str(multi_host), f"{conf.multi_host} as configured")
        if num_networks != 1:
            raise InvalidInput("num_networks", str(num_networks), "1; create them one by one")
        _warn_of(ignored, conf)
        spec = NetworkSpec(
            label=label,
            cidrs=tuple(parsing.cidr(text) for text in (cidr, cidr_v6) if text),
            gateways=tuple(parsing.address(text) for text in (gateway, gateway_v6) if text),
            dns=tuple(parsing.address(text) for text in (dns1, dns2) if text),
            uuid=uuid,
            project_id=project_id,
            priority=priority,
        )
        return [{"uuid": self.create(spec).id}]

    def get_all(self) -> Sequence[Network]:
        """Return the networks the caller sees: its own and global ones, in order of creation."""
        return self._manager.get_all_networks(self._context)

    def get(self, network: str) -> Network:
        """Return one network."""
        return self._manager.get_network(self._context, network)

    def update(
        self,
        network: str,
        subnets: SubnetChanges | None = None,
        **changes: Unpack[NetworkChanges],
    ) -> Network:
        """Change properties of a network, those of ``NetworkChanges``, or its subnets."""
        return self._manager.update_network(self._context, network, subnets, **changes)

    def set_host(self, network: str, host: str | None = None) -> str:
        """Give a network a host unless it has one, and return the one it has then."""
        return self._manager.set_network_host(self._context, network, host)

    def move(self, network: str, host: str) -> Network:
        """Have another host serve a network, whichever served it before."""
        return self._manager.move_network(self._context, network, host)

    def disassociate(self, network: str, *, host: bool = True, project: bool = True) -> Network:
        """Take host and owner from a network; without an owner it is global."""
        return self._manager.disassociate_network(
            self._context, network, host=host, project=project
        )

    def delete(self, network: str, *, with_quantum: bool = False) -> None:
        """Delete a network that no instance uses; an adopted one stays in Quantum by default."""
        self._manager.delete_network(self._context, network, with_quantum=with_quantum)

    def validate_networks(self, networks: Sequence[str] | None) -> None:
        """Check that networks exist here and in Quantum, with a subnet; none is fine."""
        self._manager.validate_networks(self._context, networks or ())

    def get_usage(self, network: str | None = None) -> Sequence[tuple[Network, SubnetUsage]]:
        """Return how full the subnets of one network are, or of all the caller sees."""
        return self._manager.get_network_usage(self._context, network)

    # --- instances ---

    def allocate_for_instance(
        self, instance: Instance, requested_networks: Sequence[NetworkRequest] | None = None
    ) -> NetworkInfo:
        """Give an instance vifs: on the networks requested, else on all its project has."""
        return self._manager.allocate_for_instance(
            self._context, instance, requested_networks or ()
        )

    def deallocate_for_instance(self, instance_id: str) -> Sequence[str]:
        """Take back what an instance has, and return the vifs of which something is left."""
        return self._manager.deallocate_for_instance(self._context, instance_id)

    def get_instance_nw_info(self, instance_id: str) -> NetworkInfo:
        """Return the network info of an instance."""
        return self._manager.get_instance_nw_info(self._context, instance_id)

    def get_all_instances(self) -> Iterator[Instance]:
        """Yield the instances the caller sees."""
        return self._manager.get_all_instances(self._context)

    def get_instance_uuids_by_ip_filter(self, filters: dict[str, str]) -> Iterator[IpMatch]:
        """Yield instances by address: ``ip`` and ``ip6`` are patterns, ``fixed_ip`` is exact.

        :raises InvalidInput: a filter is unknown or malformed
        """
        unknown = sorted(set(filters) - {"ip", "ip6", "fixed_ip"})
        if unknown:
            raise InvalidInput("filter", unknown[0], "one of ip, ip6, fixed_ip")
        fixed_ip = filters.get("fixed_ip")
        return self._manager.get_instance_uuids_by_ip_filter(
            self._context,
            ip=filters.get("ip"),
            ip6=filters.get("ip6"),
            fixed_ip=None if fixed_ip is None else parsing.address(fixed_ip),
        )

    def get_vifs_by_instance(self, instance_id: str) -> Sequence[Vif]:
        """Return the vifs of an instance, in order of creation."""
        return self._manager.get_vifs_by_instance(self._context, instance_id)

    def get_vif_by_mac_address(self, mac: EUI) -> Vif:
        """Return the vif with that MAC address."""
        return self._manager.get_vif_by_mac_address(self._context, mac)

    # --- fixed IPs ---

    def get_fixed_ip(self, fixed_ip_id: str) -> FixedIp:
        """Return a fixed IP by its id."""
        return self._manager.get_fixed_ip(self._context, fixed_ip_id)

    def get_fixed_ip_by_address(self, address: IPAddress) -> Sequence[FixedIp]:
        """Return who has the address; several only where networks overlap."""
        return self._manager.get_fixed_ip_by_address(self._context, address)

    def get_all_fixed_ips(
        self,
        *,
        network: str | None = None,
        instance_id: str | None = None,
        address: IPAddress | None = None,
    ) -> Iterator[FixedIp]:
        """Yield the fixed IPs the caller sees that match all that is given."""
        return self._manager.get_all_fixed_ips(
            self._context, network=network, instance_id=instance_id, address=address
        )

    def add_fixed_ip_to_instance(
        self,
        instance_id: str,
        network: str,
        *,
        vif_id: str | None = None,
        address: IPAddress | None = None,
    ) -> IPAddress:
        """Give an instance one address more and return it."""
        return self._manager.add_fixed_ip_to_instance(
            self._context, instance_id, network, vif_id=vif_id, address=address
        )

    def remove_fixed_ip_from_instance(
        self, instance_id: str, address: IPAddress, *, vif_id: str | None = None
    ) -> None:
        """Take an address from an instance."""
        self._manager.remove_fixed_ip_from_instance(
            self._context, instance_id, address, vif_id=vif_id
        )

    # --- hosts ---

    def get_services(self) -> Sequence[Service]:
        """Return the manager services that share the store, by host."""
        return self._manager.get_services(self._context)

    def init_host(self) -> None:
        """Make this host serve its networks as they are recorded, and nothing else of ours."""
        self._manager.init_host(self._context)

    def sweep_host(self) -> int:
        """Let addresses go whose DHCP leases ended on this host, and return how many did."""
        return self._manager.sweep_host(self._context)

    def plug_vif(self, vif_id: str, plug: Plug) -> str:
        """Have a device for a vif on this host, and return its name."""
        return self._manager.plug_vif(self._context, vif_id, plug)

    def unplug_vif(self, vif_id: str) -> None:
        """Have no device for a vif on this host."""
        self._manager.unplug_vif(self._context, vif_id)

    def get_dhcp_hosts(self, network: str) -> Sequence[DhcpHost]:
        """Return whom DHCP answers on a network, with what it tells them."""
        return self._manager.get_dhcp_hosts(self._context, network)

    def get_dhcp_leases(self, network: str) -> Sequence[ActiveLease]:
        """Return the leases that clients of a network hold, by address."""
        return self._manager.get_dhcp_leases(self._context, network)

    def get_dhcp_domain(self, network: str) -> str:
        """Return the domain that instances of a network are told."""
        return self._manager.get_dhcp_domain(self._context, network)

    # --- unfinished work ---

    def get_pending(self) -> Sequence[Work]:
        """Return what is unfinished and nobody works on, by the time it is next tried."""
        return self._manager.get_pending(self._context)

    def retry_pending(self, ids: Sequence[str] = ()) -> Sequence[Work]:
        """Try now what is pending, all or those ids, and return what is left of that."""
        return self._manager.retry_pending(self._context, ids)

    def drop_pending(self, work: str) -> None:
        """Forget pending work as it is; what is left of it outside is nobody's then."""
        self._manager.drop_pending(self._context, work)

    # --- audit ---

    def audit(
        self,
        *,
        repair: bool = False,
        release: Collection[str] = (),
        planned: Callable[[Difference], object] = lambda _: None,
        watch: Watch = lambda _: None,
    ) -> Iterator[Difference]:
        """Yield what differs between drivers and store; work in progress is no difference.

        :param repair: whether to carry out the plan of each difference that has one, so that it
            is yielded as ``repaired``, or with the reason why it is ``kept``
        :param release: ids of vifs that the store does not know, and of which all is released
        :param planned: is called with each difference before its plan is carried out
        :param watch: is told now and then how far the audit is
        """
        return self._manager.audit(
            self._context, repair=repair, release=release, planned=planned, watch=watch
        )


def _warn_of(ignored: dict[str, Any], conf: Any) -> None:
    expected = {
        "network_size": conf.network_size,
        "vlan_start": conf.vlan_start,
        "vpn_start": conf.vpn_start,
        "bridge": None,
        "bridge_interface": None,
        "fixed_cidr": None,
    }
    for name, value in ignored.items():
        if name not in expected:
            raise InvalidInput("argument", name, "one that networks were made with in 2012")
        if value and value != expected[name]:
            LOG.warning("%s %r is ignored: networks are not made of it here", name, value)
