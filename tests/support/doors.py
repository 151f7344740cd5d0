"""Every operation of the manager's door, as somebody may call it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from netaddr import IPAddress

from qplug.errors import NothingPending, NotSupported, VifNotFound
from qplug.manager import Context, Manager
from qplug.model import DhcpHost, Instance, Network, Plug, mac_address
from qplug.testing.values import network_spec

HOST = DhcpHost(
    vif_id=str(uuid4()), mac=mac_address("fa:16:3e:00:00:09"), addresses=(IPAddress("10.0.0.9"),)
)

Operation = Callable[[Manager, Context, Network, Instance], object]


def _first_address(manager: Manager, context: Context, instance: Instance) -> Any:
    return next(iter(manager.get_all_fixed_ips(context, instance_id=instance.id)))


def _drop_nothing(manager: Manager, context: Context) -> None:
    """Drop what is not pending, which who may do so is told."""
    with suppress(NothingPending):
        manager.drop_pending(context, "req-nothing")


def _unknown(operation: Callable[..., object], *arguments: object) -> None:
    """Do what refuses a vif that there is not."""
    with suppress(VifNotFound):
        operation(*arguments)


def _unsupported(operation: Callable[..., object], *arguments: object) -> None:
    """Ask for what the drivers of the chain cannot do, which who may do it is told."""
    with suppress(NotSupported):
        operation(*arguments)


ADMIN = Context(is_admin=True)

OPERATIONS: dict[str, Operation] = {
    "create_networks": lambda m, c, n, i: m.create_network(
        c, network_spec("10.9.0.0/24", label="further", project_id=c.project_id)
    ),
    "get_all_networks": lambda m, c, n, i: m.get_all_networks(c),
    "get_network": lambda m, c, n, i: m.get_network(c, n.id),
    "update_network": lambda m, c, n, i: m.update_network(c, n.id, priority=3),
    "delete_network": lambda m, c, n, i: m.delete_network(c, n.id),
    "disassociate_network": lambda m, c, n, i: m.disassociate_network(c, n.id),
    "set_network_host": lambda m, c, n, i: m.set_network_host(c, n.id),
    "move_network": lambda m, c, n, i: m.move_network(c, n.id, "host-2"),
    "get_services": lambda m, c, n, i: m.get_services(c),
    "validate_networks": lambda m, c, n, i: m.validate_networks(c, [n.id]),
    "get_network_usage": lambda m, c, n, i: m.get_network_usage(c, n.id),
    "allocate_for_instance": lambda m, c, n, i: m.allocate_for_instance(c, i),
    "deallocate_for_instance": lambda m, c, n, i: m.deallocate_for_instance(c, i.id),
    "get_instance_nw_info": lambda m, c, n, i: m.get_instance_nw_info(c, i.id),
    "get_all_instances": lambda m, c, n, i: list(m.get_all_instances(c)),
    "get_instance_uuids_by_ip_filter": lambda m, c, n, i: list(
        m.get_instance_uuids_by_ip_filter(c, ip="10")
    ),
    "get_vifs_by_instance": lambda m, c, n, i: m.get_vifs_by_instance(c, i.id),
    "get_vif_by_mac_address": lambda m, c, n, i: m.get_vif_by_mac_address(
        c, _first_address(m, ADMIN, i).mac
    ),
    "get_fixed_ip": lambda m, c, n, i: m.get_fixed_ip(c, _first_address(m, ADMIN, i).id),
    "get_fixed_ip_by_address": lambda m, c, n, i: m.get_fixed_ip_by_address(
        c, _first_address(m, ADMIN, i).address
    ),
    "get_all_fixed_ips": lambda m, c, n, i: list(m.get_all_fixed_ips(c)),
    "add_fixed_ip_to_instance": lambda m, c, n, i: m.add_fixed_ip_to_instance(c, i.id, n.id),
    "remove_fixed_ip_from_instance": lambda m, c, n, i: m.remove_fixed_ip_from_instance(
        c, i.id, IPAddress("10.0.0.2")
    ),
    "audit": lambda m, c, n, i: list(m.audit(c)),
    "get_pending": lambda m, c, n, i: m.get_pending(c),
    "retry_pending": lambda m, c, n, i: m.retry_pending(c),
    "drop_pending": lambda m, c, n, i: _drop_nothing(m, c),
    "init_host": lambda m, c, n, i: m.init_host(c),
    "sweep_host": lambda m, c, n, i: m.sweep_host(c),
    "plug_vif": lambda m, c, n, i: _unsupported(m.plug_vif, c, str(uuid4()), Plug()),
    "unplug_vif": lambda m, c, n, i: _unsupported(m.unplug_vif, c, str(uuid4())),
    "get_dhcp_hosts": lambda m, c, n, i: m.get_dhcp_hosts(c, n.id),
    "get_dhcp_domain": lambda m, c, n, i: m.get_dhcp_domain(c, n.id),
    "get_dhcp_leases": lambda m, c, n, i: _unsupported(m.get_dhcp_leases, c, n.id),
    "serve_vif": lambda m, c, n, i: _unknown(m.serve_vif, c, n, HOST),
    "tell_vifs": lambda m, c, n, i: m.tell_vifs(c, n, [HOST], [HOST]),
    "change_served": lambda m, c, n, i: m.change_served(c, n, n),
    "remove_gateway": lambda m, c, n, i: m.remove_gateway(c, n),
    "stop_network": lambda m, c, n, i: m.stop_network(c, n),
    "restore_network": lambda m, c, n, i: m.restore_network(c, n.id),
}
"""Every action, done by somebody to a network and an instance on it."""

ADMINS = {
    "move_network",
    "get_services",
    "serve_vif",
    "tell_vifs",
    "change_served",
    "remove_gateway",
    "stop_network",
    "restore_network",
    "get_pending",
    "retry_pending",
    "drop_pending",
    "disassociate_network",
    "set_network_host",
    "audit",
    "init_host",
    "sweep_host",
    "plug_vif",
    "unplug_vif",
    "get_dhcp_domain",
    "get_dhcp_hosts",
    "get_dhcp_leases",
}
SILENT = {
    "create_networks",
    "get_all_networks",
    "get_all_instances",
    "get_all_fixed_ips",
    "get_instance_uuids_by_ip_filter",
    "deallocate_for_instance",  # as if it had been deallocated before
}
"""What succeeds for strangers, and shows and changes nothing of others."""


NAMED = {
    "audit",
    "get_pending",
    "retry_pending",
    "drop_pending",
    "init_host",
    "sweep_host",
    "plug_vif",
    "unplug_vif",
    "get_dhcp_domain",
    "get_dhcp_hosts",
    "get_dhcp_leases",
    "allocate_for_instance",
    "get_services",
    "serve_vif",
    "tell_vifs",
    "change_served",
    "remove_gateway",
    "stop_network",
    "restore_network",
}
"""What a stranger is refused by name: the caller says itself whose it is."""


def network_and_instance(manager: Manager, instance: Instance, besides: str) -> Network:
    """Make both through what is behind the door, so that a forbidden action can be prepared."""
    call = manager.chain.call("req-prepare")
    network = manager.creating.create(call, network_spec("10.0.0.0/24"))
    if besides != "delete_network":
        manager.instances.allocate(call, instance)
    return network
