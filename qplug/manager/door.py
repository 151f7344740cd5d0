"""The door: every operation, with the caller's rights checked before anything is done."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Unpack

from netaddr import EUI, IPAddress

from qplug.errors import FixedIpNotFound, InstanceNotFound, VifNotFound
from qplug.manager.audit import Watch
from qplug.manager.chain import Chain
from qplug.manager.changing import Changing
from qplug.manager.context import Context
from qplug.manager.creating import Creating
from qplug.manager.deleting import Deleting
from qplug.manager.fixed_ips import FixedIps, IpMatch
from qplug.manager.hosts import Hosts
from qplug.manager.info import Info
from qplug.manager.instances import Instances
from qplug.manager.logs import operations_logged
from qplug.manager.networks import Networks
from qplug.manager.pending import Pending
from qplug.manager.policy import Policy
from qplug.manager.release import Release
from qplug.manager.requests import NetworkSpec, check_instance, check_name, check_uuid
from qplug.manager.subnet_changes import SubnetChanges
from qplug.manager.sweep import Sweep
from qplug.model import (
    ActiveLease,
    Call,
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
from qplug.store import InstanceRecord, NetworkChanges, Service, Work

LOG = logging.getLogger(__name__)


@operations_logged
class Manager:
    """The driver chain behind its policy. Several threads may use it.

    Operations carry Nova's names. What a caller may not see is NotFound to it; what it sees and
    may not do is Forbidden.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.conf = chain.conf
        self._policy = Policy(chain.conf)
        self.hosts = Hosts(chain)
        info, release = Info(chain), Release(chain, self.hosts)
        self.pending = Pending(chain, self.hosts, info)
        self.networks = Networks(chain, self.pending)
        self.creating = Creating(chain, self.hosts, self.pending)
        self.changing = Changing(chain, self.hosts, self.pending)
        self.deleting = Deleting(chain, self.hosts, release, self.pending)
        self.instances = Instances(chain, self.hosts, release, info, self.pending)
        self.fixed_ips = FixedIps(chain, self.hosts, info, self.pending)
        self.sweep = Sweep(chain)
        self._release = release

    @property
    def chain(self) -> Chain:
        """Drivers and store, for who runs this as a service."""
        return self._chain

    def close(self) -> None:
        """Give back drivers and database."""
        self._chain.close()

    # --- networks ---

    def create_network(self, context: Context, spec: NetworkSpec) -> Network:
        """Make or adopt a network; see :meth:`Creating.create`."""
        self._policy.check(context, "create_networks", spec.project_id)
        return self.creating.create(self._changing(context), spec)

    def get_all_networks(self, context: Context) -> Sequence[Network]:
        """Return the networks the caller sees, in order of creation."""
        self._policy.check(context, "get_all_networks", context.project_id)
        return self.networks.all(self._call(context), self._policy.sees(context))

    def get_network(self, context: Context, network: str) -> Network:
        """Return a network by id or label."""
        return self._network(context, self._call(context), "get_network", network)

    def update_network(
        self,
        context: Context,
        network: str,
        subnets: SubnetChanges | None = None,
        **changes: Unpack[NetworkChanges],
    ) -> Network:
        """Change properties or subnets of a network; see :meth:`Changing.change`."""
        call = self._call(context)
        found = self._network(context, call, "update_network", network)
        self.pending.look(call)
        return self.changing.change(call, found, changes, subnets)

    def set_network_host(self, context: Context, network: str, host: str | None = None) -> str:
        """Give a network a host, by default this one, unless it has one; return the one it has."""
        call = self._call(context)
        found = self._network(context, call, "set_network_host", network)
        return self.networks.set_host(
            call, found, str(self._chain.conf.host) if host is None else host
        )

    def move_network(self, context: Context, network: str, host: str) -> Network:
        """Have another host serve a network, and return it; see :meth:`Hosts.move`."""
        found = self._network(context, self._call(context), "move_network", network)
        return self.hosts.move(self._changing(context), found, host)

    def get_services(self, context: Context) -> Sequence[Service]:
        """Return the services that share the store, by host."""
        self._policy.check(context, "get_services")
        return self._chain.store.services.all(self._call(context))

    def disassociate_network(
        self, context: Context, network: str, *, host: bool = True, project: bool = True
    ) -> Network:
        """Take host and owner from a network and return it."""
        call = self._call(context)
        found = self._network(context, call, "disassociate_network", network)
        return self.networks.disassociate(call, found, host=host, project=project)

    def delete_network(self, context: Context, network: str, *, with_quantum: bool = False) -> None:
        """Delete a network; see :meth:`Deleting.delete`."""
        call = self._call(context)
        found = self.deleting.find(call, check_name(network), self._policy.sees(context))
        self._policy.check(context, "delete_network", found.project_id)
        self.pending.look(call)
        self.deleting.delete(call, found, with_quantum=with_quantum)

    def validate_networks(self, context: Context, networks: Sequence[str] = ()) -> None:
        """Check that networks can be used; none is fine."""
        self._policy.check(context, "validate_networks", context.project_id)
        self.networks.validate(self._call(context), networks, self._policy.sees(context))

    def get_network_usage(
        self, context: Context, network: str | None = None
    ) -> Sequence[tuple[Network, SubnetUsage]]:
        """Return how full the subnets of one or all networks are."""
        call = self._call(context)
        if network is None:
            found = self.networks.all(call, self._policy.sees(context))
            self._policy.check(context, "get_network_usage", context.project_id)
        else:
            found = [self._network(context, call, "get_network_usage", network)]
            self._chain.refuse_other_drivers(found[0])
        network_of = {subnet.id: one for one in found for subnet in one.subnets}
        return [(network_of[u.subnet_id], u) for u in self.networks.usage(call, found)]

    # --- instances ---

    def allocate_for_instance(
        self, context: Context, instance: Instance, networks: Sequence[NetworkRequest] = ()
    ) -> NetworkInfo:
        """Give an instance its vifs; see :meth:`Instances.allocate`."""
        checked = check_instance(instance)
        self._policy.check(context, "allocate_for_instance", checked.project_id)
        return self.instances.allocate(self._changing(context), checked, networks)

    def deallocate_for_instance(self, context: Context, instance_id: str) -> Sequence[str]:
        """Take back what an instance has; see :meth:`Instances.deallocate`."""
        instance_id, call = check_uuid("instance", instance_id), self._call(context)
        owner = self._chain.store.instances.owner(call, instance_id)
        if owner is None or not self._sees(context, owner):
            return ()  # as if it had been deallocated before
        self._policy.check(context, "deallocate_for_instance", owner)
        self.pending.look(call)
        return self.instances.deallocate(call, instance_id)

    def get_instance_nw_info(self, context: Context, instance_id: str) -> NetworkInfo:
        """Return an instance's network info, and keep it as the cached one."""
        call = self._call(context)
        record = self._instance(context, call, "get_instance_nw_info", instance_id)
        return self.instances.network_info(call, record)

    def get_all_instances(self, context: Context) -> Iterator[Instance]:
        """Yield the instances the caller sees, by id."""
        self._policy.check(context, "get_all_instances", context.project_id)
        search = self._chain.store.search
        return search.instances(self._call(context), project_id=self._policy.sees(context))

    def get_instance_uuids_by_ip_filter(
        self,
        context: Context,
        *,
        ip: str | None = None,
        ip6: str | None = None,
        fixed_ip: IPAddress | None = None,
    ) -> Iterator[IpMatch]:
        """Yield the instances that have matching addresses; see :meth:`FixedIps.matching`."""
        self._policy.check(context, "get_instance_uuids_by_ip_filter", context.project_id)
        call, sees = self._call(context), self._policy.sees(context)
        return self.fixed_ips.matching(call, ip=ip, ip6=ip6, fixed_ip=fixed_ip, sees=sees)

    def get_vifs_by_instance(self, context: Context, instance_id: str) -> Sequence[Vif]:
        """Return the vifs of an instance, in order of creation."""
        call = self._call(context)
        record = self._instance(context, call, "get_vifs_by_instance", instance_id)
        return [one.vif for one in record.vifs]

    def get_vif_by_mac_address(self, context: Context, mac: EUI) -> Vif:
        """Return the vif with that MAC address.

        :raises VifNotFound: there is none the caller sees
        """
        found = self._chain.store.search.vifs(self._call(context), mac=mac)
        for record in found:
            if self._sees(context, record.vif.project_id):
                self._policy.check(context, "get_vif_by_mac_address", record.vif.project_id)
                return record.vif
        raise VifNotFound(str(mac))

    # --- fixed IPs ---

    def get_fixed_ip(self, context: Context, fixed_ip_id: str) -> FixedIp:
        """Return a fixed IP by its id."""
        found = self._chain.store.search.fixed_ip(self._call(context), fixed_ip_id)
        if not self._sees(context, found.project_id):
            raise FixedIpNotFound(fixed_ip_id)
        self._policy.check(context, "get_fixed_ip", found.project_id)
        return found

    def get_fixed_ip_by_address(self, context: Context, address: IPAddress) -> Sequence[FixedIp]:
        """Return who has the address; several only where networks overlap."""
        found = self.fixed_ips.by_address(self._call(context), address, self._policy.sees(context))
        for one in found:
            self._policy.check(context, "get_fixed_ip_by_address", one.project_id)
        return found

    def get_all_fixed_ips(
        self,
        context: Context,
        *,
        network: str | None = None,
        instance_id: str | None = None,
        address: IPAddress | None = None,
    ) -> Iterator[FixedIp]:
        """Yield the fixed IPs the caller sees that match, by network and address."""
        self._policy.check(context, "get_all_fixed_ips", context.project_id)
        call, sees = self._call(context), self._policy.sees(context)
        return self._chain.store.search.fixed_ips(
            call,
            project_id=sees,
            network_id=None if network is None else self.networks.get(call, network, sees).id,
            instance_id=None if instance_id is None else check_uuid("instance", instance_id),
            address=address,
        )

    def add_fixed_ip_to_instance(
        self,
        context: Context,
        instance_id: str,
        network: str,
        *,
        vif_id: str | None = None,
        address: IPAddress | None = None,
    ) -> IPAddress:
        """Give an instance one address more and return it; see :meth:`FixedIps.add`."""
        call = self._call(context)
        record = self._instance(context, call, "add_fixed_ip_to_instance", instance_id)
        self.pending.look(call)
        found = self.networks.get(call, network, record.instance.project_id)
        added = self.fixed_ips.add(call, record.instance.id, found, vif_id=vif_id, wanted=address)
        return added.address

    def remove_fixed_ip_from_instance(
        self,
        context: Context,
        instance_id: str,
        address: IPAddress,
        *,
        vif_id: str | None = None,
    ) -> None:
        """Take an address from an instance; see :meth:`FixedIps.remove`."""
        call = self._call(context)
        record = self._instance(context, call, "remove_fixed_ip_from_instance", instance_id)
        self.pending.look(call)
        self.fixed_ips.remove(call, record.instance.id, address, vif_id=vif_id)

    # --- hosts ---

    def init_host(self, context: Context) -> None:
        """Make this host serve its networks; see :meth:`Hosts.init_host`."""
        self._policy.check(context, "init_host")
        self.hosts.init_host(self._call(context))

    def sweep_host(self, context: Context) -> int:
        """Let addresses go whose leases ended on this host; see :meth:`Sweep.run`."""
        self._policy.check(context, "sweep_host")
        return self.sweep.run(self._call(context))

    def plug_vif(self, context: Context, vif_id: str, plug: Plug) -> str:
        """Have a device for a vif on this host; see :meth:`Hosts.plug`."""
        self._policy.check(context, "plug_vif")
        return self.hosts.plug(self._changing(context), check_uuid("vif", vif_id), plug)

    def unplug_vif(self, context: Context, vif_id: str) -> None:
        """Have no device for a vif on this host; see :meth:`Hosts.unplug`."""
        self._policy.check(context, "unplug_vif")
        self.hosts.unplug(self._changing(context), check_uuid("vif", vif_id))

    def get_dhcp_hosts(self, context: Context, network: str) -> Sequence[DhcpHost]:
        """Return whom DHCP answers on a network, by first address."""
        self._policy.check(context, "get_dhcp_hosts")
        call = self._call(context)
        return self.hosts.answered_by(call, self.networks.get(call, network, None))

    def get_dhcp_domain(self, context: Context, network: str) -> str:
        """Return the domain that instances of a network are told."""
        self._policy.check(context, "get_dhcp_domain")
        found = self.networks.get(self._call(context), network, None)
        return str(self.conf.dhcp.domain) if found.dns_domain is None else found.dns_domain

    def get_dhcp_leases(self, context: Context, network: str) -> Sequence[ActiveLease]:
        """Return the leases that clients of a network hold, by address."""
        self._policy.check(context, "get_dhcp_leases")
        call = self._call(context)
        return self.hosts.leases(call, self.networks.get(call, network, None))

    # --- what services ask each other ---

    def serve_vif(
        self, context: Context, network: Network, host: DhcpHost, together: Collection[str] = ()
    ) -> None:
        """Serve a vif on this host; see :meth:`Hosts.serve_here`."""
        self._policy.check(context, "serve_vif")
        self.hosts.serve_here(self._call(context), network, host, together)

    def tell_vifs(
        self,
        context: Context,
        network: Network,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        """Serve vifs on this host with what they have now; see :meth:`Hosts.tell_here`."""
        self._policy.check(context, "tell_vifs")
        self.hosts.tell_here(self._call(context), network, changed, removed)

    def change_served(self, context: Context, before: Network, after: Network) -> None:
        """Serve a network of this host otherwise than before."""
        self._policy.check(context, "change_served")
        self.hosts.change_here(self._call(context), before, after)

    def remove_gateway(
        self, context: Context, network: Network, failed: Collection[str] = ()
    ) -> None:
        """Remove a gateway of this host on which no vif relies but those that failed."""
        self._policy.check(context, "remove_gateway")
        self.hosts.remove_gateway(self._call(context), network, failed)

    def stop_network(self, context: Context, network: Network) -> None:
        """Serve a network on this host no longer."""
        self._policy.check(context, "stop_network")
        self.hosts.stop_here(self._call(context), network)

    def restore_network(self, context: Context, network: str) -> None:
        """Serve a network of this host as the store knows it."""
        self._policy.check(context, "restore_network")
        call = self._call(context)
        self.hosts.restore(call, self.networks.get(call, network, None))

    # --- unfinished work ---

    def get_pending(self, context: Context) -> Sequence[Work]:
        """Return what nobody works on, by the time it is next tried."""
        self._policy.check(context, "get_pending")
        return self.pending.all(self._call(context))

    def retry_pending(self, context: Context, ids: Sequence[str] = ()) -> Sequence[Work]:
        """Try what is pending now; see :meth:`Pending.retry`."""
        self._policy.check(context, "retry_pending")
        return self.pending.retry(self._call(context), ids)

    def drop_pending(self, context: Context, work: str) -> None:
        """Forget a piece of pending work as it is; see :meth:`Pending.drop`."""
        self._policy.check(context, "drop_pending")
        self.pending.drop(self._call(context), work)

    # --- audit ---

    def audit(
        self,
        context: Context,
        *,
        repair: bool = False,
        release: Collection[str] = (),
        planned: Callable[[Difference], object] = lambda _: None,
        watch: Watch = lambda _: None,
    ) -> Iterator[Difference]:
        """Yield what differs between drivers and store; see :meth:`Auditing.run`."""
        self._policy.check(context, "audit")
        from qplug.manager.audit.auditing import Auditing  # late: other commands need none of it

        auditing = Auditing(self._chain, self.hosts, self._release, self.pending)
        call = self._call(context)
        return auditing.run(call, repair=repair, release=release, planned=planned, watch=watch)

    # --- rights ---

    def _call(self, context: Context) -> Call:
        call = self._chain.call(context.request_id, context.seconds)
        return replace(call, once=context.once, epoch=context.epoch)

    def _changing(self, context: Context) -> Call:
        """Return the start of an operation that changes something, after a look at others'."""
        call = self._call(context)
        self.pending.look(call)
        return call

    def _network(self, context: Context, call: Call, action: str, name: str) -> Network:
        found = self.networks.get(call, name, self._policy.sees(context))
        self._policy.check(context, action, found.project_id)
        return found

    def _instance(
        self, context: Context, call: Call, action: str, instance_id: str
    ) -> InstanceRecord:
        record = self.instances.get(call, check_uuid("instance", instance_id))
        if not self._sees(context, record.instance.project_id):
            raise InstanceNotFound(instance_id)
        self._policy.check(context, action, record.instance.project_id)
        return record

    def _sees(self, context: Context, owner: str) -> bool:
        return self._policy.sees(context) in (None, owner)
