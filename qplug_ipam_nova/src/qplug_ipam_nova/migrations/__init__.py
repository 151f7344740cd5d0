"""The driver's schema, one change a file, forward only."""

from qplug.db import Migrations

MIGRATIONS = Migrations(name="ipam_nova", package=__name__, head="0002")
