"""Network info of an instance, built from what the store holds."""

from collections.abc import Mapping, Sequence

from netaddr import IPAddress

from qplug import network_info as nwinfo
from qplug.contracts import FloatingIps
from qplug.manager.chain import Chain, step
from qplug.model import Allocation, Call, Instance, Subnet
from qplug.network_info import NetworkInfo
from qplug.store import VifRecord

Floating = Mapping[IPAddress, Sequence[IPAddress]]


class Info:
    """Builds the reply given to compute."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def build(self, call: Call, instance: Instance, records: Sequence[VifRecord]) -> NetworkInfo:
        """Return the network info of an instance's vifs, in their order.

        :raises DriversChanged: other drivers than the configured ones know of them
        """
        for record in records:
            self._chain.refuse_other_drivers(record.network)
        return NetworkInfo(self._vif(call, instance, record) for record in records)

    def _vif(self, call: Call, instance: Instance, record: VifRecord) -> nwinfo.VIF:
        cap = rxtx_cap(record.network.rxtx_base, instance.rxtx_factor)
        return nwinfo.VIF(
            id=record.vif.id,
            address=record.vif.mac,
            network=self._network(record, self._floating(call, record)),
            meta={"rxtx_cap": cap} if cap else {},
        )

    def _network(self, record: VifRecord, floating: Floating) -> nwinfo.Network:
        network = record.network
        injected = {"injected": True} if self._chain.conf.flat_injected else {}
        return nwinfo.Network(
            id=network.id,
            bridge="",
            label=network.label,
            subnets=tuple(
                self._subnet(subnet, record.allocations, floating) for subnet in network.subnets
            ),
            meta={"tenant_id": network.quantum_project} | injected,
        )

    def _subnet(
        self, subnet: Subnet, allocations: Sequence[Allocation], floating: Floating
    ) -> nwinfo.Subnet:
        served = self._chain.serves_dhcp and subnet.dhcp_server is not None
        return nwinfo.Subnet(
            cidr=subnet.cidr,
            gateway=None if subnet.gateway is None else _ip(subnet.gateway, "gateway"),
            dns=tuple(_ip(address, "dns") for address in subnet.dns),
            ips=tuple(
                nwinfo.FixedIP(
                    address=a.address,
                    floating_ips=tuple(_ip(f, "floating") for f in floating.get(a.address, ())),
                )
                for a in allocations
                if a.subnet_id == subnet.id
            ),
            routes=tuple(
                nwinfo.Route(cidr=r.cidr, gateway=_ip(r.gateway, "gateway")) for r in subnet.routes
            ),
            meta={"dhcp_server": str(subnet.dhcp_server)} if served else {},
        )

    def _floating(self, call: Call, record: VifRecord) -> Floating:
        ipam = self._chain.ipam
        if not isinstance(ipam, FloatingIps):
            return {}
        fixed = [a.address for a in record.allocations if a.address.version == 4]
        with step(call, "ipam", "looking for floating addresses"):
            found = ipam.floating_ips(call, record.network.id, fixed) if fixed else {}
            return {address: tuple(map(IPAddress, found[address])) for address in found}


def rxtx_cap(rxtx_base: int | None, rxtx_factor: float) -> int | None:
    """Return the bandwidth cap in Mb/s; ``None`` without both parts."""
    return int(rxtx_base * rxtx_factor) if rxtx_base and rxtx_factor else None


def _ip(address: IPAddress, use: str) -> nwinfo.IP:
    return nwinfo.IP(address=address, type=use)
