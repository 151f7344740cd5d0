"""Deleting networks: hidden before the first step, forgotten after the last."""

from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.errors import NetworkBusy, NetworkInTransition
from qplug.model import Call, Network
from qplug.store.marks import ENDED, Mark, Marks
from qplug.store.network_marks import MarkedNetwork, entered, is_same, read_network, taken
from qplug.store.tables import networks, vifs

HIDDEN = ("building", "deleting")

Written = Callable[[MarkedNetwork], object]


class NetworkDeletions:
    """One command at a time deletes a network; no vif can join it from then on."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks

    def begin(
        self,
        call: Call,
        network_id: str,
        written: Written = lambda _: None,
        *,
        with_quantum: bool = False,
    ) -> MarkedNetwork:
        """Mark a network as ``deleting`` and return it.

        One that nobody makes or deletes any more is taken over; what nobody changes any more is
        to be settled before, since the deletion may yet be refused.

        :param written: called with what will be returned when only the commit is left
        :param with_quantum: whether it is to be deleted in Quantum even if it was adopted
        :raises NetworkBusy: it has vifs; nothing is marked
        :raises NetworkInTransition: it is being made, changed or deleted, or was left half-changed
        :raises NetworkNotFound: there is none
        """

        def work(tx: Connection) -> MarkedNetwork:
            marked = self._begun(tx, network_id, self._marks.new(call))
            _refuse_busy(tx, marked.network)
            if with_quantum and marked.network.adopted:
                marked = replace(marked, network=replace(marked.network, adopted=False))
                owned = networks.update().where(networks.c.id == network_id)
                tx.execute(owned.values(adopted=False))
            written(marked)
            return marked

        return self._database.write(call, work)

    def _begun(self, tx: Connection, network_id: str, mark: Mark) -> MarkedNetwork:
        if entered(tx, network_id, mark, "deleting"):
            network = read_network(tx, network_id, state=networks.c.state == "deleting")
            return MarkedNetwork(network=network, epoch=mark.epoch, fresh=True)
        found = taken(tx, self._marks, network_id, mark, "deleting", only=HIDDEN)
        if found is None:
            network = read_network(tx, network_id)
            raise NetworkInTransition(network.label, "updating", network_id)
        return found

    def resume(
        self, call: Call, network_id: str, written: Written = lambda _: None
    ) -> MarkedNetwork | None:
        """Take over a network that another command left ``building`` or ``deleting``.

        :param written: as for :meth:`begin`
        :returns: ``None`` if it is in neither state by now: it may be there again, and used
        :raises NetworkInTransition: somebody works on it
        """

        def work(tx: Connection) -> MarkedNetwork | None:
            mark = self._marks.new(call)
            found = taken(tx, self._marks, network_id, mark, "deleting", only=HIDDEN)
            if found is not None:
                written(found)
            return found

        return self._database.write(call, work)

    def cancel(self, call: Call, deletion: MarkedNetwork, *, adopted: bool) -> None:
        """Make a network active again whose deletion was refused before anything was done.

        It stays marked if it was so before: parts of it may be gone.

        :param adopted: whether it was before
        """
        mine = sa.and_(
            networks.c.id == deletion.network.id,
            networks.c.state == "deleting",
            networks.c.epoch == deletion.epoch,
        )
        ended = {"state": "active", **ENDED} if deletion.fresh else {}
        change = networks.update().where(mine).values(adopted=adopted, **ended)
        with self._marks.leaving(deletion.epoch):
            self._database.write(call, lambda tx: tx.execute(change))

    def forget(self, call: Call, network: Network, epoch: int) -> None:
        """Remove a network that this command builds or deletes, with its subnets."""
        hidden = networks.delete().where(
            networks.c.state.in_(["building", "deleting"]), networks.c.epoch == epoch
        )
        with self._marks.leaving(epoch):
            self._database.write(call, lambda tx: tx.execute(hidden.where(is_same(tx, network))))


def _refuse_busy(tx: Connection, network: Network) -> None:
    joined = sa.select(sa.func.count()).where(vifs.c.network_id == network.id)
    busy = tx.execute(joined).scalar_one()
    if busy:
        raise NetworkBusy(network.label, busy)
