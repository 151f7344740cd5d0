"""The core's schema, one change a file, forward only."""

from qplug.db import Migrations

MIGRATIONS = Migrations(name="core", package=__name__, head="0004")
