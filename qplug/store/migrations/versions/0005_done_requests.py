"""Whether a request was done, where what it returned may have been lost."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    op.add_column("qplug_requests", sa.Column("done", sa.Boolean))
