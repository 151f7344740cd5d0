"""The tables of the core, and the walk to them."""

from qplug.store.migrations import MIGRATIONS
from qplug.store.tables import metadata
from qplug.testing.databases import every_database
from qplug.testing.migrations import MigrationsSuite


@every_database
class TestMigrations(MigrationsSuite):
    """What every distribution with tables is asked."""

    migrations = MIGRATIONS
    metadata = metadata
