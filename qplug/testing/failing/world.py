"""A manager on watched drivers, and all that they and its tables hold."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.db import connection_url
from qplug.db.engine import make_engine
from qplug.manager import Context, Manager
from qplug.model import Network
from qplug.store.tables import allocations, instances, networks, subnets, tombstones, vifs
from qplug.testing.failing.looking import Looks
from qplug.testing.failing.striking import Striker
from qplug.testing.values import DEFAULT_PROJECT, PROJECT, call
from qplug.testing.watching import DriverCall, watched

TABLES = (networks, subnets, instances, vifs, allocations, tombstones)
CHANGED_BY_LOOKING = {"epoch", "network_info"}

Row = Mapping[str, Any]


class World:
    """What an operation finds, and what it leaves.

    :param drivers: by kind, each unwatched: by them it is seen what there is
    """

    def __init__(
        self,
        make_manager: Callable[..., Manager],
        conf: ConfigOpts,
        drivers: Mapping[str, Any],
        looks: Looks,
    ) -> None:
        self.drivers = drivers
        self.striker = Striker()
        made = {kind: watched(driver, kind, self._watch) for kind, driver in drivers.items()}
        self.admin = NetworkApi(make_manager(**made), Context(is_admin=True))
        self._looks = looks
        self._engine = make_engine(connection_url(conf))
        self._seen: dict[str, Network] = {}
        self.admin.get_all()  # a SQLite file gets its tables when it is first used

    def _watch(self, made: DriverCall, work: Callable[[], Any]) -> Any:
        if isinstance(network := made.args.get("network"), Network):
            self._seen[network.id] = network
        return self.striker(made, work)

    def holdings(self) -> Mapping[str, Any]:
        """Return what drivers and tables have; the same again means that nothing changed."""
        return {**{table.name: self.rows(table) for table in TABLES}, **self.outside()}

    def outside(self) -> Mapping[str, Any]:
        """Return what drivers have."""
        ipam, l3, dhcp = (self.drivers[kind] for kind in ("ipam", "l3", "dhcp"))
        seen = self._seen.values()
        return {
            "addresses": sorted(
                (a.vif_id, a.subnet_id, a.address) for a in ipam.allocations(call())
            ),
            "subnets": sorted(id_ for net in seen for id_ in ipam.subnet_ids(call(), net.id)),
            "ports": self._ports(),
            "macs": sorted(self._looks.vifs_with_mac(self.drivers["mac"])),
            "gateways": [net.id for net in seen if self._looks.has_gateway(l3, net)],
            "translated": [net.id for net in seen if self._looks.has_nat(l3, net)],
            "answers": {
                net.id: found
                for net in seen
                if (found := self._looks.answers(dhcp, net)) is not None
            },
        }

    def shown(self) -> Mapping[str, Any]:
        """Return what people see."""
        ids = [instance.id for instance in self.admin.get_all_instances()]
        return {
            "networks": self.admin.get_all(),
            "instances": {id_: self.admin.get_instance_nw_info(id_).json() for id_ in ids},
            "fixed ips": list(self.admin.get_all_fixed_ips()),
        }

    def rows(self, table: sa.Table) -> Sequence[Row]:
        """Return the rows of a table, without what changes as soon as somebody looks."""
        kept = [column for column in table.columns if column.name not in CHANGED_BY_LOOKING]
        with self._engine.connect() as tx:
            rows = tx.execute(sa.select(*kept).order_by(*table.primary_key)).all()
        return [dict(row._mapping) for row in rows]

    def close(self) -> None:
        """Close what reads the tables; the manager is its maker's to close."""
        self._engine.dispose()

    def _ports(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Return id and attachment of the ports of each network that Quantum has."""
        quantum = self.drivers["quantum"]
        return {
            id_: sorted((port.id, port.attachment) for port in quantum.ports(call(), project, id_))
            for project in (PROJECT, DEFAULT_PROJECT)
            for id_ in quantum.networks(call(), project)
        }
