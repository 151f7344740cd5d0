"""What an audit compares: all rows a page at a time, and single ones as they are now."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.model import Allocation, Call, Network
from qplug.store.records import VifReader, VifRecord
from qplug.store.rows import networks_of, select_networks
from qplug.store.tables import (
    allocations,
    instances,
    networks,
    owners,
    subnets,
    tombstones,
    vifs,
)

PAGE = 1000

NETWORKS_PAGE = 200
"""Fewer, as each brings its subnets."""

asked: sa.BindParameter[Sequence[str]] = sa.bindparam("ids", expanding=True)
vifs_with_ids = VifReader(vifs.c.id.in_(asked))
epochs_of_vifs = (
    sa.select(vifs.c.id, instances.c.state, instances.c.epoch)
    .join_from(vifs, instances, instances.c.id == vifs.c.instance_id)
    .where(vifs.c.id.in_(asked))
)
tombstones_with_ids = sa.select(tombstones.c.id).where(tombstones.c.id.in_(asked))
networks_with_subnets = select_networks(
    networks.c.id.in_(sa.select(subnets.c.network_id).where(subnets.c.id.in_(asked)))
)
states_of_networks: sa.Select[Any] = sa.select(*networks.c["id", "state", "epoch"])


@dataclass(frozen=True, kw_only=True)
class KnownVif:
    """A vif with the state of its instance; the same again means that nobody worked on it."""

    record: VifRecord
    state: str
    epoch: int


@dataclass(frozen=True, kw_only=True)
class KnownNetwork:
    """A network with its state; the same again means that nobody worked on it."""

    network: Network
    state: str
    epoch: int


@dataclass(frozen=True, kw_only=True)
class PortRow:
    """What the store says of the port of a vif."""

    network_id: str
    vif_id: str
    port_id: str | None


class AuditReads:
    """Reads rows in every state. Listings are in no order that means anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def allocations(self, call: Call) -> Iterator[tuple[str, Allocation]]:
        """Yield the addresses of all vifs, each with its network's id."""
        for row in self._pages(call, sa.select(allocations), allocations.c.id, PAGE):
            yield (
                row.network_id,
                Allocation(vif_id=row.vif_id, subnet_id=row.subnet_id, address=row.address),
            )

    def ports(self, call: Call) -> Iterator[PortRow]:
        """Yield the ports of all active vifs."""
        columns = (vifs.c.id, vifs.c.network_id, vifs.c.port_id)
        active = sa.select(*columns).where(vifs.c.state == "active")
        for row in self._pages(call, active, vifs.c.id, PAGE):
            yield PortRow(network_id=row.network_id, vif_id=row.id, port_id=row.port_id)

    def networks(self, call: Call) -> Iterator[KnownNetwork]:
        """Yield all networks."""
        after = ""
        while True:
            page = self._database.read(call, lambda tx, after=after: _networks(tx, after))  # type: ignore[misc]  # bound now, not when the loop is over
            yield from page
            if len(page) < NETWORKS_PAGE:
                return
            after = page[-1].network.id

    def network(self, call: Call, network_id: str) -> KnownNetwork | None:
        """Return one network as it is now."""
        return self._database.read(call, lambda tx: _network(tx, network_id))

    def being_made(self, call: Call, quantum_project: str) -> bool:
        """Say whether a network of the project is being made, whose id in Quantum is to come."""
        query = sa.select(networks.c.id).where(
            networks.c.state == "building", networks.c.quantum_project == quantum_project
        )
        return self._database.read(call, lambda tx: tx.execute(query.limit(1)).first() is not None)

    def vifs(self, call: Call, ids: Collection[str]) -> Mapping[str, KnownVif]:
        """Return those of some vifs that are recorded, as they are at one moment."""
        return self._database.read(call, lambda tx: _vifs(tx, sorted(ids)))

    def epochs(self, call: Call, ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """Return the states and epochs of the instances of some vifs, a part at a time."""
        found: dict[str, tuple[str, int]] = {}
        for start in range(0, len(ids), PAGE):
            part = {"ids": ids[start : start + PAGE]}
            rows = self._database.select(call, epochs_of_vifs, part)
            found |= {row.id: (row.state, row.epoch) for row in rows}
        return found

    def tombstones(self, call: Call, ids: Collection[str]) -> Collection[str]:
        """Return of which vifs or networks a call may yet have its effect, which is waited for."""
        return frozenset(
            row.id for row in self._database.select(call, tombstones_with_ids, {"ids": sorted(ids)})
        )

    def networks_of_subnets(self, call: Call, ids: Collection[str]) -> Mapping[str, Network]:
        """Return by the ids of subnets their networks, as far as they are recorded."""
        rows = self._database.select(call, networks_with_subnets, {"ids": sorted(ids)})
        return {subnet.id: net for net in networks_of(rows) for subnet in net.subnets}

    def projects(self, call: Call) -> Sequence[str]:
        """Return every project under which Quantum keeps a network, and every other owner."""
        query = sa.union(sa.select(networks.c.quantum_project), sa.select(owners.c.owner))
        found = self._database.read(call, lambda tx: tx.execute(query).scalars().all())
        return sorted(filter(None, found))

    def counts(self, call: Call) -> tuple[int, int, int]:
        """Return how many addresses, vifs and networks are recorded."""
        counted = (sa.select(sa.func.count()).select_from(t) for t in (allocations, vifs, networks))
        query = sa.select(*(each.scalar_subquery() for each in counted))
        found = self._database.read(call, lambda tx: tx.execute(query).one())
        return int(found[0]), int(found[1]), int(found[2])

    def _pages(
        self, call: Call, query: sa.Select[Any], key: sa.Column[str], size: int
    ) -> Iterator[sa.Row[Any]]:
        """Yield page after page by a key of one column, a single range of every database's."""
        further = query.where(key > sa.bindparam("after")).order_by(key).limit(size)
        after = ""
        while True:
            rows = self._database.select(call, further, {"after": after})
            yield from rows
            if len(rows) < size:
                return
            after = rows[-1].id


def _networks(tx: Connection, after: str) -> Sequence[KnownNetwork]:
    page = states_of_networks.where(networks.c.id > after)
    return _known(tx, tx.execute(page.order_by(networks.c.id).limit(NETWORKS_PAGE)).all())


def _network(tx: Connection, network_id: str) -> KnownNetwork | None:
    rows = tx.execute(states_of_networks.where(networks.c.id == network_id)).all()
    return next(iter(_known(tx, rows)), None)


def _known(tx: Connection, rows: Sequence[sa.Row[Any]]) -> Sequence[KnownNetwork]:
    ids = [row.id for row in rows]
    found = networks_of(tx.execute(select_networks(networks.c.id.in_(ids))))
    there = {network.id: network for network in found}
    return [KnownNetwork(network=there[r.id], state=r.state, epoch=r.epoch) for r in rows]


def _vifs(tx: Connection, ids: Sequence[str]) -> Mapping[str, KnownVif]:
    states = {row.id: row for row in tx.execute(epochs_of_vifs, {"ids": ids})}
    return {
        record.vif.id: KnownVif(
            record=record, state=states[record.vif.id].state, epoch=states[record.vif.id].epoch
        )
        for record in vifs_with_ids.read(tx, ids=ids)
    }
