"""Finding vifs, instances and addresses; long answers come in pages, in flat memory."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

import sqlalchemy as sa
from netaddr import EUI, IPAddress

from qplug.db import Database
from qplug.errors import FixedIpNotFound
from qplug.model import Call, DhcpHost, FixedIp, Instance, Network, mac_address
from qplug.store.records import VifReader, VifRecord
from qplug.store.rows import NO_MAC, fixed_ip_of, instance_of, select_fixed_ips
from qplug.store.tables import allocations, instances, vifs

PAGE = 1000

is_active = vifs.c.state == "active"
vifs_with_mac = VifReader(is_active, vifs.c.mac == sa.bindparam("mac"))
vifs_with_id = VifReader(is_active, vifs.c.id == sa.bindparam("vif"))
served = (
    sa.select(vifs.c.id, vifs.c.mac, allocations.c.subnet_id, allocations.c.address)
    .select_from(vifs.outerjoin(allocations, allocations.c.vif_id == vifs.c.id))
    .where(is_active, vifs.c.network_id == sa.bindparam("network"))
    .order_by(vifs.c.position, vifs.c.id)
)


class Search:
    """Reads of what is active, be it updated just now; what is built or deleted is not shown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def instances(self, call: Call, *, project_id: str | None = None) -> Iterator[Instance]:
        """Yield the instances of a project, or all, by id."""
        where: list[sa.ColumnElement[bool]] = [instances.c.state.in_(["active", "updating"])]
        if project_id is not None:
            where.append(instances.c.project_id == project_id)
        after = ""
        while True:
            page = sa.select(instances).where(*where, instances.c.id > after)
            rows = self._database.select(call, page.order_by(instances.c.id).limit(PAGE))
            yield from map(instance_of, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    def fixed_ips(
        self,
        call: Call,
        *,
        project_id: str | None = None,
        network_id: str | None = None,
        instance_id: str | None = None,
        address: IPAddress | None = None,
    ) -> Iterator[FixedIp]:
        """Yield the addresses in use that match everything given, by network and address."""
        wanted = {
            vifs.c.project_id: project_id,
            allocations.c.network_id: network_id,
            vifs.c.instance_id: instance_id,
            allocations.c.address: address,
        }
        query = select_fixed_ips().where(*(c == v for c, v in wanted.items() if v is not None))
        place = sa.tuple_(allocations.c.network_id, allocations.c.address)
        query = query.order_by(allocations.c.network_id, allocations.c.address).limit(PAGE)
        rows = self._database.select(call, query)
        while rows:
            yield from map(fixed_ip_of, rows)
            if len(rows) < PAGE:
                return
            last = sa.tuple_(
                sa.literal(rows[-1].network_id, allocations.c.network_id.type),
                sa.literal(rows[-1].address, allocations.c.address.type),
            )
            rows = self._database.select(call, query.where(place > last))

    def fixed_ip(self, call: Call, fixed_ip_id: str) -> FixedIp:
        """Return one address by its id.

        :raises FixedIpNotFound: none has it
        """
        rows = self._database.select(
            call, select_fixed_ips().where(allocations.c.id == fixed_ip_id)
        )
        if not rows:
            raise FixedIpNotFound(fixed_ip_id)
        return fixed_ip_of(rows[0])

    def vifs(self, call: Call, *, mac: EUI) -> Sequence[VifRecord]:
        """Return the one vif with that MAC address, in whatever dialect, or none."""
        text = str(mac_address(mac))
        return self._database.read(call, lambda tx: vifs_with_mac.read(tx, mac=text))

    def hosts_of_network(self, call: Call, network: Network) -> Sequence[DhcpHost]:
        """Return what a network serves, its vifs in order. A host that begins reads all it has."""
        rows = self._database.select(call, served, {"network": network.id})
        place = {subnet.id: number for number, subnet in enumerate(network.subnets)}
        found = []
        for vif_id, of_one in groupby(rows, key=lambda row: row.id):
            first, *more = of_one
            given = [row for row in (first, *more) if row.address is not None]
            if more:
                given.sort(key=lambda row: (place.get(row.subnet_id, len(place)), row.address))
            mac = mac_address(first.mac) if first.mac else NO_MAC
            addresses = tuple(row.address for row in given)
            found.append(DhcpHost(vif_id=vif_id, mac=mac, addresses=addresses))
        return found

    def vif(self, call: Call, vif_id: str) -> VifRecord | None:
        """Return a vif by its id."""
        found = self._database.read(call, lambda tx: vifs_with_id.read(tx, vif=vif_id))
        return found[0] if found else None

    def mark_of(self, call: Call, vif_id: str) -> tuple[str, int] | None:
        """Return state and epoch of a vif's instance; ``None`` if there is none."""
        marks = sa.select(instances.c.state, instances.c.epoch)
        query = marks.join_from(vifs, instances, instances.c.id == vifs.c.instance_id)
        found = self._database.select(call, query.where(vifs.c.id == vif_id))
        return (found[0].state, found[0].epoch) if found else None

    def unfinished_vifs(self, call: Call, network_id: str) -> Collection[str]:
        """Return the ids of a network's vifs that are being made, or changed."""
        works = sa.or_(vifs.c.state == "building", instances.c.state == "updating")
        query = (
            sa.select(vifs.c.id)
            .join_from(vifs, instances, instances.c.id == vifs.c.instance_id)
            .where(vifs.c.network_id == network_id, works)
        )
        return self._database.read(call, lambda tx: tx.execute(query).scalars().all())

    def held(self, call: Call, network_ids: Sequence[str]) -> dict[str, int]:
        """Return by subnet how many addresses wait for an unfinished clean-up.

        Those of other networks are among them when so many are asked for.
        """
        few = len(network_ids) <= PAGE  # databases take only so many parameters
        query = (
            sa.select(allocations.c.subnet_id, sa.func.count().label("held"))
            .join_from(allocations, vifs)
            .where(
                vifs.c.state == "deleting",
                vifs.c.network_id.in_(network_ids) if few else sa.true(),
            )
            .group_by(allocations.c.subnet_id)
        )
        return {row.subnet_id: row.held for row in self._database.select(call, query)}
