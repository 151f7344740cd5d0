"""How an instance is marked by the command that works on it, and how that is taken over or ends."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from qplug.errors import InstanceInTransition
from qplug.store.marks import ENDED, Mark, Marks, judged, take, taker, until
from qplug.store.tables import instances
from qplug.store.tombstones import bury_vifs

# Statements are made once, which takes longer than to run them.
is_it = instances.c.id == sa.bindparam("instance")
is_marked = sa.and_(
    is_it, instances.c.state == sa.bindparam("was"), instances.c.epoch == sa.bindparam("known")
)
judge = judged(instances)
take_over = taker(instances)
enter = instances.update().where(is_it, instances.c.state == "active").values(due=until)
leave = instances.update().where(is_marked)
leave_for_later = leave.values(due=until)


def marked(instance_id: str, state: str, epoch: int) -> dict[str, Any]:
    """Return the parameters of :data:`is_marked`."""
    return {"instance": instance_id, "was": state, "known": epoch}


def end(tx: Connection, instance_id: str, state: str, epoch: int, **columns: Any) -> None:
    """Make an instance active that one command has marked.

    :raises InstanceInTransition: the mark is not that command's any more
    """
    change = marked(instance_id, state, epoch) | {"state": "active"} | ENDED | columns
    if not tx.execute(leave, change).rowcount:
        raise InstanceInTransition(instance_id, "taken over by another command")


def taken(
    tx: Connection,
    marks: Marks,
    instance_id: str,
    mark: Mark,
    state: str,
    only: Collection[str] | None = None,
) -> sa.Row[Any] | None:
    """Take over an instance that is in one of the states, or any, and return how it was found.

    :raises InstanceInTransition: somebody works on it
    """
    found = tx.execute(judge, {"key": instance_id}).one_or_none()
    if found is None or (only and found.state not in only):
        return None
    if not marks.is_free(found) or not take(tx, take_over, found, mark, state=state):
        raise InstanceInTransition(instance_id, found.state)
    if found.state != "deleting":  # who only releases does no harm, however late
        bury_vifs(tx, instance_id, found.worker)
    return found
