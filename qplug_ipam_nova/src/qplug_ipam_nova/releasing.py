"""Taking addresses back and ending their rest."""

from datetime import datetime

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug.model import Lease, mac_address
from qplug_ipam_nova.subnets import ids_of
from qplug_ipam_nova.tables import addresses


def release(
    connection: Connection,
    network_id: str,
    vif_id: str,
    rest_end: datetime,
    address: IPAddress | None = None,
) -> None:
    """Take back one address of a vif on a network, or all."""
    one = addresses.c.address == address if address is not None else sa.true()
    connection.execute(
        addresses.update()
        .where(addresses.c.vif_id == vif_id, addresses.c.network_id == network_id, one)
        .values(vif_id=None, rest_end=rest_end)
    )


def end_rest(connection: Connection, lease: Lease, now: datetime) -> None:
    """Let the rest of an address be over, if it lasts and whoever had the lease had it last."""
    # Not a subquery, which MariaDB runs once for each row it might update.
    kept = sorted(ids_of(connection, lease.network_id))
    had_it = sa.or_(addresses.c.mac == str(mac_address(lease.mac)), addresses.c.mac.is_(None))
    connection.execute(
        addresses.update()
        .where(
            addresses.c.subnet_id.in_(kept),
            addresses.c.address == lease.address,
            addresses.c.rest_end > now,
            had_it,
        )
        .values(rest_end=now)
    )
