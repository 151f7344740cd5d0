"""Drivers of the kinds whose built-in ones keep nothing: what they keep is in files, for all.

Several processes may use the same state, and one may be killed at any moment.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from netaddr import EUI, IPAddress, IPNetwork
from oslo_config.cfg import ConfigOpts

from qplug.contracts import ApiRange, DhcpDriver, L3Driver, MacDriver
from qplug.errors import CidrConflict, NoMoreMacs
from qplug.model import Call, Capability, DhcpHost, Network, mac_address, overlap
from qplug.testing.shared_file import SharedFile, State

FIRST = 0xFA163E000001


class FileMac(MacDriver):
    """Gives ``fa:16:3e:00:00:01`` and so on, none of them twice."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED})

    def __init__(self, conf: ConfigOpts, size: int = 1 << 23) -> None:
        self._file = SharedFile(conf, "mac", {"given": {}, "count": 0})
        self._size = size

    @property
    def given(self) -> Mapping[str, EUI]:
        """The address of each vif that has one."""
        return {vif: mac_address(mac) for vif, mac in self._file.read()["given"].items()}

    def check(self, call: Call) -> str:
        return f"{self._file.change(call, lambda state: len(state['given']))} address(es) given"

    def allocate(self, call: Call, *, vif_id: str, instance_id: str, project_id: str) -> EUI:
        def work(state: State) -> str:
            if vif_id not in state["given"]:
                if state["count"] == self._size:
                    raise NoMoreMacs("file")
                mac = mac_address(EUI(FIRST + state["count"], version=48))
                state["given"][vif_id] = str(mac)
                state["count"] += 1
            return str(state["given"][vif_id])

        return mac_address(self._file.change(call, work))

    def deallocate(self, call: Call, *, vif_id: str, project_id: str) -> None:
        self._file.change(call, lambda state: state["given"].pop(vif_id, None))


class FileL3(L3Driver):
    """Notes which networks have a gateway, and which are translated."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SERVES, Capability.SHARED})
    initialized = False

    def __init__(self, conf: ConfigOpts) -> None:
        self._file = SharedFile(conf, "l3", {"gateways": {}, "translated": []})

    @property
    def gateways(self) -> Collection[str]:
        """The ids of the networks that have their device."""
        return frozenset(self._file.read()["gateways"])

    @property
    def translated(self) -> Collection[str]:
        """The ids of the networks whose addresses are translated."""
        return frozenset(self._file.read()["translated"])

    def check(self, call: Call) -> str:
        return f"{self._file.change(call, lambda state: len(state['gateways']))} gateway(s)"

    def initialize(self, call: Call) -> None:
        self._file.change(call, lambda state: None)
        self.initialized = True

    def enable_gateway(self, call: Call, network: Network) -> None:
        routed = [str(subnet.cidr) for subnet in network.subnets if network.has_gateway]

        def work(state: State) -> None:
            for other, cidrs in state["gateways"].items():
                if other != network.id:
                    _refuse_overlap(routed, cidrs, other)
            state["gateways"][network.id] = routed

        self._file.change(call, work)

    def disable_gateway(self, call: Call, network: Network) -> None:
        self._file.change(call, lambda state: state["gateways"].pop(network.id, None))

    def enable_nat(self, call: Call, network: Network) -> None:
        if any(subnet.version == 4 and subnet.gateway for subnet in network.subnets):
            self._translate(call, lambda ids: ids | {network.id})

    def disable_nat(self, call: Call, network: Network) -> None:
        self._translate(call, lambda ids: ids - {network.id})

    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        def work(state: State) -> None:
            for stranger in state["gateways"].keys() - set(network_ids):
                del state["gateways"][stranger]

        self._file.change(call, work)
        self._translate(call, lambda ids: ids & set(network_ids))

    def _translate(self, call: Call, change: Callable[[set[str]], set[str]]) -> None:
        def work(state: State) -> None:
            state["translated"] = sorted(change(set(state["translated"])))

        self._file.change(call, work)


class FileDhcp(DhcpDriver):
    """Notes which hosts it would answer, and what."""

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SERVES, Capability.SHARED})

    def __init__(self, conf: ConfigOpts) -> None:
        self._file = SharedFile(conf, "dhcp", {})

    @property
    def served(self) -> Mapping[str, Mapping[str, DhcpHost]]:
        """The hosts of each served network by their vif's id."""
        return {
            network: {vif: _host(vif, *told) for vif, told in hosts.items()}
            for network, hosts in self._file.read().items()
        }

    def check(self, call: Call) -> str:
        return f"{self._file.change(call, len)} network(s) served"

    def sync(self, call: Call, network: Network, hosts: Iterable[DhcpHost]) -> None:
        told = _told(hosts)
        self._file.change(call, lambda state: state.update({network.id: told}))

    def apply(
        self,
        call: Call,
        network: Network,
        *,
        changed: Sequence[DhcpHost] = (),
        removed: Sequence[DhcpHost] = (),
    ) -> None:
        def work(state: State) -> None:
            if removed and not changed and network.id not in state:
                return
            hosts = state.setdefault(network.id, {})
            for host in removed:
                hosts.pop(host.vif_id, None)
            hosts.update(_told(changed))

        self._file.change(call, work)

    def stop(self, call: Call, network: Network) -> None:
        self._file.change(call, lambda state: state.pop(network.id, None))

    def prune(self, call: Call, network_ids: Collection[str]) -> None:
        def work(state: State) -> None:
            for stranger in state.keys() - set(network_ids):
                del state[stranger]

        self._file.change(call, work)


def _told(hosts: Iterable[DhcpHost]) -> Mapping[str, Sequence[Any]]:
    return {
        host.vif_id: [str(host.mac), [str(address) for address in host.addresses]] for host in hosts
    }


def _host(vif_id: str, mac: str, addresses: Sequence[str]) -> DhcpHost:
    return DhcpHost(vif_id=vif_id, mac=mac_address(mac), addresses=tuple(map(IPAddress, addresses)))


def _refuse_overlap(routed: Sequence[str], others: Sequence[str], other: str) -> None:
    for one in routed:
        for two in others:
            if overlap(IPNetwork(one), IPNetwork(two)):
                raise CidrConflict(one, two, other)
