"""What vifs may get of a subnet can change while its addresses are in use."""

import json
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from alembic import op
from netaddr import IPAddress

from qplug.db import Address, identifier, long_text
from qplug.model import merge

revision, down_revision = "0002", "0001"

SUBNETS = "qplug_ipam_nova_subnets"
FREE = "qplug_ipam_nova_free"
ADDRESSES = "qplug_ipam_nova_addresses"
OLD_ORDER = f"ix_{ADDRESSES}_subnet_id_rest_end_address"
NEW_ORDER = f"ix_{ADDRESSES}_order"


def upgrade() -> None:
    with op.batch_alter_table(ADDRESSES) as batch:
        batch.add_column(sa.Column("mac", identifier(17)))
        batch.add_column(
            sa.Column("assignable", sa.Boolean, nullable=False, server_default=sa.true())
        )
    columns = ["subnet_id", "assignable", "rest_end", "address"]
    op.create_index(NEW_ORDER, ADDRESSES, columns)
    op.drop_index(OLD_ORDER, ADDRESSES)
    with op.batch_alter_table(SUBNETS) as batch:
        batch.add_column(sa.Column("assignable", long_text()))
    for subnet_id in op.get_bind().execute(sa.select(_table(SUBNETS).c.id)).scalars().all():
        _note_assignable(subnet_id)
    with op.batch_alter_table(SUBNETS) as batch:
        batch.alter_column("assignable", existing_type=long_text(), nullable=False)


def _note_assignable(subnet_id: str) -> None:
    """Note what is there: until now every address with a row could be given to vifs."""
    free, addresses, subnets = _table(FREE), _table(ADDRESSES), _table(SUBNETS)
    never = op.get_bind().execute(
        sa.select(free.c.first, free.c.last).where(free.c.subnet_id == subnet_id)
    )
    known = op.get_bind().execute(
        sa.select(addresses.c.address, addresses.c.address).where(
            addresses.c.subnet_id == subnet_id
        )
    )
    text = _text([*never.all(), *known.all()])
    op.get_bind().execute(subnets.update().where(subnets.c.id == subnet_id).values(assignable=text))


def _text(pairs: Iterable[Sequence[IPAddress]]) -> str:
    there = list(pairs)
    version = there[0][0].version if there else 4
    runs = merge((first.value, last.value) for first, last in there)
    texts = [[str(IPAddress(value, version)) for value in run] for run in runs]
    return json.dumps(texts)


def _table(name: str) -> sa.TableClause:
    return sa.table(
        name,
        sa.column("id", identifier()),
        sa.column("subnet_id", identifier()),
        sa.column("address", Address),
        sa.column("first", Address),
        sa.column("last", Address),
        sa.column("assignable", long_text()),
    )
