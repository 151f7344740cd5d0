"""The databases of everything installed, found through the entry points ``qplug.migrations``."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import EntryPoint, entry_points

from oslo_config import cfg

from qplug.db.engine import Database
from qplug.db.migrate import Migrations
from qplug.db.options import connection_opt, connection_url
from qplug.errors import MigrationsBroken

NAMESPACE = "qplug.migrations"
CORE = "core"


@contextmanager
def installed(conf: cfg.ConfigOpts) -> Iterator[Sequence[Database]]:
    """Open the database of each distribution that keeps tables, the core's first.

    :raises MigrationsBroken: a distribution does not say what its tables are
    :raises DatabaseUnusable: the url of one is none
    """
    points = sorted(entry_points(group=NAMESPACE), key=lambda p: (p.name != CORE, p.name))
    with ExitStack() as closing:
        databases = [_database(conf, _migrations(point)) for point in points]
        for database in databases:
            closing.callback(database.close)
        yield databases


def _database(conf: cfg.ConfigOpts, migrations: Migrations) -> Database:
    group = "database" if migrations.name == CORE else migrations.name
    with suppress(cfg.DuplicateOptError):  # the distribution may describe it in its own words
        conf.register_opt(connection_opt(), group=group)
    return Database(connection_url(conf, group), migrations)


def _migrations(point: EntryPoint) -> Migrations:
    try:
        found = point.load().MIGRATIONS
    except Exception as error:  # a plugin may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise MigrationsBroken(point.name, point.value, reason) from error
    if not (isinstance(found, Migrations) and found.name == point.name):
        raise MigrationsBroken(point.name, point.value, f"they are no Migrations of {point.name}")
    return found
