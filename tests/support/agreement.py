"""What the tables of the core, the driver nova and the local Quantum say of one another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from nova_tables import nova_addresses, nova_subnets
from sqlalchemy.engine import Connection

from qplug.api import NetworkApi
from qplug.store.tables import (
    allocations,
    instances,
    local_networks,
    local_ports,
    networks,
    subnets,
    vifs,
)

Row = tuple[Any, ...]


class Agreement:
    """Looks into a database that all drivers of a chain share."""

    def __init__(self, api: NetworkApi, url: str) -> None:
        self._api = api
        self._engine = sa.create_engine(url)

    def holdings(self) -> frozenset[Row]:
        """Return all that is recorded, when nothing is half-done and all records are the same."""
        with self._engine.connect() as tx:
            for table in (networks, instances, vifs):
                assert set(_rows(tx, table.c.state)) <= {("active",)}
            ids = _rows(tx, networks.c.id)
            assert _rows(tx, local_networks.c.id) == ids
            kept = _rows(tx, subnets.c.id, subnets.c.network_id)
            assert _rows(tx, nova_subnets.c.id, nova_subnets.c.network_id) == kept
            given = _addresses(tx, allocations)
            assert _addresses(tx, nova_addresses) == given
            ports = _rows(tx, vifs.c.port_id, vifs.c.id, vifs.c.network_id)
            attached = (local_ports.c.id, local_ports.c.attachment, local_ports.c.network_id)
            assert _rows(tx, *attached) == ports
            known = _rows(tx, instances.c.id)
            owners = {row.id: row.instance_id for row in tx.execute(sa.select(vifs))}
        had = {(owners[vif_id], vif_id, address) for vif_id, _, _, address in given}
        assert self._shown(known) == had
        return frozenset([*ids, *kept, *given, *ports, *known])

    def _shown(self, known: frozenset[Row]) -> set[Row]:
        """Return the addresses that instances are told they have."""
        return {
            (instance_id, vif.id, ip.address)
            for (instance_id,) in known
            for vif in self._api.get_instance_nw_info(instance_id)
            for ip in vif.fixed_ips()
        }

    def close(self) -> None:
        self._engine.dispose()


def _rows(tx: Connection, *columns: sa.ColumnElement[Any]) -> frozenset[Row]:
    return frozenset(tuple(row) for row in tx.execute(sa.select(*columns)))


def _addresses(tx: Connection, table: sa.FromClause) -> frozenset[Row]:
    columns = [table.c[name] for name in ("vif_id", "network_id", "subnet_id", "address")]
    query = sa.select(*columns).where(table.c.vif_id.is_not(None))
    return frozenset(tuple(row) for row in tx.execute(query))


@contextmanager
def agreement(api: NetworkApi, url: str) -> Iterator[Agreement]:
    """Yield what looks into a database, and close it."""
    looking = Agreement(api, url)
    try:
        yield looking
    finally:
        looking.close()
