"""Records of networks and their subnets."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.db import Database
from qplug.errors import (
    AmbiguousLabel,
    NetworkBusy,
    NetworkExists,
    NetworkInTransition,
    NetworkNotFound,
)
from qplug.model import Call, Network
from qplug.store.claims import (
    lock_owner,
    refuse_host,
    refuse_id,
    refuse_label,
    refuse_overlap,
    settled,
)
from qplug.store.marks import ENDED, Mark, Marks, judged, postponed, take, taker, until
from qplug.store.rows import is_shown, network_row, networks_of, select_networks, subnet_row
from qplug.store.tables import networks, subnets, vifs
from qplug.store.tombstones import bury_network


class NetworkChanges(TypedDict, total=False):
    """What can be changed of a network that is there."""

    label: str
    priority: int | None
    zone: str | None
    rxtx_base: int | None


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """A network that is marked as being deleted."""

    network: Network
    """As it was, but adopted no more if it is to be deleted in Quantum too."""
    epoch: int
    fresh: bool
    """Whether it was active until now; else parts of it may be gone."""
    attempts: int = 0
    """How often that was tried before."""


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


new_network = networks.insert().values(due=until)
judge = judged(networks)
take_over = taker(networks)
enter = (
    networks.update()
    .where(networks.c.id == sa.bindparam("key"), networks.c.state == "active")
    .values(due=until)
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

    # --- creating ---

    def reserve(
        self, call: Call, network: Network, epoch: int, written: Callable[[], object] = lambda: None
    ) -> None:
        """Write a network as ``building``, so that label and cidrs are its own from now on.

        :param epoch: by which the same command is to activate or abandon it
        :param written: called when only the commit is left
        :raises LabelInUse: its owner has one of that label
        :raises CidrConflict: its owner has a subnet that overlaps, or two of these do
        :raises NetworkExists: the id is kept here already
        :raises NetworkInTransition: a network is in the way that is being made or deleted
        :raises InvalidInput: its host's name is too long
        """
        refuse_host(network.host)

        def work(tx: Connection) -> None:
            lock_owner(tx, network.project_id)
            refuse_id(tx, network.id)
            refuse_label(tx, network)
            row = network_row(network) | {"state": "building", "created_at": call.now}
            tx.execute(new_network, row | self._marks.new(call, epoch).columns())
            for subnet in network.subnets:
                refuse_overlap(tx, network.project_id, subnet)
                tx.execute(subnets.insert(), subnet_row(network, subnet))
            written()

        self._database.require_room()
        settled(self._database, call, work)

    def activate(self, call: Call, reserved_id: str, network: Network, epoch: int) -> None:
        """Make a reserved network active under the id that Quantum gave it.

        :raises NetworkExists: that id is kept here already
        :raises NetworkInTransition: another process has undone the reservation
        """
        mine = sa.and_(
            networks.c.id == reserved_id,
            networks.c.state == "building",
            networks.c.epoch == epoch,
        )
        change = networks.update().where(mine).values(id=network.id, state="active", **ENDED)

        def work(tx: Connection) -> None:
            if not tx.execute(change).rowcount:
                raise NetworkInTransition(network.label, "deleting", reserved_id)

        try:
            self._database.write(call, work)
        except IntegrityError as error:
            raise NetworkExists(network.id) from error

    def abandon(self, call: Call, network: Network, epoch: int) -> bool:
        """Mark a network whose making failed as ``deleting``, before it is undone.

        It may have become active, where only the answer of :meth:`activate` was lost.

        :returns: whether it was still this command's; else whoever took it over undoes it
        """
        change = networks.update().values(id=network.id, state="deleting")

        def work(tx: Connection) -> bool:
            mine = sa.and_(_is_same(tx, network), networks.c.epoch == epoch)
            return tx.execute(change.where(mine)).rowcount > 0

        with self._marks.leaving(epoch):
            return self._database.write(call, work)

    def forget(self, call: Call, network: Network, epoch: int) -> None:
        """Remove a network that this command builds or deletes, with its subnets."""
        hidden = networks.delete().where(
            networks.c.state.in_(["building", "deleting"]), networks.c.epoch == epoch
        )
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(hidden.where(_is_same(tx, network))))

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

    # --- deleting ---

    def begin_delete(
        self,
        call: Call,
        network_id: str,
        written: Callable[[Deletion], object] = lambda _: None,
        *,
        with_quantum: bool = False,
    ) -> Deletion:
        """Mark a network as ``deleting``, so that no vif can join it.

        One on which nobody works any more is taken over, in whatever state it was left.

        :param written: called with what will be returned when only the commit is left
        :param with_quantum: whether it is to be deleted in Quantum even if it was adopted
        :raises NetworkBusy: it has vifs; nothing is marked
        :raises NetworkInTransition: it is being made, changed or deleted by another process
        :raises NetworkNotFound: there is none
        """

        def work(tx: Connection) -> Deletion:
            mark = self._marks.new(call)
            fresh = tx.execute(enter, entering(network_id, mark, "deleting")).rowcount > 0
            attempts = 0 if fresh else self._taken(tx, network_id, mark, "deleting").attempts
            network = read_network(tx, network_id, state=networks.c.state == "deleting")
            joined = sa.select(sa.func.count()).where(vifs.c.network_id == network_id)
            busy = tx.execute(joined).scalar_one()
            if busy:
                raise NetworkBusy(network.label, busy)
            deletion = Deletion(network=network, epoch=mark.epoch, fresh=fresh, attempts=attempts)
            if with_quantum and network.adopted:
                deletion = replace(deletion, network=replace(network, adopted=False))
                owned = networks.update().where(networks.c.id == network_id)
                tx.execute(owned.values(adopted=False))
            written(deletion)
            return deletion

        return self._database.write(call, work)

    def cancel_delete(self, call: Call, deletion: Deletion, *, adopted: bool) -> None:
        """Make a network active again whose deletion was refused before anything was done.

        It stays marked if it was so before: parts of it may be gone.
        """
        mine = sa.and_(
            networks.c.id == deletion.network.id,
            networks.c.state == "deleting",
            networks.c.epoch == deletion.epoch,
        )
        change = networks.update().where(mine).values(state="active", adopted=adopted, **ENDED)
        if deletion.fresh:
            with self._marks.leaving(deletion.epoch):
                self._database.write(call, lambda tx: tx.execute(change))

    # --- taking over ---

    def resume_update(self, call: Call, network_id: str) -> Deletion | None:
        """Take over a network that another command left ``updating``.

        :returns: the network with its new mark; ``None`` if it is marked no longer
        :raises NetworkInTransition: somebody works on it
        """

        def work(tx: Connection) -> Deletion | None:
            found = tx.execute(judge, {"key": network_id}).one_or_none()
            if found is None or found.state != "updating":
                return None
            mark = self._marks.new(call)
            attempts = self._taken(tx, network_id, mark, "updating").attempts
            network = read_network(tx, network_id)
            return Deletion(network=network, epoch=mark.epoch, fresh=False, attempts=attempts)

        return self._database.write(call, work)

    def _taken(self, tx: Connection, network_id: str, mark: Mark, state: str) -> sa.Row[Any]:
        """Take over a network on which nobody works, and return how it was found."""
        found = tx.execute(judge, {"key": network_id}).one_or_none()
        if found is None:
            raise NetworkNotFound(network_id)
        if not self._marks.is_free(found) or not take(tx, take_over, found, mark, state=state):
            raise NetworkInTransition(found.label, found.state, network_id)
        if found.state != "deleting":  # who only deletes does no harm, however late
            network = read_network(tx, network_id, state=sa.true())
            bury_network(tx, network, found.worker)
        return found


def entering(network_id: str, mark: Mark, state: str) -> dict[str, Any]:
    """Return the parameters of :data:`enter`, which marks an active network."""
    return mark.columns() | {"key": network_id, "state": state}


def _is_same(tx: Connection, network: Network) -> sa.ColumnElement[bool]:
    """Return that it is the very network, even where two commands adopt the same one at once.

    A statement of its own asks for that: inside of another one MariaDB reads all networks for it.
    """
    ids = [subnet.id for subnet in network.subnets]
    recorded = sa.select(subnets.c.network_id).where(subnets.c.id.in_(ids)).limit(1)
    return networks.c.id == tx.execute(recorded).scalar()


def _active(network_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(networks.c.id == network_id, is_shown)


def read_network(
    tx: Connection, network_id: str, *, state: sa.ColumnElement[bool] = is_shown
) -> Network:
    """Return the network of that id that is shown, or in another state.

    :raises NetworkNotFound: there is none
    """
    found = networks_of(tx.execute(select_networks(networks.c.id == network_id, state)))
    if not found:
        raise NetworkNotFound(network_id)
    return found[0]


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
