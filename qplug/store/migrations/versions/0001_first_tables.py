"""Networks, instances, vifs and allocations; the ports of the local Quantum driver."""

import sqlalchemy as sa
from alembic import op

from qplug.db import Address, Moment, identifier, long_text, name

revision, down_revision = "0001", None


def upgrade() -> None:
    op.create_table(
        "qplug_owners",
        sa.Column("owner", name(), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_qplug_owners"),
    )
    op.create_table(
        "qplug_networks",
        sa.Column("id", identifier(), nullable=False),
        sa.Column("label", name(), nullable=False),
        sa.Column("project_id", name()),
        sa.Column("owner", name(), nullable=False),
        sa.Column("quantum_project", name(), nullable=False),
        sa.Column("priority", sa.Integer),
        sa.Column("host", name()),
        sa.Column("zone", name()),
        sa.Column("rxtx_base", sa.Integer),
        sa.Column("adopted", sa.Boolean, nullable=False),
        sa.Column("ipam", identifier(64), nullable=False),
        sa.Column("quantum", identifier(64), nullable=False),
        sa.Column("mac", identifier(64), nullable=False),
        sa.Column("l3", identifier(64), nullable=False),
        sa.Column("dhcp", identifier(64), nullable=False),
        sa.Column("state", identifier(16), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.UniqueConstraint("owner", "label", name="uq_qplug_networks_owner_label"),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_networks"),
    )
    op.create_index("ix_qplug_networks_label", "qplug_networks", ["label"])
    op.create_index("ix_qplug_networks_host", "qplug_networks", ["host"])
    op.create_table(
        "qplug_subnets",
        sa.Column("id", identifier(), nullable=False),
        sa.Column(
            "network_id",
            identifier(),
            sa.ForeignKey(
                "qplug_networks.id",
                onupdate="CASCADE",
                ondelete="CASCADE",
                name="fk_qplug_subnets_network_id",
            ),
            nullable=False,
        ),
        sa.Column("owner", name(), nullable=False),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("cidr", identifier(43), nullable=False),
        sa.Column("first", Address, nullable=False),
        sa.Column("last", Address, nullable=False),
        sa.Column("gateway", Address),
        sa.Column("dhcp_server", Address),
        sa.Column("pools", long_text(), nullable=False),
        sa.Column("reserved", long_text(), nullable=False),
        sa.Column("dns", long_text(), nullable=False),
        sa.Column("routes", long_text(), nullable=False),
        sa.UniqueConstraint(
            "owner", "version", "first", name="uq_qplug_subnets_owner_version_first"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_subnets"),
    )
    op.create_index("ix_qplug_subnets_network_id", "qplug_subnets", ["network_id"])
    op.create_table(
        "qplug_instances",
        sa.Column("id", identifier(), nullable=False),
        sa.Column("project_id", name(), nullable=False),
        sa.Column("name", name()),
        sa.Column("zone", name()),
        sa.Column("host", name()),
        sa.Column("rxtx_factor", sa.Double, nullable=False),
        sa.Column("request", long_text(), nullable=False),
        sa.Column("network_info", long_text()),
        sa.Column("state", identifier(16), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_instances"),
    )
    op.create_index("ix_qplug_instances_project_id", "qplug_instances", ["project_id"])
    op.create_table(
        "qplug_vifs",
        sa.Column("id", identifier(), nullable=False),
        sa.Column(
            "instance_id",
            identifier(),
            sa.ForeignKey("qplug_instances.id", name="fk_qplug_vifs_instance_id"),
            nullable=False,
        ),
        sa.Column(
            "network_id",
            identifier(),
            sa.ForeignKey("qplug_networks.id", name="fk_qplug_vifs_network_id"),
            nullable=False,
        ),
        sa.Column("project_id", name(), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("mac", identifier(17)),
        sa.Column("port_id", name()),
        sa.Column("state", identifier(16), nullable=False),
        sa.UniqueConstraint("mac", name="uq_qplug_vifs_mac"),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_vifs"),
    )
    op.create_index("ix_qplug_vifs_instance_id", "qplug_vifs", ["instance_id"])
    op.create_index("ix_qplug_vifs_network_id", "qplug_vifs", ["network_id"])
    op.create_table(
        "qplug_allocations",
        sa.Column("id", identifier(), nullable=False),
        sa.Column(
            "vif_id",
            identifier(),
            sa.ForeignKey("qplug_vifs.id", name="fk_qplug_allocations_vif_id"),
            nullable=False,
        ),
        sa.Column("network_id", identifier(), nullable=False),
        sa.Column("subnet_id", identifier(), nullable=False),
        sa.Column("address", Address, nullable=False),
        sa.UniqueConstraint(
            "network_id", "address", name="uq_qplug_allocations_network_id_address"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_allocations"),
    )
    op.create_index("ix_qplug_allocations_vif_id", "qplug_allocations", ["vif_id"])
    op.create_index("ix_qplug_allocations_address", "qplug_allocations", ["address"])
    op.create_table(
        "qplug_local_networks",
        sa.Column("id", identifier(), nullable=False),
        sa.Column("project_id", name(), nullable=False),
        sa.Column("label", name(), nullable=False),
        sa.Column("zone", name()),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_local_networks"),
    )
    op.create_index("ix_qplug_local_networks_project_id", "qplug_local_networks", ["project_id"])
    op.create_table(
        "qplug_local_ports",
        sa.Column("id", identifier(), nullable=False),
        sa.Column(
            "network_id",
            identifier(),
            sa.ForeignKey("qplug_local_networks.id", name="fk_qplug_local_ports_network_id"),
            nullable=False,
        ),
        sa.Column("attachment", identifier(64), nullable=False),
        sa.Column("mac", identifier(17)),
        sa.Column("instance_id", identifier()),
        sa.Column("host", name()),
        sa.Column("zone", name()),
        sa.Column("rxtx_factor", sa.Double),
        sa.Column("address_pairs", long_text(), nullable=False),
        sa.UniqueConstraint(
            "network_id", "attachment", name="uq_qplug_local_ports_network_id_attachment"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_qplug_local_ports"),
    )
