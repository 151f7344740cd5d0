"""A manager on recording drivers, and all that they and its tables hold."""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.contracts import KINDS
from qplug.db import connection_url
from qplug.db.engine import make_engine
from qplug.manager import Context, Manager
from qplug.model import Instance, Network, PortRequest
from qplug.store.tables import allocations, instances, networks, tombstones, vifs
from qplug.testing.memory import MemoryDhcp, MemoryL3, MemoryMac
from qplug.testing.recording import Journal
from qplug.testing.values import NOW, PROJECT, call, network_spec
from qplug.testing.watching import DriverCall, watched

CHANGED_BY_LOOKING = {"epoch", "network_info"}


def instance(project_id: str = PROJECT, **rest: Any) -> Instance:
    """Return an instance with an id of its own."""
    return Instance(**{"id": str(uuid4()), "project_id": project_id} | rest)


class BreakingJournal(Journal):
    """A journal by which calls can be made to fail by their numbers, from 0 on."""

    def __init__(self) -> None:
        super().__init__()
        self._broken: Container[int] = ()
        self._error: BaseException = RuntimeError()
        self._after = False

    def break_at(
        self, numbers: Container[int], error: BaseException, *, after: bool = False
    ) -> None:
        """Let those of the calls from now on fail, before or after they did their work."""
        self.clear()
        self._broken, self._error, self._after = numbers, error, after

    def mend(self) -> None:
        """Let everything work again."""
        super().mend()
        self._broken = ()

    def run(self, entry: DriverCall, work: Callable[[], Any]) -> Any:
        """Note a call, and do its work unless it is to fail before."""
        if len(self.entries) not in self._broken:
            return super().run(entry, work)
        if self._after:
            super().run(entry, work)
        else:
            self.entries.append(entry)
        raise self._error


class RecordedChain:
    """Shows what drivers are asked, and what is left when one fails.

    :param given: drivers by kind to be used instead; nothing is noted or told of them
    """

    def __init__(
        self,
        make_manager: Callable[..., Manager],
        conf: ConfigOpts,
        journal: Journal | None = None,
        **given: Any,
    ) -> None:
        self.journal = journal or Journal()
        noted = self.journal.run
        self.ipam = watched(MemoryIpam(conf), "ipam", noted)
        self.quantum = watched(MemoryQuantum(conf), "quantum", noted)
        self.mac = watched(MemoryMac(conf), "mac", noted)
        self.l3 = watched(MemoryL3(conf), "l3", noted)
        self.dhcp = watched(MemoryDhcp(conf), "dhcp", noted)
        self.manager = make_manager(**{kind: getattr(self, kind) for kind in KINDS} | given)
        self.admin = NetworkApi(self.manager, Context(is_admin=True))
        self._engine = make_engine(connection_url(conf))

    def network(self, *cidrs: str, **rest: Any) -> Network:
        """Make a network through the manager; arguments are those of ``network_spec``."""
        return self.admin.create(network_spec(*(cidrs or ["10.0.0.0/24"]), **rest))

    def holdings(self) -> Mapping[str, Any]:
        """Return what drivers and tables have; the same again means that nothing changed."""
        return {
            "addresses": list(MemoryIpam.allocations(self.ipam, call())),
            "ports": [self._ports(row.quantum_project, row.id) for row in self._rows(networks)],
            "mac": dict(self.mac.given),
            "gateways": dict(self.l3.gateways),
            "translated": set(self.l3.translated),
            "served": {id_: dict(hosts) for id_, hosts in self.dhcp.served.items()},
            **{table.name: self.table(table) for table in (instances, vifs, allocations)},
        }

    def table(self, table: sa.Table) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a table, without what changes as soon as somebody looks."""
        kept = [c.name for c in table.columns if c.name not in CHANGED_BY_LOOKING]
        return [{name: row._mapping[name] for name in kept} for row in self._rows(table)]

    def let_deadlines_pass(self) -> None:
        """Let everybody who works on something look as if it had not come back in time."""
        with self._engine.begin() as connection:
            for table in (instances, networks, tombstones):
                connection.execute(sa.update(table).where(table.c.due.is_not(None)).values(due=NOW))

    def _rows(self, table: sa.Table) -> Sequence[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return connection.execute(sa.select(table).order_by(table.c.id)).all()

    def _ports(self, project_id: str, network_id: str) -> Mapping[str, PortRequest]:
        ports = MemoryQuantum.ports(self.quantum, call(), project_id, network_id)
        return {port.id: self.quantum.port_request(network_id, port.id) for port in ports}

    def close(self) -> None:
        """Close what reads the tables; the manager is its maker's to close."""
        self._engine.dispose()
