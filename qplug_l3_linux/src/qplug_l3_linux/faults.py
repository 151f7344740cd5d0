"""What of the kernel's state is not as it is wanted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from netaddr import IPAddress

from qplug.model import DhcpHost, Fault, Network
from qplug_l3_linux.links import NETWORK, VIF, Link, Links
from qplug_l3_linux.nftables import Nftables
from qplug_l3_linux.rules import L3, PS, Element, in_json
from qplug_l3_linux.wanted import Wanted, WantedNetwork, wanted_port

OF_PORTS = ("ports", "mac", "pair4", "pair6", "nd6")
OF_BRIDGES = ("gw_if", "isolated_if", "same_if")


class Looking:
    """Looks at sets and devices, and changes nothing."""

    def __init__(
        self,
        rules: Nftables,
        links: Links,
        wanted: Callable[[Network], WantedNetwork],
        mtu: Callable[[Network], int],
    ) -> None:
        """Look with these.

        :param wanted: says what a network wants of its host
        :param mtu: says which MTU the devices of a network have, in bytes
        """
        self._mtu = mtu
        self._rules = rules
        self._links = links
        self._wanted = wanted

    # --- one network ---

    def faults(self, network: Network, hosts: Iterable[DhcpHost]) -> Sequence[Fault]:
        """Return what a network lacks, or has besides."""
        links = {link.name: link for link in self._links.all()}
        return [
            *self._of_bridge(network, links.get(network.bridge)),
            *self._of_rules(network),
            *self._of_ports(network, {host.device: host for host in hosts}, links),
        ]

    def _of_bridge(self, network: Network, link: Link | None) -> Iterator[Fault]:
        wanted = self._wanted(network)
        texts = ", ".join(wanted.addresses)
        fault = Fault(
            what="gateway",
            network_id=network.id,
            wanted=f"bridge {network.bridge} is up with {texts or 'no address'}",
            found="",
        )
        if link is None:
            yield replace(fault, found="there is no such device")
        elif not link.is_ours:
            yield replace(fault, found=f"there is another device ({link.kind}) of that name")
        elif not link.is_up:
            yield replace(fault, found="it is down")
        elif link.mtu != self._mtu(network):
            told = f"bridge {network.bridge} has an MTU of {self._mtu(network)}"
            yield replace(fault, wanted=told, found=f"it has {link.mtu}")
        else:
            there = self._links.addresses_of(link.index)
            if list(there) != list(wanted.interface_addresses):
                found = ", ".join(str(one.cidr) for one in there)
                yield replace(fault, found=f"it has {found or 'no address'}")

    def _of_rules(self, network: Network) -> Iterator[Fault]:
        there, known = self._elements(L3), self._wanted(network)
        gateway = replace(known, is_translated=False).elements
        nat = replace(known, is_translated=True).elements - gateway
        if lost := gateway - there:
            yield self._of_rule("gateway", network, lost, there)
        if lost := nat - there:
            yield self._of_rule("nat", network, lost, there)

    def _of_rule(
        self,
        what: Literal["gateway", "nat"],
        network: Network,
        lost: set[Element],
        there: set[Element],
    ) -> Fault:
        return Fault(
            what=what,
            network_id=network.id,
            wanted=f"the rules of table {L3} know the network",
            found=f"they lack {_listed(lost)}" if there else "there are no such rules",
        )

    def _of_ports(
        self, network: Network, hosts: Mapping[str, DhcpHost], links: Mapping[str, Link]
    ) -> Iterator[Fault]:
        there = _by_device(self._elements(PS))
        bridge = links.get(network.bridge)
        for device, host in hosts.items():
            wanted = set(wanted_port(network, host).elements)
            found = there.get(device, set())
            if wanted != found:
                yield _differing(network, host, wanted, found)
            link = links.get(device)
            if link and link.is_ours and bridge and link.master != bridge.index:
                yield Fault(
                    what="port",
                    network_id=network.id,
                    vif_id=host.vif_id,
                    wanted=f"device {device} is on bridge {bridge.name}",
                    found="it is not",
                )
        for link in links.values():
            if bridge and link.master == bridge.index and link.name not in hosts:
                yield Fault(
                    what="port",
                    network_id=network.id,
                    vif_id=link.subject[1] if link.subject else None,
                    wanted=f"bridge {bridge.name} has the devices of its vifs",
                    found=f"device {link.name} is there too",
                )

    # --- what is nobody's ---

    def strays(self, wanted: Wanted, network_ids: set[str]) -> Sequence[Fault]:
        """Return what belongs to none of the networks."""
        bridges = {one.bridge for one in wanted.networks() if one.id in network_ids}
        devices = {one.device for one in wanted.ports() if one.network_id in network_ids}
        return [
            *self._stray_links(network_ids, devices),
            *self._stray_elements(L3, OF_BRIDGES, bridges),
            *self._stray_elements(PS, OF_PORTS, devices),
        ]

    def _stray_links(self, network_ids: set[str], devices: set[str]) -> Iterator[Fault]:
        for link in self._links.all():
            kind, id_ = link.subject or (None, None)
            if not link.is_ours or id_ in network_ids or link.name in devices:
                continue
            yield Fault(
                what="port" if kind == VIF else "gateway",
                network_id=id_ if kind == NETWORK else None,
                vif_id=id_ if kind == VIF else None,
                wanted="nothing: no network of this host has it",
                found=f"device {link.name} of qplug's is there",
            )

    def _stray_elements(self, table: str, sets: Sequence[str], known: set[str]) -> Iterator[Fault]:
        found = {one for one in self._elements(table) if one.set_name in sets}
        for device in sorted(_by_device(found).keys() - known):
            yield Fault(
                what="gateway" if table == L3 else "port",
                wanted="nothing: no network of this host has it",
                found=f"the rules of table {table} know device {device}",
            )

    def _elements(self, table: str) -> set[Element]:
        return {
            in_json(table, name, value)
            for name, values in self._rules.sets(table).items()
            for value in values
        }


def _by_device(elements: Iterable[Element]) -> Mapping[str, set[Element]]:
    found: dict[str, set[Element]] = {}
    for one in elements:
        if one.set_name in (*OF_PORTS, *OF_BRIDGES):
            found.setdefault(one.key.partition(" ")[0].strip('"'), set()).add(one)
    return found


def _differing(
    network: Network, host: DhcpHost, wanted: set[Element], found: set[Element]
) -> Fault:
    missing, extra = wanted - found, found - wanted
    words = []
    if missing:
        words.append(f"the rules lack {_listed(missing)}" if found else "the rules do not know it")
    if extra:
        words.append(f"the rules have {_listed(extra)} too")
    return Fault(
        what="port",
        network_id=network.id,
        vif_id=host.vif_id,
        address=_address(extra),
        wanted=f"the rules of table {PS} let {host.device} send from its addresses alone",
        found="; ".join(words),
    )


def _address(extra: Iterable[Element]) -> IPAddress | None:
    """Return the address that a vif may send from unasked, if it is one."""
    for one in sorted(extra):
        if one.set_name in ("pair4", "pair6"):
            return IPAddress(one.key.rpartition(" ")[2])
    return None


def _listed(elements: Iterable[Element]) -> str:
    names = sorted(f"{one.set_name} {one.key}" for one in elements)
    return ", ".join([*names[:3], *(["…"] if len(names) > 3 else [])])
