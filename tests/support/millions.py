"""Databases with very many addresses in use."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from netaddr import EUI, IPAddress
from nova_tables import nova_addresses
from sqlalchemy.engine import Connection

from qplug.model import Network, mac_address
from qplug.store.tables import allocations, instances, local_ports, vifs
from qplug.testing.values import NOW

OWNER = "11111111-0000-4000-8000-000000000000"

FIRST = 0xFA163E000001

SPREAD = 2654435761
"""Times this, numbers are no more in order than random ones (Knuth's multiplicative hash)."""


def use_millions(engine: sa.Engine, network: Network, count: int) -> None:
    """Give an instance so many vifs on a network, with the first addresses from its third on.

    SQLite fills itself, by counting.
    """
    (subnet,) = network.subnets
    number = _counted(count)
    i = number.c.i
    vif = sa.func.printf("%08x-0000-4000-8000-%012x", i * SPREAD % (1 << 32), i)
    address = sa.func.printf("4%08x", i + subnet.cidr.first + 2)
    place = {"network_id": network.id, "subnet_id": subnet.id}
    with engine.begin() as tx:
        tx.execute(instances.insert(), _owner(network.quantum_project))
        owned = {"instance_id": OWNER, "network_id": network.id, "state": "active"}
        project = network.quantum_project
        _fill(tx, vifs, id=vif, position=i, port_id=vif, project_id=project, **owned)
        _fill(tx, allocations, id=vif, vif_id=vif, address=address, **place)
        _fill(tx, local_ports, id=vif, attachment=vif, network_id=network.id, address_pairs="[]")
        given = {"vif_id": vif, "address": address, "instance_id": OWNER}
        _fill(tx, nova_addresses, slot=0, assignable=sa.true(), **given, **place)


def _counted(count: int) -> sa.CTE:
    first = sa.select(sa.literal(0).label("i")).cte("n", recursive=True)
    return first.union_all(sa.select(first.c.i + 1).where(first.c.i < count - 1))


def _owner(project_id: str) -> dict[str, Any]:
    facts = {"rxtx_factor": 1.0, "request": "", "state": "active", "epoch": 1, "created_at": NOW}
    return {"id": OWNER, "project_id": project_id} | facts


def _fill(tx: Connection, table: sa.TableClause, **columns: Any) -> None:
    values = (v if isinstance(v, sa.ColumnElement) else sa.literal(v) for v in columns.values())
    # As it is: the columns' types would have the addresses as objects.
    made = (sa.type_coerce(value, sa.String) for value in values)
    tx.execute(table.insert().from_select(list(columns), sa.select(*made)))


def use_many(engine: sa.Engine, networks: Sequence[Network], count: int) -> None:
    """Give so many instances a vif and an address each, on networks of one IPv4 subnet each."""
    each = count // len(networks)
    with engine.begin() as tx:
        for number, network in enumerate(networks):
            (subnet,) = network.subnets
            project, place = network.project_id, {"network_id": network.id, "subnet_id": subnet.id}
            rows = [
                {
                    "id": str(uuid4()),
                    "instance_id": str(uuid4()),
                    "mac": str(mac_address(EUI(FIRST + number * each + i, version=48))),
                    "address": IPAddress(subnet.cidr.first + 2 + i),
                }
                for i in range(each)
            ]
            _insert(tx, instances, rows, _owner(str(project)), id="instance_id")
            active = {"network_id": network.id, "state": "active", "project_id": project}
            owned = {"id": "id", "port_id": "id", "instance_id": "instance_id", "mac": "mac"}
            _insert(tx, vifs, rows, active | {"position": 0}, **owned)
            _insert(tx, allocations, rows, place, id="id", vif_id="id", address="address")
            port = {"network_id": network.id, "address_pairs": "[]"}
            _insert(tx, local_ports, rows, port, id="id", attachment="id")
            given = {"vif_id": "id", "address": "address", "instance_id": "instance_id"}
            _insert(tx, nova_addresses, rows, place | {"slot": 0, "assignable": True}, **given)


def _insert(
    tx: Connection,
    table: sa.TableClause,
    rows: Sequence[dict[str, Any]],
    same: dict[str, Any],
    **columns: str,
) -> None:
    made = [same | {name: row[key] for name, key in columns.items()} for row in rows]
    tx.execute(sa.insert(table), made)
