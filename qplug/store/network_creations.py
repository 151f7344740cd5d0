"""Making networks: label and cidrs are theirs before the first step, shown after the last."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.db import Database
from qplug.errors import NetworkExists, NetworkInTransition
from qplug.model import Call, Network
from qplug.store.claims import (
    lock_owner,
    refuse_host,
    refuse_id,
    refuse_label,
    refuse_overlap,
    settled,
)
from qplug.store.marks import ENDED, Marks, until
from qplug.store.network_marks import is_same
from qplug.store.requests import note_done
from qplug.store.rows import network_row, subnet_row
from qplug.store.tables import networks, subnets

new_network = networks.insert().values(due=until)


class NetworkCreations:
    """A network is its command's alone until it is active; what another one left is in the way."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

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

    def rename(self, call: Call, reserved_id: str, network: Network, epoch: int) -> None:
        """Give a reserved network the id that Quantum gave it, with its subnets.

        :raises NetworkExists: that id is kept here already
        :raises NetworkInTransition: another process has undone the reservation
        """
        try:
            self._change(call, reserved_id, network, epoch, id=network.id)
        except IntegrityError as error:
            raise NetworkExists(network.id) from error

    def activate(self, call: Call, network: Network, epoch: int) -> None:
        """Make a reserved network active.

        :raises NetworkInTransition: another process has undone the reservation
        """

        def noted(tx: Connection) -> None:
            note_done(tx, call)

        self._change(call, network.id, network, epoch, noted, state="active", **ENDED)

    def _change(
        self,
        call: Call,
        key: str,
        network: Network,
        epoch: int,
        changed: Callable[[Connection], object] = lambda _: None,
        **columns: object,
    ) -> None:
        mine = sa.and_(
            networks.c.id == key, networks.c.state == "building", networks.c.epoch == epoch
        )
        change = networks.update().where(mine).values(columns)

        def work(tx: Connection) -> None:
            if not tx.execute(change).rowcount:
                raise NetworkInTransition(network.label, "deleting", key)
            changed(tx)

        self._database.write(call, work)

    def abandon(self, call: Call, network: Network, epoch: int) -> bool:
        """Mark a network whose making failed as ``deleting``, before it is undone.

        It may have become active, where only the answer of :meth:`activate` was lost.

        :returns: whether it was still this command's; else whoever took it over undoes it
        """
        change = networks.update().values(id=network.id, state="deleting", due=until)

        def work(tx: Connection) -> bool:
            mine = sa.and_(is_same(tx, network), networks.c.epoch == epoch)
            mark = self._marks.new(call, epoch).columns()
            return tx.execute(change.where(mine), mark).rowcount > 0

        with self._marks.leaving(epoch):
            return self._database.write(call, work)
