"""Records of networks and their subnets."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.errors import (
    AmbiguousLabel,
    NetworkHasHost,
    NetworkInTransition,
    NetworkNotFound,
)
from qplug.model import Call, Network
from qplug.store.claims import lock_owner, refuse_host, refuse_label, refuse_overlap, settled
from qplug.store.marks import Marks, postponed, until
from qplug.store.network_marks import read_network
from qplug.store.rows import is_shown, networks_of, select_networks
from qplug.store.tables import networks, subnets, vifs


class NetworkChanges(TypedDict, total=False):
    """What can be changed of a network that is there."""

    label: str
    priority: int | None
    zone: str | None
    rxtx_base: int | None
    mtu: int | None
    dns_domain: str | None
    lease_time: int | None


def visible_to(project_id: str | None) -> sa.ColumnElement[bool]:
    """Return what a project may see: its own and global networks; ``None`` sees all."""
    if project_id is None:
        return sa.true()
    return _owned_by(sa.literal(project_id))


def _owned_by(project: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return what belongs to a project or to nobody; an index finds it, as it could no null."""
    return sa.or_(networks.c.owner == "", networks.c.owner == project)


# Made once, which takes longer than to run them.
usable = select_networks(is_shown, _owned_by(sa.bindparam("project", type_=networks.c.owner.type)))
usable_and_named = usable.where(
    sa.or_(
        networks.c.id.in_(sa.bindparam("ids", expanding=True)),
        networks.c.label.in_(sa.bindparam("labels", expanding=True)),
    )
)


class NetworkStore:
    """Networks, each with its subnets."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    # --- reading ---

    def find(
        self, call: Call, id_or_label: str, *, project_id: str | None = None, hidden: bool = False
    ) -> Network:
        """Return the one network of that id or label that the project may see.

        :param hidden: whether it may be one that is being made or deleted
        :raises NetworkNotFound: there is none
        :raises AmbiguousLabel: several have the label
        """
        if not id_or_label.isprintable():  # databases choke on a NUL or half a surrogate pair
            raise NetworkNotFound(id_or_label, project_id)
        named = sa.or_(networks.c.id == id_or_label, networks.c.label == id_or_label)
        shown = sa.true() if hidden else is_shown
        found = self._select(call, sa.and_(named, visible_to(project_id), shown))
        if not found:
            raise NetworkNotFound(id_or_label, project_id)
        if len(found) > 1:
            raise AmbiguousLabel(id_or_label, [network.id for network in found])
        return found[0]

    def all(
        self, call: Call, *, project_id: str | None = None, host: str | None = None
    ) -> Sequence[Network]:
        """Return the active networks the project may see, or a host's, in order of creation."""
        on_host = networks.c.host == host if host is not None else sa.true()
        return self._select(call, sa.and_(is_shown, visible_to(project_id), on_host))

    def on_host(self, call: Call, host: str) -> Collection[str]:
        """Return the ids of all networks of a host, those being made or deleted among them."""
        query = sa.select(networks.c.id).where(networks.c.host == host)
        return self._database.read(call, lambda tx: tx.execute(query).scalars().all())

    def has_vifs(self, call: Call, network_id: str, *, besides: Collection[str]) -> bool:
        """Say whether vifs besides those are on a network, or about to be."""
        others = sa.and_(
            vifs.c.network_id == network_id,
            vifs.c.id.not_in(besides),
            vifs.c.state != "deleting",
        )
        query = sa.select(vifs.c.id).where(others).limit(1)
        return self._database.read(call, lambda tx: tx.execute(query).first() is not None)

    def usable(self, call: Call, project_id: str, names: Collection[str]) -> Sequence[Network]:
        """Return the active networks a project can use: those named, or all when none is.

        A label may bring several.
        """
        known = [name for name in names if name.isprintable()]
        query = usable_and_named if names else usable
        asked = {"project": project_id} | ({"ids": known, "labels": known} if names else {})
        return networks_of(self._database.select(call, query, asked))

    def _select(self, call: Call, where: sa.ColumnElement[bool]) -> Sequence[Network]:
        return networks_of(self._database.select(call, select_networks(where)))

    # --- changing ---

    def update(self, call: Call, network: Network, **changes: Unpack[NetworkChanges]) -> Network:
        """Change an active network and return it as it is then.

        :raises LabelInUse: the owner has another one of that label
        :raises NetworkNotFound: it is gone
        """

        def work(tx: Connection) -> Network:
            if "label" in changes:
                refuse_label(tx, replace(network, label=changes["label"]))
            if changes:
                tx.execute(networks.update().where(_active(network.id)).values(**changes))
            return read_network(tx, network.id)

        return settled(self._database, call, work)

    def set_host(self, call: Call, network_id: str, host: str) -> str:
        """Make the host the network's unless it has one, and return the one it has then.

        :raises InvalidInput: its name is too long
        :raises NetworkInTransition: its subnets change just now, which a host would not hear of
        """
        refuse_host(host)
        unmarked = sa.and_(networks.c.id == network_id, networks.c.state == "active")

        def work(tx: Connection) -> str:
            tx.execute(
                networks.update().where(unmarked, networks.c.host.is_(None)).values(host=host)
            )
            network = read_network(tx, network_id)
            if network.host is None:
                raise NetworkInTransition(network.label, "updating", network_id)
            return network.host

        return self._database.write(call, work)

    def move(self, call: Call, network: Network, host: str | None) -> None:
        """Give a network another host in place of the one it has.

        :raises NetworkHasHost: it has yet another one by now
        :raises NetworkInTransition: its subnets change just now, which a host would not hear of
        """
        refuse_host(host)

        def work(tx: Connection) -> None:
            found = read_network(tx, network.id)
            if found.host != network.host:
                raise NetworkHasHost(network.label, str(found.host))
            mine = sa.and_(
                networks.c.id == network.id,
                networks.c.state == "active",
                networks.c.host.is_(None)
                if network.host is None
                else networks.c.host == network.host,
            )
            if not tx.execute(networks.update().where(mine).values(host=host)).rowcount:
                raise NetworkInTransition(network.label, "updating", network.id)

        self._database.write(call, work)

    def disassociate(self, call: Call, network_id: str, *, host: bool, project: bool) -> Network:
        """Take host and owner from a network; without an owner it is global.

        :raises LabelInUse, CidrConflict: a global network is in the way
        """

        def work(tx: Connection) -> Network:
            if project:
                _make_global(tx, read_network(tx, network_id))
            if host:
                tx.execute(networks.update().where(_active(network_id)).values(host=None))
            return read_network(tx, network_id)

        return settled(self._database, call, work)

    # --- what is unfinished ---

    def postpone(
        self, call: Call, network_id: str, epoch: int, failure: str, attempts: int = 0
    ) -> None:
        """Leave a network as this command marked it, to be tried again later.

        :param attempts: how often it was tried before
        """
        mine = sa.and_(
            networks.c.id == network_id, networks.c.epoch == epoch, networks.c.state != "active"
        )
        later = networks.update().where(mine).values(due=until)
        change = postponed(attempts, failure)
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(later, change))


def _active(network_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(networks.c.id == network_id, is_shown)


def _make_global(tx: Connection, network: Network) -> None:
    if network.project_id is None:
        return
    lock_owner(tx, None)
    refuse_label(tx, replace(network, project_id=None))
    for subnet in network.subnets:
        refuse_overlap(tx, None, subnet)
    tx.execute(subnets.update().where(subnets.c.network_id == network.id).values(owner=""))
    nobody = {"project_id": None, "owner": ""}
    tx.execute(networks.update().where(networks.c.id == network.id).values(**nobody))
