"""Which addresses were never given, and who had the others.

An address that vifs may get is in exactly one place: inside a row of ``free`` while it was never
given, in a row of its own in ``addresses`` ever after. Only subnets whose addresses are derived
have all that vifs may get in ``free``: nothing is ever chosen from there.
"""

import sqlalchemy as sa

from qplug.db import Address, Moment, identifier, long_text

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

subnets = sa.Table(
    "qplug_ipam_nova_subnets",
    metadata,
    sa.Column("id", identifier(), primary_key=True),
    sa.Column("network_id", identifier(), nullable=False),
    sa.Column("cidr", identifier(43), nullable=False),
    sa.Column("size", identifier(39), nullable=False),  # what vifs may get; up to 2**128, as text
    sa.Column("early", sa.Integer, nullable=False),  # how often a rest was cut short
    sa.Column("assignable", long_text(), nullable=False),  # what vifs may get: first, last, ...
    sa.Index(None, "network_id"),
)

free = sa.Table(
    "qplug_ipam_nova_free",
    metadata,
    sa.Column("subnet_id", identifier(), sa.ForeignKey(subnets.c.id), primary_key=True),
    sa.Column("first", Address, primary_key=True),
    sa.Column("last", Address, nullable=False),
)

addresses = sa.Table(
    "qplug_ipam_nova_addresses",
    metadata,
    # The foreign key also keeps a subnet from being deleted while an address of it is given.
    sa.Column("subnet_id", identifier(), sa.ForeignKey(subnets.c.id), primary_key=True),
    sa.Column("address", Address, primary_key=True),
    sa.Column("network_id", identifier(), nullable=False),
    sa.Column("vif_id", identifier()),  # none while it rests, and after
    sa.Column("slot", sa.Integer, nullable=False),  # 0 for the vif's first on the subnet, 1, 2 ...
    sa.Column("instance_id", identifier(), nullable=False),  # has or had it
    sa.Column("rest_end", Moment),  # none while a vif has it
    sa.Column("mac", identifier(17)),  # has or had it; none of what was given by the first release
    # False outside of what vifs may get by now: it stays with its vif, and is never chosen again.
    sa.Column("assignable", sa.Boolean, nullable=False, server_default=sa.true()),
    # Two calls at once for one vif cannot both give it a first address of a subnet. No index
    # begins with the network: planners without statistics would take it to find one vif.
    sa.UniqueConstraint("vif_id", "network_id", "subnet_id", "slot"),
    # Named by hand: PostgreSQL's names end after 63 characters.
    sa.Index(
        "ix_qplug_ipam_nova_addresses_order", "subnet_id", "assignable", "rest_end", "address"
    ),
)
