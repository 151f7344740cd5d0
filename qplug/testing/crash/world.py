"""All there is: in the tables, in the drivers, and in what people are shown."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from netaddr import EUI, IPAddress

from qplug.api import NetworkApi
from qplug.contracts import AddressUsage
from qplug.model import Allocation, Capability, Network, Port
from qplug.store.rows import networks_of, select_networks
from qplug.store.tables import allocations, instances, networks, subnets, tombstones, vifs
from qplug.testing.crash.stage import Opened, Stage
from qplug.testing.looking import Looks
from qplug.testing.values import DEFAULT_PROJECT, PROJECT, call

BYSTANDER = "bystander"
"""The project of instances that come and go as they like."""

TABLES = (networks, subnets, instances, vifs, allocations, tombstones)

Row = sa.Row[Any]


@dataclass(frozen=True, kw_only=True)
class Service:
    """What serves one network on its host."""

    ports: Sequence[Port]
    has_gateway: bool
    has_nat: bool
    answers: Mapping[EUI, frozenset[IPAddress]] | None
    """What DHCP tells whom; ``None`` if it does not serve the network."""

    @property
    def is_there(self) -> bool:
        """Whether there is anything at all."""
        return bool(self.ports or self.has_gateway or self.has_nat or self.answers is not None)


@dataclass(frozen=True, kw_only=True)
class World:
    """What was there when nobody worked."""

    rows: Mapping[str, Sequence[Row]]
    """Of the tables, by name."""
    shown: Mapping[str, object]
    """What people see, by the id of an instance or the label of a network."""
    done: bool
    """Whether they see the operation done that it is about."""
    pending: Sequence[object]
    """The unfinished work that an administrator sees."""
    addresses: Sequence[Allocation]
    """Those that IPAM gave."""
    used: Mapping[str, int]
    """How many of each subnet IPAM says that it gave; empty if it does not count."""
    subnets: Mapping[str, frozenset[str]]
    """Those that IPAM keeps of each network."""
    in_quantum: frozenset[str]
    macs: Collection[str] | None
    """The vifs that have a MAC address; ``None`` if the driver keeps no record."""
    services: Mapping[str, Service]
    """By network, those that are gone among them."""

    def of(self, table: sa.Table) -> Sequence[Row]:
        """Return the rows of a table."""
        return self.rows[table.name]


class Onlooker:
    """Sees the world, and remembers which networks there were.

    :param opened: what it is seen by, in this process
    :param stands: whether the operation is done that it looks at
    """

    def __init__(
        self, stage: Stage, opened: Opened, looks: Looks, stands: Callable[[NetworkApi], bool]
    ) -> None:
        self.api = opened.api
        self._tables = stage.tables
        self.opened = opened
        self._looks = looks
        self._stands = stands
        self._known: dict[str, Network] = {}

    def remember(self) -> None:
        """Take note of the networks that there are, half-made ones too."""
        self.know(networks_of(self._tables.select(call(), select_networks(sa.true()))))

    def know(self, seen: Iterable[Network]) -> None:
        """Take note of networks, that nothing of them is overlooked when they are gone."""
        self._known.update((network.id, network) for network in seen)

    def begin(self) -> World:
        """Return what there is, and remember nothing that was before."""
        self._known.clear()
        return self.look()

    def look(self) -> World:
        """Return what there is, when nobody works."""
        self.remember()
        return self._seen(self.opened)

    def _seen(self, opened: Opened) -> World:
        ipam, quantum = opened.drivers["ipam"], opened.drivers["quantum"]
        usage = ipam.usage(call(), list(self._known)) if isinstance(ipam, AddressUsage) else ()
        there = {
            id_: project
            for project in (PROJECT, DEFAULT_PROJECT)
            for id_ in quantum.networks(call(), project)
        }
        return World(
            rows=self._rows(),
            shown=shown(opened.api),
            done=self._stands(opened.api),
            pending=opened.api.get_pending(),
            addresses=list(ipam.allocations(call())),
            used={each.subnet_id: each.used for each in usage},
            subnets={id_: ipam.subnet_ids(call(), id_) for id_ in self._known},
            in_quantum=frozenset(there),
            macs=self._macs(opened.drivers["mac"]),
            services={
                id_: self._service(opened, network, there.get(id_))
                for id_, network in self._known.items()
            },
        )

    def _macs(self, mac: Any) -> Collection[str] | None:
        if Capability.STATELESS in mac.capabilities:
            return None
        return self._looks.vifs_with_mac(mac)

    def _service(self, opened: Opened, network: Network, project: str | None) -> Service:
        quantum, l3 = opened.drivers["quantum"], opened.drivers["l3"]
        return Service(
            ports=() if project is None else list(quantum.ports(call(), project, network.id)),
            has_gateway=self._looks.has_gateway(l3, network),
            has_nat=self._looks.has_nat(l3, network),
            answers=self._looks.answers(opened.drivers["dhcp"], network),
        )

    def _rows(self) -> Mapping[str, Sequence[Row]]:
        return self._tables.read(
            call(), lambda tx: {t.name: tx.execute(sa.select(t)).all() for t in TABLES}
        )


def shown(api: NetworkApi) -> Mapping[str, object]:
    """Return what people see of networks and instances."""
    others = [one.id for one in api.get_all_instances() if one.project_id != BYSTANDER]
    return {network.label: network for network in api.get_all()} | {
        instance_id: vifs_shown(api, instance_id) for instance_id in others
    }


def vifs_shown(api: NetworkApi, instance_id: str) -> object:
    """Return what people see of an instance's vifs."""
    return [
        (vif.id, str(vif.address), [str(ip.address) for ip in vif.fixed_ips()])
        for vif in api.get_instance_nw_info(instance_id)
    ]
