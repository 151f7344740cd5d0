"""The tables of the driver nova, as its README names them: no test of the core imports a plugin."""

import sqlalchemy as sa

from qplug.db import Address, identifier

nova_subnets = sa.table(
    "qplug_ipam_nova_subnets", sa.column("id", identifier()), sa.column("network_id", identifier())
)
nova_free = sa.table(
    "qplug_ipam_nova_free",
    sa.column("subnet_id", identifier()),
    sa.column("first", Address),
    sa.column("last", Address),
)
nova_addresses = sa.table(
    "qplug_ipam_nova_addresses",
    sa.column("subnet_id", identifier()),
    sa.column("address", Address),
    sa.column("network_id", identifier()),
    sa.column("vif_id", identifier()),
    sa.column("slot", sa.Integer),
    sa.column("instance_id", identifier()),
    sa.column("assignable", sa.Boolean),
)
