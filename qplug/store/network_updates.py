"""Changing the subnets of a network: marked while it is done, and recorded as the last step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.errors import NetworkInTransition
from qplug.model import Call, Network
from qplug.store.claims import lock_owner, refuse_label, refuse_overlap, settled
from qplug.store.marks import ENDED, Marks
from qplug.store.network_marks import MarkedNetwork, entered, read_network, taken
from qplug.store.networks import NetworkChanges
from qplug.store.rows import subnet_row
from qplug.store.tables import networks, subnets

Written = Callable[[MarkedNetwork], object]


class NetworkUpdates:
    """One command at a time changes a network; it is used and shown meanwhile, as it was."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    def begin(
        self,
        call: Call,
        network_id: str,
        epoch: int,
        written: Written = lambda _: None,
    ) -> Network:
        """Mark an active network as ``updating`` and return it.

        :param epoch: by which the same command is to end or cancel it
        :param written: called with the marked network when only the commit is left
        :raises NetworkNotFound: there is none, or it is made or deleted just now
        :raises NetworkInTransition: another command changes it
        """

        def work(tx: Connection) -> Network:
            is_mine = entered(tx, network_id, self._marks.new(call, epoch), "updating")
            network = read_network(tx, network_id)
            if not is_mine:
                raise NetworkInTransition(network.label, "updating", network_id)
            written(MarkedNetwork(network=network, epoch=epoch, fresh=True))
            return network

        self._database.require_room()
        return self._database.write(call, work)

    def end(
        self, call: Call, before: Network, after: Network, epoch: int, changes: NetworkChanges
    ) -> Network:
        """Record subnets that are new or changed, and the mark's end; return what is there then.

        :param before: what :meth:`begin` returned
        :param changes: what else is changed of the network
        :raises CidrConflict, LabelInUse: its owner has another one of that kind
        :raises NetworkInTransition: the mark is not this command's any more
        """
        known = {subnet.id: subnet for subnet in before.subnets}

        def work(tx: Connection) -> Network:
            values: dict[str, Any] = {"state": "active", **ENDED, **changes}
            leave = networks.update().where(_marked(before.id, epoch)).values(values)
            if "label" in changes:
                refuse_label(tx, replace(before, label=changes["label"]))
            if not tx.execute(leave).rowcount:
                raise NetworkInTransition(before.label, "updating", before.id)
            network = read_network(tx, before.id)  # it may be another owner's by now
            for subnet in after.subnets:
                row = subnet_row(network, subnet)
                if subnet.id not in known:
                    lock_owner(tx, network.project_id)
                    refuse_overlap(tx, network.project_id, subnet)
                    tx.execute(subnets.insert(), row)
                elif subnet != known[subnet.id]:
                    tx.execute(subnets.update().where(subnets.c.id == subnet.id).values(row))
            return read_network(tx, before.id)

        return settled(self._database, call, work)

    def has_ended(self, call: Call, network_id: str, epoch: int) -> bool:
        """Say whether the mark that :meth:`begin` set is gone."""
        marked = sa.select(networks.c.id).where(_marked(network_id, epoch))
        return self._database.read(call, lambda tx: tx.execute(marked).first() is None)

    def cancel(self, call: Call, network_id: str, epoch: int) -> None:
        """Take away the mark that :meth:`begin` set, if it did and it is still there."""
        change = networks.update().where(_marked(network_id, epoch)).values(state="active", **ENDED)
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(change))

    def resume(
        self, call: Call, network_id: str, written: Written = lambda _: None
    ) -> MarkedNetwork | None:
        """Take over a network that another command left ``updating``.

        :param written: as for :meth:`begin`
        :returns: ``None`` if it is marked no longer
        :raises NetworkInTransition: somebody works on it
        """

        def work(tx: Connection) -> MarkedNetwork | None:
            mark = self._marks.new(call)
            found = taken(tx, self._marks, network_id, mark, "updating", only=["updating"])
            if found is not None:
                written(found)
            return found

        return self._database.write(call, work)


def _marked(network_id: str, epoch: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        networks.c.id == network_id,
        networks.c.state == "updating",
        networks.c.epoch == epoch,
    )
