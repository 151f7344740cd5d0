"""Makers of the values that drivers are called with; ids and MAC addresses never repeat."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from time import monotonic
from typing import Any
from uuid import uuid4

from netaddr import EUI, IPAddress, IPNetwork, IPRange

from qplug.manager import NetworkSpec
from qplug.model import (
    Call,
    DhcpHost,
    DriverNames,
    Lease,
    Network,
    Route,
    Subnet,
    Vif,
    default_dhcp_server,
    default_gateway,
    mac_address,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""When the calls of a test happen, unless it says otherwise."""

PROJECT = "project-a"
OTHER_PROJECT = "project-b"
DEFAULT_PROJECT = "default"
"""Under which Quantum keeps global networks."""

_macs = count(0xFA163E000001)


def after(seconds: float) -> datetime:
    """Return the time that long after :data:`NOW`."""
    return NOW + timedelta(seconds=seconds)


def call(seconds: float = 60, now: datetime = NOW) -> Call:
    """Return a call that has so many seconds from now on, and takes place at ``now``."""
    return Call(request_id=f"req-{uuid4()}", now=now, deadline=monotonic() + seconds)


def subnet(
    cidr: str,
    *,
    routed: bool = True,
    gateway: str | None = None,
    dhcp_server: str | None = None,
    pools: Iterable[str] = (),
    reserved: Iterable[str] = (),
    dns: Iterable[str] = (),
    routes: Iterable[Route] = (),
) -> Subnet:
    """Return a subnet with the gateway and DHCP server that the core would give it.

    :param routed: whether it has a gateway
    :param pools: each a range like ``10.0.0.2-10.0.0.5``, or one address
    :param reserved: as the pools
    """
    net = IPNetwork(cidr)
    router = _address(gateway) or (default_gateway(net) if routed else None)
    return Subnet(
        id=str(uuid4()),
        cidr=net,
        gateway=router,
        dhcp_server=_address(dhcp_server) or default_dhcp_server(net, router),
        pools=tuple(map(_range, pools)),
        reserved=tuple(map(_range, reserved)),
        dns=tuple(map(IPAddress, dns)),
        routes=tuple(routes),
    )


def network(
    *subnets: Subnet | str,
    label: str = "blue",
    project_id: str | None = PROJECT,
    host: str | None = "host-1",
    id: str | None = None,  # noqa: A002  # the attribute's name
) -> Network:
    """Return a network; a subnet may be only a cidr. They are put in the core's order."""
    made = [subnet(each) if isinstance(each, str) else each for each in subnets]
    return Network(
        id=id or str(uuid4()),
        label=label,
        project_id=project_id,
        quantum_project=project_id or DEFAULT_PROJECT,
        host=host,
        drivers=DriverNames(ipam="memory", quantum="memory", mac="random", l3="null", dhcp="null"),
        subnets=tuple(sorted(made, key=lambda each: (each.version, each.cidr))),
    )


def network_spec(
    *cidrs: str,
    label: str = "blue",
    project_id: str | None = PROJECT,
    gateways: Iterable[str] = (),
    dns: Iterable[str] = (),
    pools: Iterable[str] = (),
    reserved: Iterable[str] = (),
    **more: Any,
) -> NetworkSpec:
    """Return what a network is asked for with; texts are as for :func:`subnet`."""
    return NetworkSpec(
        label=label,
        project_id=project_id,
        cidrs=tuple(map(IPNetwork, cidrs)),
        gateways=tuple(map(IPAddress, gateways)),
        dns=tuple(map(IPAddress, dns)),
        pools=tuple(map(_range, pools)),
        reserved=tuple(map(_range, reserved)),
        **more,
    )


def vif(
    network: Network,
    *,
    instance_id: str | None = None,
    project_id: str | None = None,
    mac: EUI | None = None,
) -> Vif:
    """Return a vif on the network: of an instance of its own, unless told."""
    return Vif(
        id=str(uuid4()),
        network_id=network.id,
        instance_id=instance_id or str(uuid4()),
        project_id=project_id or network.project_id or PROJECT,
        mac=mac or mac_address(EUI(next(_macs), version=48)),
    )


def dhcp_host(vif: Vif, *addresses: str, hostname: str | None = None) -> DhcpHost:
    """Return what DHCP is told of a vif."""
    found = tuple(map(IPAddress, addresses))
    return DhcpHost(vif_id=vif.id, mac=vif.mac, addresses=found, hostname=hostname)


def lease(network: Network, vif: Vif, address: str) -> Lease:
    """Return the lease that a vif had."""
    return Lease(network_id=network.id, address=IPAddress(address), mac=vif.mac)


def _address(text: str | None) -> IPAddress | None:
    return None if text is None else IPAddress(text)


def _range(text: str) -> IPRange:
    first, _, last = text.partition("-")
    return IPRange(first, last or first)
