"""The tables of the core, and the walk to them."""

from contextlib import closing
from dataclasses import replace

import sqlalchemy as sa

from qplug.db import Database
from qplug.store import Store
from qplug.store.migrations import MIGRATIONS
from qplug.store.tables import metadata
from qplug.testing.databases import every_database
from qplug.testing.migrations import MigrationsSuite
from qplug.testing.values import call

STATES = ("active", "building", "updating", "deleting")


@every_database
class TestMigrations(MigrationsSuite):
    """What every distribution with tables is asked."""

    migrations = MIGRATIONS
    metadata = metadata


@every_database
def test_what_a_killed_command_of_the_first_release_left_is_due_in_this_one(
    bare_database_url: str,
) -> None:
    with closing(Database(bare_database_url, replace(MIGRATIONS, head="0001"))) as older:
        older.upgrade()
        there = sa.MetaData()
        there.reflect(older.engine)
        rows = there.tables["qplug_instances"]
        common = {"project_id": "a", "rxtx_factor": 1, "request": "", "epoch": 7, "created_at": 1}
        with older.engine.begin() as connection:
            made = [common | {"id": state, "state": state} for state in STATES]
            connection.execute(rows.insert(), made)
    with closing(Database(bare_database_url, MIGRATIONS)) as newest:
        newest.upgrade()
    with closing(Store(bare_database_url, "host-1")) as store:
        found = store.work.all(call())
        assert {work.state for work in found} == {"building", "updating", "deleting"}
        assert all(work.is_due and work.is_free for work in found)
