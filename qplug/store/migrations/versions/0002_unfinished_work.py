"""Unfinished work says who does it, and when it may be taken over or is tried again."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from qplug.db import Moment, identifier, long_text, name

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    for table in ("qplug_networks", "qplug_instances"):
        with op.batch_alter_table(table) as batch:
            for column in _unfinished():
                batch.add_column(column)
        # What a killed command left until now is taken up by the next one.
        state, due = sa.column("state", identifier(16)), sa.column("due", Moment)
        rows = sa.table(table, state, due)
        op.execute(rows.update().where(state != "active").values(due=sa.literal_column("0")))
        _index(table)
    op.create_table(
        "qplug_tombstones",
        sa.Column("id", identifier(), nullable=False),
        sa.Column("kind", identifier(16), nullable=False),
        sa.Column("project_id", name()),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("suspects", long_text(), nullable=False),
        sa.Column("details", long_text(), nullable=False),
        *_unfinished(),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_tombstones"),
    )
    _index("qplug_tombstones")


def _unfinished() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("worker", name(400)),
        sa.Column("due", Moment),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("error", long_text()),
    )


def _index(table: str) -> None:
    op.create_index(f"ix_{table}_due", table, ["due"])
