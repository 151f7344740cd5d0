"""What a network claims for itself among those of its owner: its id, label and cidrs."""

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.db import Database
from qplug.errors import CidrConflict, InvalidInput, LabelInUse, NetworkExists, NetworkInTransition
from qplug.model import Call, Network, Subnet
from qplug.store.rows import bounds
from qplug.store.tables import networks, owners, subnets

T = TypeVar("T")

MAX_HOST = 255

SETTLE_ATTEMPTS = 5


def settled(database: Database, call: Call, work: Callable[[Connection], T]) -> T:
    """Run work that checks before it writes; check again when another writer came between."""
    for _ in range(SETTLE_ATTEMPTS):
        try:
            return database.write(call, work)
        except IntegrityError:
            continue
    return database.write(call, work)


def lock_owner(tx: Connection, project_id: str | None) -> None:
    """Let one transaction at a time add cidrs for an owner."""
    mine = owners.c.owner == (project_id or "")
    if not tx.execute(owners.update().where(mine).values(epoch=owners.c.epoch + 1)).rowcount:
        tx.execute(owners.insert(), {"owner": project_id or "", "epoch": 1})


def refuse_id(tx: Connection, network_id: str) -> None:
    """Refuse an id that is kept already.

    :raises NetworkExists: it is
    :raises NetworkInTransition: it is that of a network half made or deleted
    """
    query = sa.select(networks.c.label, networks.c.state).where(networks.c.id == network_id)
    found = tx.execute(query).one_or_none()
    if found is not None:
        _refuse_hidden(found.label, found.state, network_id)
        raise NetworkExists(network_id)


def refuse_host(host: str | None) -> None:
    """Refuse a host's name that its column has no room for; the others are checked by then.

    :raises InvalidInput: it is too long
    """
    if host is not None and len(host) > MAX_HOST:
        raise InvalidInput("host", f"{host[:80]}...", f"at most {MAX_HOST} characters")


def refuse_label(tx: Connection, network: Network) -> None:
    """Refuse a label that another network of the owner has.

    :raises LabelInUse: one has it
    :raises NetworkInTransition: one has it that is half made or deleted
    """
    same = sa.and_(
        networks.c.owner == (network.project_id or ""), networks.c.label == network.label
    )
    query = sa.select(networks.c.id, networks.c.state).where(same, networks.c.id != network.id)
    found = tx.execute(query).one_or_none()
    if found is not None:
        _refuse_hidden(network.label, found.state, found.id)
        raise LabelInUse(network.label, network.project_id)


def refuse_overlap(tx: Connection, owner: str | None, subnet: Subnet) -> None:
    """Refuse a subnet that overlaps another one of the owner.

    It looks at one row: the subnets of an owner are disjoint, so only the last can overlap.

    :raises CidrConflict: one does
    :raises NetworkInTransition: one does that is of a network half made or deleted
    """
    first, last = bounds(subnet)
    found = tx.execute(
        sa.select(subnets.c.cidr, subnets.c.last, networks.c.id, networks.c.label, networks.c.state)
        .join_from(subnets, networks)
        .where(
            subnets.c.owner == (owner or ""),
            subnets.c.version == subnet.version,
            subnets.c.first <= last,
        )
        .order_by(subnets.c.first.desc())
        .limit(1)
    ).one_or_none()
    if found is not None and found.last >= first:
        _refuse_hidden(found.label, found.state, found.id)
        raise CidrConflict(str(subnet.cidr), found.cidr, found.label)


def _refuse_hidden(label: str, state: str, network_id: str) -> None:
    """Say that what is in the way is a network which lists do not show."""
    if state in ("building", "deleting"):
        raise NetworkInTransition(label, state, network_id)
