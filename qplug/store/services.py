"""The services that share the store, and when each was last heard of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database, clock
from qplug.model import Call
from qplug.store.claims import settled
from qplug.store.marks import Marks
from qplug.store.tables import networks, services
from qplug.store.worker import Worker

MISSED = 6
"""Heartbeats without which a service is taken for dead."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """The manager service of a host."""

    host: str
    worker: str
    """Its process."""
    version: str
    """Of qplug."""
    started_at: datetime
    seen_at: datetime
    silent_for: float
    """Seconds since it was last heard of, by the database's clock."""
    networks: int
    """How many it is to serve."""

    def is_alive(self, heartbeat: float) -> bool:
        """Say whether it was heard of lately.

        :param heartbeat: seconds from one sign of life to the next
        """
        return self.silent_for <= MISSED * heartbeat

    @property
    def pid(self) -> int:
        """The number of its process on its host."""
        return Worker.parsed(self.worker).pid


class ServiceStore:
    """Services by their hosts."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    def beat(self, call: Call, host: str, version: str) -> None:
        """Say that this process serves a host just now."""
        worker = str(self._marks.here)

        def work(tx: Connection) -> None:
            mine = sa.and_(services.c.host == host, services.c.worker == worker)
            if not tx.execute(services.update().where(mine).values(seen_at=clock())).rowcount:
                tx.execute(services.delete().where(services.c.host == host))
                row = {"host": host, "worker": worker, "version": version}
                now = services.insert().values(started_at=clock(), seen_at=clock())
                tx.execute(now, row)

        settled(self._database, call, work)

    def leave(self, call: Call, host: str) -> None:
        """Say that this process serves its host no longer."""
        mine = sa.and_(services.c.host == host, services.c.worker == str(self._marks.here))
        self._database.write(call, lambda tx: tx.execute(services.delete().where(mine)))

    def of(self, call: Call, host: str) -> Service | None:
        """Return the service of a host, be it heard of or not."""
        found = self._select(call, services.c.host == host)
        return found[0] if found else None

    def all(self, call: Call) -> Sequence[Service]:
        """Return all services, by host."""
        return self._select(call, sa.true())

    def is_dead(self, service: Service) -> bool:
        """Say whether its process provably runs no more, as seen from here."""
        return Worker.parsed(service.worker).is_dead(self._marks.here)

    def _select(self, call: Call, where: sa.ColumnElement[bool]) -> Sequence[Service]:
        counted = (
            sa.select(sa.func.count())
            .where(networks.c.host == services.c.host)
            .scalar_subquery()
            .label("networks")
        )
        silent = (clock() - services.c.seen_at).label("silent_for")
        query = sa.select(services, counted, silent).where(where).order_by(services.c.host)
        return [
            Service(
                host=row.host,
                worker=row.worker,
                version=row.version,
                started_at=row.started_at,
                seen_at=row.seen_at,
                silent_for=max(0.0, float(row.silent_for)),
                networks=row.networks,
            )
            for row in self._database.select(call, query)
        ]
