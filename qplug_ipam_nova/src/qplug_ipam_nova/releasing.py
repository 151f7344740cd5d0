"""Taking addresses back and ending their rest."""

from datetime import datetime

import sqlalchemy as sa
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug.model import Lease, mac_address
from qplug_ipam_nova.subnets import ids_of
from qplug_ipam_nova.tables import addresses

# Made once, which takes longer than to run it.
released = (
    addresses.update()
    .where(
        addresses.c.vif_id == sa.bindparam("vif"), addresses.c.network_id == sa.bindparam("network")
    )
    .values(vif_id=None)
)
is_one = addresses.c.address == sa.bindparam("one")


def release(
    connection: Connection,
    network_id: str,
    vif_id: str,
    rest_end: datetime,
    address: IPAddress | None = None,
) -> None:
    """Take back one address of a vif on a network, or all."""
    key = {"vif": vif_id, "network": network_id, "rest_end": rest_end}
    if address is None:
        connection.execute(released, key)
    else:
        connection.execute(released.where(is_one), key | {"one": address})


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
