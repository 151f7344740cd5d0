"""The manager's own records, and the ports of the ``local`` Quantum driver.

States: ``building`` until the last step succeeded, ``active``, ``updating`` while a step changes
it, ``deleting`` from before the first release until nothing is left. A row that is not ``active``
is the durable note that work is unfinished; ``epoch`` tells which command worked on it last.
"""

from typing import Any

import sqlalchemy as sa

from qplug.db import Address, Moment, identifier, long_text, name

WORKER_LENGTH = 400
"""A host's name and what tells a process from all others there."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def unfinished() -> tuple[sa.Column[Any], ...]:
    """Return the columns that tell of unfinished work who does it, or when it is tried again."""
    return (
        # A process, as qplug.store.worker writes it; nobody waits for whom there is none.
        sa.Column("worker", name(WORKER_LENGTH)),
        # By the database's clock: until then it is the worker's alone, or then it is tried again.
        sa.Column("due", Moment),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("error", long_text()),
    )


owners = sa.Table(
    "qplug_owners",
    metadata,
    # A row a project, and '' for nobody: written first by whoever adds a cidr, so that two
    # overlapping ones cannot be added at once.
    sa.Column("owner", name(), primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
)

networks = sa.Table(
    "qplug_networks",
    metadata,
    sa.Column("id", identifier(), primary_key=True),
    sa.Column("label", name(), nullable=False),
    sa.Column("project_id", name()),
    sa.Column("owner", name(), nullable=False),  # project_id, or '': unique needs a value
    sa.Column("quantum_project", name(), nullable=False),
    sa.Column("priority", sa.Integer),
    sa.Column("host", name()),
    sa.Column("zone", name()),
    sa.Column("rxtx_base", sa.Integer),
    sa.Column("mtu", sa.Integer),
    sa.Column("dns_domain", name()),
    sa.Column("lease_time", sa.Integer),
    sa.Column("adopted", sa.Boolean, nullable=False),
    sa.Column("ipam", identifier(64), nullable=False),
    sa.Column("quantum", identifier(64), nullable=False),
    sa.Column("mac", identifier(64), nullable=False),
    sa.Column("l3", identifier(64), nullable=False),
    sa.Column("dhcp", identifier(64), nullable=False),
    sa.Column("state", identifier(16), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    *unfinished(),
    sa.UniqueConstraint("owner", "label"),
    sa.Index(None, "label"),
    sa.Index(None, "host"),
    sa.Index(None, "due"),
)

subnets = sa.Table(
    "qplug_subnets",
    metadata,
    sa.Column("id", identifier(), primary_key=True),
    sa.Column(
        "network_id",
        identifier(),
        sa.ForeignKey("qplug_networks.id", onupdate="CASCADE", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("owner", name(), nullable=False),  # the network's, for the index below
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
    sa.UniqueConstraint("owner", "version", "first"),
    sa.Index(None, "network_id"),
)

instances = sa.Table(
    "qplug_instances",
    metadata,
    sa.Column("id", identifier(), primary_key=True),
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
    *unfinished(),
    sa.Index(None, "project_id"),
    sa.Index(None, "due"),
)

vifs = sa.Table(
    "qplug_vifs",
    metadata,
    sa.Column("id", identifier(), primary_key=True),
    sa.Column("instance_id", identifier(), sa.ForeignKey("qplug_instances.id"), nullable=False),
    sa.Column("network_id", identifier(), sa.ForeignKey("qplug_networks.id"), nullable=False),
    sa.Column("project_id", name(), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("mac", identifier(17), unique=True),
    sa.Column("port_id", name()),
    sa.Column("state", identifier(16), nullable=False),
    sa.Index(None, "instance_id"),
    sa.Index(None, "network_id"),
)

allocations = sa.Table(
    "qplug_allocations",
    metadata,
    sa.Column("id", identifier(), primary_key=True),
    sa.Column("vif_id", identifier(), sa.ForeignKey("qplug_vifs.id"), nullable=False),
    sa.Column("network_id", identifier(), nullable=False),
    sa.Column("subnet_id", identifier(), nullable=False),
    sa.Column("address", Address, nullable=False),
    sa.UniqueConstraint("network_id", "address"),
    sa.Index(None, "vif_id"),
    sa.Index(None, "address"),
)

tombstones = sa.Table(
    "qplug_tombstones",
    metadata,
    # What was taken over from another command, whose last call of a driver may still have its
    # effect: it is released once more when it is due.
    sa.Column("id", identifier(), primary_key=True),  # of a vif, or of a network that was made
    sa.Column("kind", identifier(16), nullable=False),
    sa.Column("project_id", name()),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("suspects", long_text(), nullable=False),  # whose calls they may be
    sa.Column("details", long_text(), nullable=False),
    *unfinished(),
    sa.Index(None, "due"),
)

local_networks = sa.Table(
    "qplug_local_networks",
    metadata,
    sa.Column("id", identifier(), primary_key=True),
    sa.Column("project_id", name(), nullable=False),
    sa.Column("label", name(), nullable=False),
    sa.Column("zone", name()),
    sa.Index(None, "project_id"),
)

local_ports = sa.Table(
    "qplug_local_ports",
    metadata,
    sa.Column("id", identifier(), primary_key=True),
    sa.Column("network_id", identifier(), sa.ForeignKey("qplug_local_networks.id"), nullable=False),
    sa.Column("attachment", identifier(64), nullable=False),
    sa.Column("mac", identifier(17)),
    sa.Column("instance_id", identifier()),
    sa.Column("host", name()),
    sa.Column("zone", name()),
    sa.Column("rxtx_factor", sa.Double),
    sa.Column("address_pairs", long_text(), nullable=False),
    sa.UniqueConstraint("network_id", "attachment"),
)

services = sa.Table(
    "qplug_services",
    metadata,
    sa.Column("host", name(), primary_key=True),
    sa.Column("worker", name(WORKER_LENGTH), nullable=False),
    sa.Column("version", name(64), nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),  # by the database's clock
)

requests = sa.Table(
    "qplug_requests",
    metadata,
    sa.Column("id", identifier(64), primary_key=True),
    # Of what was asked, so that one id cannot stand for two requests.
    sa.Column("digest", identifier(64), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("worker", name(WORKER_LENGTH)),  # nobody once there is an answer
    sa.Column("due", Moment),
    sa.Column("answer", long_text()),  # empty from when it was done until it is known
    sa.Column("created_at", Moment, nullable=False, index=True),
)
