"""How a network is marked by the command that works on it, and how that is taken over."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.errors import NetworkInTransition, NetworkNotFound
from qplug.model import Network
from qplug.store.marks import Mark, Marks, judged, take, taker, until
from qplug.store.rows import is_shown, networks_of, select_networks
from qplug.store.tables import networks, subnets
from qplug.store.tombstones import bury_network

# Made once, which takes longer than to run them.
judge = judged(networks)
take_over = taker(networks)
enter = (
    networks.update()
    .where(networks.c.id == sa.bindparam("key"), networks.c.state == "active")
    .values(due=until)
)


@dataclass(frozen=True, kw_only=True)
class MarkedNetwork:
    """A network that is marked as being changed or deleted, and by which mark."""

    network: Network
    """As it was, but adopted no more if it is to be deleted in Quantum too."""
    epoch: int
    fresh: bool = False
    """Whether it was active until now; else a command had marked it before."""
    attempts: int = 0
    """How often that was tried before."""


def entered(tx: Connection, network_id: str, mark: Mark, state: str) -> bool:
    """Mark an active network, and say whether it was one."""
    return tx.execute(enter, mark.columns() | {"key": network_id, "state": state}).rowcount > 0


def taken(
    tx: Connection,
    marks: Marks,
    network_id: str,
    mark: Mark,
    state: str,
    only: Collection[str] | None = None,
) -> MarkedNetwork | None:
    """Take over a network that was left in one of the states, or in any.

    :raises NetworkInTransition: somebody works on it
    """
    found = tx.execute(judge, {"key": network_id}).one_or_none()
    if found is None or (only and found.state not in only):
        return None
    if not marks.is_free(found) or not take(tx, take_over, found, mark, state=state):
        raise NetworkInTransition(found.label, found.state, network_id)
    network = read_network(tx, network_id, state=networks.c.state == state)
    # Who only deletes does no harm, however late, but to a network that is adopted again by then.
    if found.state != "deleting" or network.adopted:
        bury_network(tx, network, found.worker)
    return MarkedNetwork(network=network, epoch=mark.epoch, attempts=found.attempts)


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


def is_same(tx: Connection, network: Network) -> sa.ColumnElement[bool]:
    """Return that it is the very network, even where two commands adopt the same one at once.

    A statement of its own asks for that: inside of another one MariaDB reads all networks for it.
    """
    ids = [subnet.id for subnet in network.subnets]
    recorded = sa.select(subnets.c.network_id).where(subnets.c.id.in_(ids)).limit(1)
    return networks.c.id == tx.execute(recorded).scalar()
