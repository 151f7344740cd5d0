"""Writing addresses that another vif may be about to leave."""

import random
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from qplug.db import Database
from qplug.errors import FixedIpAlreadyInUse
from qplug.model import Call
from qplug.store.records import VifRecord
from qplug.store.tables import allocations, instances, vifs

LEAVING_POLL = 0.02
"""Seconds, at most, between two looks at an address that another command is about to forget."""


def write_addresses(
    database: Database,
    call: Call,
    work: Callable[[Connection], None],
    added: Sequence[VifRecord],
) -> None:
    """Do work that writes addresses, once whoever had them before has been forgotten.

    The work asks first for the mark, without which there may be no vif to write them for.

    IPAM takes an address back, and may give it again, before that command writes so here.

    :raises FixedIpAlreadyInUse: the store knows another vif that has one of the addresses
    """
    while True:
        try:
            return database.write(call, work)
        except IntegrityError as error:
            leaving = database.read(call, lambda tx: _are_leaving(tx, added))
            if not (leaving and call.remaining()):
                given = sorted({str(a.address) for one in added for a in one.allocations})
                why = "the store has it for another vif"
                raise FixedIpAlreadyInUse(", ".join(given), why) from error
        time.sleep(random.uniform(0, LEAVING_POLL))  # noqa: S311  # jitter, no secret


def _are_leaving(tx: Connection, wanted: Sequence[VifRecord]) -> bool:
    """Say whether all that have one of the addresses by now are being changed or released."""
    pairs = [(one.network.id, a.address) for one in wanted for a in one.allocations]
    places = [
        sa.and_(allocations.c.network_id == network_id, allocations.c.address == address)
        for network_id, address in pairs
    ]
    ours = [one.vif.id for one in wanted]
    settled = (
        sa.select(allocations.c.id)
        .join_from(allocations, vifs, vifs.c.id == allocations.c.vif_id)
        .join(instances, instances.c.id == vifs.c.instance_id)
        .where(sa.or_(*places), vifs.c.id.not_in(ours), instances.c.state == "active")
    )
    return tx.execute(settled).first() is None
