"""``qplug db``: the tables of the core, and of every plugin that keeps some."""

from argparse import Namespace
from typing import TYPE_CHECKING

from cliff.lister import Lister

from qplug.cli.base import Printed, Rows

if TYPE_CHECKING:
    from qplug.db import Database

COLUMNS = ("name", "database", "found", "expected")


class DbCurrent(Printed, Lister):
    """Show which version the tables have and should have."""

    columns = COLUMNS

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Look."""
        from qplug.db.installed import installed

        with installed(self.app.conf) as databases:
            return COLUMNS, [_row(database) for database in databases]


class DbUpgrade(Printed, Lister):
    """Make all tables, or bring them to this release."""

    columns = COLUMNS

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Upgrade."""
        from qplug.db.installed import installed

        with installed(self.app.conf) as databases:
            for database in databases:
                database.upgrade()
            return COLUMNS, [_row(database) for database in databases]


def _row(database: "Database") -> tuple[str | None, ...]:
    migrations = database.migrations
    return migrations.name, database.name, database.current(), migrations.head
