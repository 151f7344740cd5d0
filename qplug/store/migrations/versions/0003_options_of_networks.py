"""A network may have an MTU, a domain and a lease time of its own."""

import sqlalchemy as sa
from alembic import op

from qplug.db import name

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    with op.batch_alter_table("qplug_networks") as batch:
        batch.add_column(sa.Column("mtu", sa.Integer))
        batch.add_column(sa.Column("dns_domain", name()))
        batch.add_column(sa.Column("lease_time", sa.Integer))
