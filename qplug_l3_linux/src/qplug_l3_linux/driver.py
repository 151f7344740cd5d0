"""The L3 driver ``linux``."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from netaddr import AddrFormatError, IPNetwork
from oslo_config import cfg

from qplug.contracts import ApiRange, HostFaults, HostPorts, L3Driver
from qplug.db import HostFile
from qplug.errors import CidrConflict, ConfigInvalid
from qplug.model import Call, Capability, DhcpHost, Fault, Network, Plug, device_of, overlap
from qplug_l3_linux import host as switches
from qplug_l3_linux.connections import end_connections
from qplug_l3_linux.errors import (
    KernelRefused,
    NameTaken,
    RoutedElsewhere,
    TooMuchAtOnce,
    UnguardedMetadata,
)
from qplug_l3_linux.faults import Looking
from qplug_l3_linux.links import NETWORK, VIF, Link, Links
from qplug_l3_linux.nftables import Nftables
from qplug_l3_linux.options import GROUP, OPTS
from qplug_l3_linux.rules import L3, OWNER, PS, Element, Options, changed, probe, replaced
from qplug_l3_linux.wanted import (
    SCHEMA,
    Wanted,
    WantedNetwork,
    WantedPort,
    wanted_network,
    wanted_port,
)

CLOSING = ("ports", "isolated_if")
"""The sets whose elements only ever forbid."""
PART = 500
"""Elements that always fit into a transaction."""


class LinuxL3(L3Driver, HostPorts, HostFaults):
    """Bridges and rules of this host; options in ``[l3_linux]``.

    What is wanted is written down first, then the rules are changed, then the devices: so nothing
    passes that is not guarded, and what a killed process left undone is known.
    """

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SERVES, Capability.SHARED})

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(OPTS, group=GROUP)
        self._options = _options(conf[GROUP])
        self._sets_forwarding = bool(conf[GROUP].set_forwarding)
        self._versions = (4, 6) if conf[GROUP].use_ipv6 else (4,)
        self._file = HostFile(os.path.join(conf.state_path, "l3_linux.sqlite"), SCHEMA)
        self._rules = Nftables()
        self._links = Links()
        self._mtu = int(conf.l3.mtu)
        self._ready = False

    def check(self, call: Call) -> str:
        """Look at tables and devices."""
        ours = [link for link in self._links.all() if link.is_ours]
        bridges = sum(link.kind == "bridge" for link in ours)
        found = {f"{family} {name}" for family, name in self._rules.tables()}
        there = "has the rules" if {L3, PS} <= found else "has no rules yet"
        words = [f"this host {there}, {bridges} network(s) and {len(ours) - bridges} vif(s)"]
        return "; ".join([*words, *switches.warnings()])

    def close(self) -> None:
        """Give back what libnftables holds."""
        self._rules.close()

    # --- L3Driver -------------------------------------------------------------------------------

    def initialize(self, call: Call) -> None:
        """Have our tables, with all that is wanted in them; what is there already stays."""
        with self._turn(call) as wanted:
            try:
                self._rules.run(probe(self._options))
            except KernelRefused:
                self._replace_rules(wanted)
        self._ready = True

    @property
    def initialized(self) -> bool:
        """Whether this process has looked."""
        return self._ready

    def enable_gateway(self, call: Call, network: Network) -> None:
        """Have the bridge with its addresses, and the network's rules."""
        with self._turn(call) as wanted:
            before, after = wanted.network(network.id), self._wanted(network)
            after = replace(after, is_translated=before is not None and before.is_translated)
            self._refuse_overlap(after, before, wanted)
            self._change_network(wanted, before, after)
            self._forward(after)
            bridge, is_other = self._links.have_bridge(
                after.bridge, after.id, self._mtu_of(network)
            )
            switches.settle_bridge(after.bridge)
            self._links.set_addresses(bridge, after.interface_addresses)
            if is_other:
                self._gather(bridge, wanted.ports(network.id))

    def disable_gateway(self, call: Call, network: Network) -> None:
        """Remove the bridge, then its rules."""
        with self._turn(call) as wanted:
            self._links.remove(network.bridge, NETWORK, network.id)
            before = wanted.network(network.id)
            self._change_network(wanted, before, before and replace(before, is_enabled=False))

    def enable_nat(self, call: Call, network: Network) -> None:
        """Translate the cidrs of IPv4 subnets with a gateway."""
        with self._turn(call) as wanted:
            before, after = wanted.network(network.id), self._wanted(network)
            after = replace(
                before or replace(after, is_enabled=False), routed=after.routed, is_translated=True
            )
            self._refuse_overlap(after, before, wanted)
            self._change_network(wanted, before, after)

    def disable_nat(self, call: Call, network: Network) -> None:
        """Translate none of them."""
        with self._turn(call) as wanted:
            before = wanted.network(network.id)
            self._change_network(wanted, before, before and replace(before, is_translated=False))

    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        """Remove devices and elements of other networks, and what is in our sets unasked."""
        kept = set(network_ids)
        with self._turn(call) as wanted:
            self._forget_all_but(wanted, kept)
            devices = {port.device for port in wanted.ports()}
            for link in self._links.all():
                if link.is_ours and not _is_wanted(link.subject, link.name, kept, devices):
                    self._links.remove_link(link)
            self._replace_rules(wanted)

    def _forget_all_but(self, wanted: Wanted, kept: set[str]) -> None:
        for known in wanted.networks():
            if known.id not in kept:
                wanted.put_network(replace(known, is_enabled=False, is_translated=False))
        gone = [port.device for port in wanted.ports() if port.network_id not in kept]
        wanted.forget_ports(gone)

    # --- HostPorts ------------------------------------------------------------------------------

    def known_ports(self, call: Call, network: Network) -> Collection[str]:
        """Look what was written down."""
        with self._turn(call) as wanted:
            return {port.vif_id for port in wanted.ports(network.id)}

    def sync_ports(
        self,
        call: Call,
        network: Network,
        hosts: Iterable[DhcpHost],
        *,
        gone: Collection[str] = (),
    ) -> None:
        """Put vifs in force that may have been there before, and others out of it."""
        after = {host.device: wanted_port(network, host) for host in hosts}
        with self._turn(call) as wanted:
            before = {
                port.device: port
                for port in wanted.ports(network.id)
                if port.device in after or port.vif_id in gone
            }
            self._refuse_strangers(wanted, after.values())
            self._change_ports(wanted, before, after)
            bridge = self._links.named(network.bridge)
            if bridge is not None and bridge.is_ours:
                self._gather(bridge, after.values())

    def apply_ports(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        """Put some vifs in force, or out of it."""
        after = {host.device: wanted_port(network, host) for host in changed}
        with self._turn(call) as wanted:
            self._refuse_strangers(wanted, after.values())
            gone = [host.device for host in removed if host.device not in after]
            known = [wanted.port(device) for device in (*after, *gone)]
            ids = {host.vif_id for host in (*changed, *removed)}
            before = {port.device: port for port in known if port and port.vif_id in ids}
            self._change_ports(wanted, before, after)

    def _change_ports(
        self, wanted: Wanted, before: dict[str, WantedPort], after: dict[str, WantedPort]
    ) -> None:
        gone = [port for device, port in before.items() if device not in after]
        for port in gone:
            self._links.remove(port.device, VIF, port.vif_id)

        def write() -> None:
            wanted.forget_ports(port.device for port in gone)
            wanted.put_ports(port for port in after.values() if port != before.get(port.device))

        elements = _all(after.values())
        self._change(
            wanted, elements if before == after else _all(before.values()), elements, write
        )
        had = {address for port in before.values() for address in port.addresses}
        have = {address for port in after.values() for address in port.addresses}
        end_connections(had - have)

    def _gather(self, bridge: Link, ports: Iterable[WantedPort]) -> None:
        """Have devices of vifs on their bridge, as it is, be they made before it."""
        devices = {port.device for port in ports}
        for link in self._links.all():
            fits = (link.master, link.mtu) == (bridge.index, bridge.mtu)
            if link.is_ours and link.name in devices and not fits:
                self._links.attach(link, bridge)

    def plug(self, call: Call, network: Network, host: DhcpHost, plug: Plug) -> str:
        """Have the vif's device on the network's bridge; its rules come first."""
        self.apply_ports(call, network, changed=[host])
        if self._links.named(network.bridge) is None:
            self.enable_gateway(call, network)
        with self._turn(call):
            bridge, _ = self._links.have_bridge(network.bridge, network.id, self._mtu_of(network))
            self._links.have_port(host.device, host.vif_id, str(host.mac), bridge, plug)
        return host.device

    def unplug(self, call: Call, network: Network, vif_id: str) -> None:
        """Remove the device; the rules stay, for the next one."""
        with self._turn(call):
            self._links.remove(device_of(vif_id), VIF, vif_id)

    def _refuse_strangers(self, wanted: Wanted, ports: Iterable[WantedPort]) -> None:
        for port in ports:
            known = wanted.owner(port.device)
            if known not in (None, port.vif_id):
                whose = f"the device of vif {known}"
                raise NameTaken(port.device, whose, f"the device of vif {port.vif_id}")

    # --- HostFaults -----------------------------------------------------------------------------

    def faults(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> Sequence[Fault]:
        """Compare sets and devices with what is wanted."""
        return self._looking().faults(network, hosts)

    def strays(self, call: Call, network_ids: Collection[str]) -> Sequence[Fault]:
        """Look for devices and elements of other networks."""
        with self._turn(call) as wanted:
            return self._looking().strays(wanted, set(network_ids))

    def _looking(self) -> Looking:
        return Looking(self._rules, self._links, self._wanted, self._mtu_of)

    def _mtu_of(self, network: Network) -> int:
        return network.mtu or self._mtu

    def _wanted(self, network: Network) -> WantedNetwork:
        subnets = tuple(one for one in network.subnets if one.version in self._versions)
        return wanted_network(replace(network, subnets=subnets))

    # --- rules ----------------------------------------------------------------------------------

    @contextmanager
    def _turn(self, call: Call) -> Iterator[Wanted]:
        with self._file.turn(call) as rows:
            yield Wanted(rows)

    def _change_network(
        self, wanted: Wanted, before: WantedNetwork | None, after: WantedNetwork | None
    ) -> None:
        self._change(
            wanted,
            before.elements if before else set(),
            after.elements if after else set(),
            lambda: None if after is None else wanted.put_network(after),
        )

    def _change(
        self,
        wanted: Wanted,
        before: set[Element],
        after: set[Element],
        write: Callable[[], object],
    ) -> None:
        """Write down what is wanted and have the kernel do it, in one transaction, or neither.

        :param before: what there is now of whatever changes
        """
        doubts = wanted.suspects()
        unwanted = (before | doubts) - after
        if doubts:
            kept = wanted.elements_among(doubts) - (before - after)
            unwanted, after = unwanted - kept, after | kept
        wanted.suspect((before ^ after) - doubts)
        write()
        if unwanted or after:
            try:
                self._rules.run(changed(after, unwanted))
            except TooMuchAtOnce:
                self._run_in_parts(after, unwanted)
            except KernelRefused:
                self._replace_rules(wanted)  # somebody removed a table, or something in it
        wanted.trust()

    def _replace_rules(self, wanted: Wanted) -> None:
        """Make the tables anew, full: connections do not notice."""
        there = {f"{family} {name}" for family, name in self._rules.tables()}
        for table in (L3, PS):
            if table in there and self._rules.comment(table) != OWNER:
                raise NameTaken(table, "a table without our comment", "a table of qplug's")
        elements = wanted.elements()
        try:
            self._rules.run(replaced(self._options, elements))
        except TooMuchAtOnce:
            closed = {one for one in elements if one.set_name in CLOSING}
            self._rules.run(replaced(self._options, closed))
            self._run_in_parts(elements - closed, set())
        wanted.trust()

    def _run_in_parts(self, wanted: set[Element], unwanted: set[Element]) -> None:
        """Do without root what is too much for one transaction; what closes a device comes first.

        Until all of it is done instances may be unheard, and none is heard that should not be.
        """
        order = sorted(wanted, key=lambda one: one.set_name not in CLOSING)
        for part in _parts(list(unwanted)):
            self._rules.run(changed(set(), part))
        for part in _parts(order):
            self._rules.run(changed(part, set()))

    def _forward(self, network: WantedNetwork) -> None:
        if self._sets_forwarding:
            for version in sorted({IPNetwork(cidr).version for cidr in network.routed}):
                switches.forward(version)

    def _refuse_overlap(
        self, network: WantedNetwork, before: WantedNetwork | None, wanted: Wanted
    ) -> None:
        """Refuse what could not be routed beside what is.

        :raises CidrConflict: another network of this host has a gateway there
        :raises RoutedElsewhere: a device that is not ours is there
        """
        known = set(before.routed) if before else set()
        if set(network.routed) <= known:
            return  # a host has as many devices as vifs: they are not looked at for nothing
        for other in wanted.networks():
            if other.id != network.id:
                for one in network.routed:
                    for two in other.routed:
                        if overlap(IPNetwork(one), IPNetwork(two)):
                            raise CidrConflict(one, two, other.label)
        names = {link.index: link for link in self._links.all()}
        for index, address in self._links.addresses():
            link = names.get(index)
            if link is None or link.is_ours or address.cidr.ip.is_loopback():
                continue
            for cidr in network.routed:
                if overlap(IPNetwork(cidr), address.cidr.cidr):
                    raise RoutedElsewhere(cidr, str(address.cidr), link.name)


def _parts(elements: Sequence[Element]) -> Iterator[Sequence[Element]]:
    for begin in range(0, len(elements), PART):
        yield elements[begin : begin + PART]


def _all(ports: Iterable[WantedPort]) -> set[Element]:
    return {element for port in ports for element in port.elements}


def _is_wanted(
    subject: tuple[str, str] | None, name: str, networks: set[str], devices: set[str]
) -> bool:
    match subject:
        case (kind, id_):
            return id_ in networks if kind == NETWORK else name in devices
    return False


def _options(group: cfg.ConfigOpts.GroupAttr) -> Options:
    """Return what the rules depend on.

    :raises ConfigInvalid: a cidr cannot be understood
    :raises UnguardedMetadata: instances could ask for each other's metadata
    """
    if group.metadata_host is not None and not group.port_security:
        raise UnguardedMetadata
    try:
        dmz = tuple(IPNetwork(text, version=4).cidr for text in group.dmz_cidr)
    except (AddrFormatError, ValueError) as error:
        raise ConfigInvalid(f"[{GROUP}] dmz_cidr", str(error)) from error
    return Options(
        routing_source_ip=group.routing_source_ip,
        metadata_host=group.metadata_host,
        metadata_port=group.metadata_port,
        dmz=dmz,
        port_security=group.port_security,
    )
