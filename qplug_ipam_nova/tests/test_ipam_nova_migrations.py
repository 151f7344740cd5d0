"""The tables of the driver nova, and the walk to them."""

from qplug.testing.databases import every_database
from qplug.testing.migrations import MigrationsSuite
from qplug_ipam_nova.migrations import MIGRATIONS
from qplug_ipam_nova.tables import metadata


@every_database
class TestMigrations(MigrationsSuite):
    """What every distribution with tables is asked."""

    migrations = MIGRATIONS
    metadata = metadata
