"""The tables of the driver nova, and the walk to them."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from qplug.db import Database
from qplug_ipam_nova.migrations import MIGRATIONS
from qplug_ipam_nova.tables import addresses, free, metadata


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, MIGRATIONS)
    yield database
    database.close()


def test_the_head_is_the_newest_revision_there_is() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS.versions), version_locations=[MIGRATIONS.versions])
    assert scripts.get_heads() == [MIGRATIONS.head]


def test_an_empty_database_walks_to_the_head(database: Database) -> None:
    assert database.current() is None
    assert database.upgrade() == database.current() == MIGRATIONS.head
    assert database.upgrade() == MIGRATIONS.head


def test_the_head_has_the_tables_that_the_driver_expects(database: Database) -> None:
    database.upgrade()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "version_table": MIGRATIONS.version_table}
        )
        assert compare_metadata(context, metadata) == []


def test_the_head_has_the_keys_that_the_driver_relies_on(database: Database) -> None:
    database.upgrade()
    found = sa.inspect(database.engine)
    for table in (free, addresses):
        key = found.get_pk_constraint(table.name)["constrained_columns"]
        assert key == [column.name for column in table.primary_key]
        [foreign] = found.get_foreign_keys(table.name)
        assert foreign["constrained_columns"] == ["subnet_id"]
    [unique] = found.get_unique_constraints(addresses.name)
    assert unique["column_names"] == ["vif_id", "network_id", "subnet_id", "slot"]
