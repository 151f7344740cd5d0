"""Subnets that Neutron shows, and does nothing with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netaddr import IPNetwork

from qplug.model import Call, Subnet
from qplug_quantum_neutron.session import Neutron, Thing

Wanted = Mapping[str, Any]


class Mirrored:
    """The subnets of one network in Neutron: ours are marked with the id of the subnet here.

    :param site: the word that begins the marks
    """

    def __init__(self, neutron: Neutron, call: Call, network: Thing, site: str) -> None:
        self._neutron = neutron
        self._call = call
        self._network = network
        self._site = site

    def become(self, subnets: Sequence[Subnet]) -> None:
        """Have ours be these.

        A subnet of others with the same addresses is shown already, and no second one is possible.
        """
        wanted = {f"{self._site} {subnet.id}": subnet for subnet in subnets}
        there = list(self._there())
        ours = {mark: each for each in there if (mark := self._mark(each)) is not None}
        taken = {IPNetwork(str(each["cidr"])) for each in there if self._mark(each) is None}
        for mark, each in ours.items():
            if mark not in wanted:
                self._neutron.delete(self._call, "subnets", str(each["id"]))
        for mark, subnet in wanted.items():
            if mark in ours:
                self._set(ours[mark], _changeable(subnet))
            elif subnet.cidr not in taken:
                self._neutron.post(self._call, "subnets", self._new(mark, subnet))

    def _there(self) -> Iterator[Thing]:
        if not self._network.get("subnets"):
            return iter(())
        return self._neutron.find(self._call, "subnets", {"network_id": str(self._network["id"])})

    def _set(self, there: Thing, wanted: Wanted) -> None:
        changed = {name: value for name, value in wanted.items() if there.get(name) != value}
        if changed:
            self._neutron.put(self._call, "subnets", str(there["id"]), changed)

    def _new(self, mark: str, subnet: Subnet) -> Wanted:
        return {
            "network_id": self._network["id"],
            "tenant_id": self._network.get("tenant_id") or self._network.get("project_id"),
            "description": mark,
            "ip_version": subnet.version,
            "cidr": str(subnet.cidr),
            "enable_dhcp": False,
            **_changeable(subnet),
        }

    def _mark(self, subnet: Thing) -> str | None:
        """Return the mark of a subnet that was made here."""
        said = str(subnet.get("description") or "")
        return said if said.startswith(f"{self._site} ") else None


def _changeable(subnet: Subnet) -> Wanted:
    """Return what may change while a subnet is in use."""
    return {
        "gateway_ip": None if subnet.gateway is None else str(subnet.gateway),
        "dns_nameservers": [str(server) for server in subnet.dns],
        "host_routes": [
            {"destination": str(route.cidr), "nexthop": str(route.gateway)}
            for route in subnet.routes
        ],
    }
