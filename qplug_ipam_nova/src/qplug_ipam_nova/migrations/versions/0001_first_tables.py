"""Subnets, the addresses never given, and the others."""

import sqlalchemy as sa
from alembic import op

from qplug.db import Address, Moment, identifier

revision, down_revision = "0001", None

SUBNETS = "qplug_ipam_nova_subnets"
FREE = "qplug_ipam_nova_free"
ADDRESSES = "qplug_ipam_nova_addresses"
VIF = ["vif_id", "network_id", "subnet_id", "slot"]
REST = ["subnet_id", "rest_end", "address"]


def upgrade() -> None:
    op.create_table(
        SUBNETS,
        sa.Column("id", identifier(), nullable=False),
        sa.Column("network_id", identifier(), nullable=False),
        sa.Column("cidr", identifier(43), nullable=False),
        sa.Column("size", identifier(39), nullable=False),
        sa.Column("early", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{SUBNETS}"),
    )
    op.create_index(f"ix_{SUBNETS}_network_id", SUBNETS, ["network_id"])
    op.create_table(
        FREE,
        _subnet_id(FREE),
        sa.Column("first", Address, nullable=False),
        sa.Column("last", Address, nullable=False),
        sa.PrimaryKeyConstraint("subnet_id", "first", name=f"pk_{FREE}"),
    )
    _create_addresses()


def _create_addresses() -> None:
    op.create_table(
        ADDRESSES,
        _subnet_id(ADDRESSES),
        sa.Column("address", Address, nullable=False),
        sa.Column("network_id", identifier(), nullable=False),
        sa.Column("vif_id", identifier()),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("instance_id", identifier(), nullable=False),
        sa.Column("rest_end", Moment),
        sa.PrimaryKeyConstraint("subnet_id", "address", name=f"pk_{ADDRESSES}"),
        sa.UniqueConstraint(*VIF, name="_".join(["uq", ADDRESSES, *VIF])),
    )
    op.create_index("_".join(["ix", ADDRESSES, *REST]), ADDRESSES, REST)


def _subnet_id(table: str) -> "sa.Column[str]":
    key = sa.ForeignKey(f"{SUBNETS}.id", name=f"fk_{table}_subnet_id")
    return sa.Column("subnet_id", identifier(), key, nullable=False)
