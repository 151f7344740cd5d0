"""Services that share the store, and what came of the requests they were sent."""

import sqlalchemy as sa
from alembic import op

from qplug.db import Moment, identifier, long_text, name

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    op.create_table(
        "qplug_services",
        sa.Column("host", name(), nullable=False),
        sa.Column("worker", name(400), nullable=False),
        sa.Column("version", name(64), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_qplug_services"),
    )
    op.create_table(
        "qplug_requests",
        sa.Column("id", identifier(64), nullable=False),
        sa.Column("digest", identifier(64), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("worker", name(400)),
        sa.Column("due", Moment),
        sa.Column("answer", long_text()),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_requests"),
    )
    op.create_index("ix_qplug_requests_created_at", "qplug_requests", ["created_at"])
