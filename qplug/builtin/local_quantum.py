"""Networks and ports kept in the store's database, where no network service is wanted."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.contracts import AddressPairs, ApiRange, QuantumDriver
from qplug.db import Database, connection_url
from qplug.errors import NetworkBusy, NetworkExists, NetworkNotFound
from qplug.model import AddressPair, Call, Capability, Port, PortRequest
from qplug.store.migrations import MIGRATIONS
from qplug.store.tables import local_networks as networks
from qplug.store.tables import local_ports as ports

PAGE = 1000

# Made once, which takes longer than to run them.
attached = (
    ports.insert()
    .from_select(
        ports.c.keys(),
        sa.select(*(sa.bindparam(f"new_{c.name}", type_=c.type) for c in ports.c)).where(
            sa.exists().where(
                networks.c.id == sa.bindparam("new_network_id"),
                networks.c.project_id == sa.bindparam("project"),
            )
        ),
    )
    .execution_options(preserve_rowcount=True)
)
detached = ports.delete().where(
    ports.c.id == sa.bindparam("port"),
    ports.c.network_id == sa.bindparam("network"),
    sa.exists().where(
        networks.c.id == ports.c.network_id, networks.c.project_id == sa.bindparam("project")
    ),
)


class LocalQuantum(QuantumDriver, AddressPairs):
    """A record of segments and ports; whatever plugs instances in reads it from network info.

    A network's id is the key of the wish that made it.
    """

    api = ApiRange((1, 0), (2, 0))
    capabilities = frozenset({Capability.SHARED, Capability.ADDRESS_PAIRS})

    def __init__(self, conf: ConfigOpts) -> None:
        self._database = Database(connection_url(conf), MIGRATIONS)

    def check(self, call: Call) -> str:
        """Say how many networks there are."""
        count = sa.select(sa.func.count()).select_from(networks)
        found = self._database.read(call, lambda tx: tx.execute(count).scalar_one())
        return f"{found} network(s) in {self._database.name}"

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # --- networks -------------------------------------------------------------------------------

    def create_network(
        self, call: Call, project_id: str, label: str, *, key: str, zone: str | None = None
    ) -> str:
        """Make the network whose id is the key, unless it is there.

        :raises NetworkExists: it is, and another project's
        """
        row = {"id": key, "project_id": project_id, "label": label, "zone": zone}
        try:
            self._database.write(call, lambda tx: tx.execute(networks.insert(), row))
        except IntegrityError as error:
            if not self.network_exists(call, project_id, key):
                raise NetworkExists(key) from error
        return key

    def network_by_key(self, call: Call, project_id: str, key: str) -> str | None:
        """Return the key, if there is such a network."""
        return key if self.network_exists(call, project_id, key) else None

    def delete_network(self, call: Call, project_id: str, network_id: str) -> bool:
        """Delete a network without ports."""
        mine = sa.and_(networks.c.id == network_id, networks.c.project_id == project_id)
        try:
            return self._database.write(
                call, lambda tx: tx.execute(networks.delete().where(mine)).rowcount > 0
            )
        except IntegrityError as error:
            on_it = sa.select(sa.func.count()).where(ports.c.network_id == network_id)
            left = self._database.read(call, lambda tx: tx.execute(on_it).scalar_one())
            raise NetworkBusy(network_id, left) from error

    def network_exists(self, call: Call, project_id: str, network_id: str) -> bool:
        """Say whether it is the project's."""
        return self._database.read(call, lambda tx: _has(tx, project_id, network_id))

    def network_name(self, call: Call, project_id: str, network_id: str) -> str:
        """Return its label."""
        label = sa.select(networks.c.label).where(_mine(project_id, network_id))
        found = self._database.read(call, lambda tx: tx.execute(label).scalar())
        if found is None:
            raise NetworkNotFound(network_id, project_id)
        return str(found)

    def networks(self, call: Call, project_id: str) -> Iterator[str]:
        """Yield ids, a page at a time."""
        ids = sa.select(networks.c.id).where(networks.c.project_id == project_id)
        return (row.id for row in self._pages(call, ids, networks.c.id))

    # --- ports ----------------------------------------------------------------------------------

    def attach_port(
        self, call: Call, project_id: str, network_id: str, request: PortRequest
    ) -> str:
        """Make the attachment's port; the database keeps it from having two."""
        row = _port_row(network_id, request)
        values = {f"new_{name}": value for name, value in row.items()} | {"project": project_id}
        while True:
            try:
                if self._database.write(call, lambda tx: tx.execute(attached, values).rowcount):
                    return str(row["id"])
                raise NetworkNotFound(network_id, project_id)
            except IntegrityError:
                found = self.port_by_attachment(call, project_id, network_id, request.attachment)
                if found is not None:
                    return found  # else it was detached between the two

    def detach_port(self, call: Call, project_id: str, network_id: str, port_id: str) -> bool:
        """Delete the port."""
        key = {"port": port_id, "network": network_id, "project": project_id}
        return self._database.write(call, lambda tx: tx.execute(detached, key).rowcount > 0)

    def port_by_attachment(
        self, call: Call, project_id: str, network_id: str, attachment: str
    ) -> str | None:
        """Look for the one port it can have."""
        mine = sa.and_(ports.c.network_id == network_id, ports.c.attachment == attachment)
        found = sa.select(ports.c.id).where(mine, _on_mine(project_id))
        return self._database.read(call, lambda tx: tx.execute(found).scalar())

    def ports(self, call: Call, project_id: str, network_id: str) -> Iterator[Port]:
        """Yield ports, a page at a time, with the addresses of their pairs."""
        self.network_name(call, project_id, network_id)
        columns = (ports.c.id, ports.c.attachment, ports.c.address_pairs)
        query = sa.select(*columns).where(ports.c.network_id == network_id)
        return map(_port, self._pages(call, query, ports.c.attachment))  # its index has both

    def set_address_pairs(
        self,
        call: Call,
        project_id: str,
        network_id: str,
        port_id: str,
        pairs: Sequence[AddressPair],
    ) -> None:
        """Note the pairs."""
        mine = sa.and_(ports.c.id == port_id, ports.c.network_id == network_id)
        change = ports.update().where(mine, _on_mine(project_id)).values(address_pairs=_text(pairs))
        if not self._database.write(call, lambda tx: tx.execute(change).rowcount):
            raise NetworkNotFound(network_id, project_id)

    def _pages(
        self, call: Call, query: sa.Select[Any], key: sa.Column[str]
    ) -> Iterator[sa.Row[Any]]:
        after = ""
        while True:
            page = query.where(key > after).order_by(key).limit(PAGE)
            rows = self._database.read(call, lambda tx, page=page: tx.execute(page).all())  # type: ignore[misc]  # bound now, not when the loop is over
            yield from rows
            if len(rows) < PAGE:
                return
            after = rows[-1]._mapping[key.name]


def _mine(project_id: str, network_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(networks.c.id == network_id, networks.c.project_id == project_id)


def _on_mine(project_id: str) -> sa.ColumnElement[bool]:
    """Limit ports to the networks of a project."""
    return ports.c.network_id.in_(
        sa.select(networks.c.id).where(networks.c.project_id == project_id)
    )


def _has(tx: Connection, project_id: str, network_id: str) -> bool:
    found = tx.execute(sa.select(networks.c.id).where(_mine(project_id, network_id))).first()
    return found is not None


def _port_row(network_id: str, request: PortRequest) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "network_id": network_id,
        "attachment": request.attachment,
        "mac": None if request.mac is None else str(request.mac),
        "instance_id": request.instance_id,
        "host": request.host,
        "zone": request.zone,
        "rxtx_factor": request.rxtx_factor,
        "address_pairs": _text(request.address_pairs),
    }


def _port(row: sa.Row[Any]) -> Port:
    addresses = tuple(IPAddress(address) for _, address in json.loads(row.address_pairs))
    return Port(id=row.id, attachment=row.attachment, addresses=addresses)


def _text(pairs: Sequence[AddressPair]) -> str:
    return json.dumps([[str(pair.mac), str(pair.address)] for pair in pairs])
