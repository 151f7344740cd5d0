"""The suite of a distribution that keeps tables: a way leads from each of its releases to this one.

Revisions that are added later are walked to as well, with rows in every table of those before.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from netaddr import IPAddress
from sqlalchemy.engine import Connection, Engine

from qplug.db import Address, Database, Migrations, Moment
from qplug.testing.databases import database_of
from qplug.testing.values import NOW

Rows = Sequence[Mapping[str, Any]]


class MigrationsSuite:
    """Inherit it as ``@every_database class TestMigrations`` and say whose tables they are."""

    migrations: ClassVar[Migrations]
    metadata: ClassVar[sa.MetaData]
    texts: ClassVar[Mapping[str, str]] = {}
    """By a column's name, what every revision can read there, like ``[]``."""
    rewritten: ClassVar[frozenset[str]] = frozenset()
    """Columns, each as ``table.column``, that a revision drops or writes anew."""

    def test_an_empty_database_walks_to_the_newest_revision_there_is(
        self, bare_database_url: str
    ) -> None:
        with closing(Database(bare_database_url, self.migrations)) as database:
            assert database.current() is None
            assert database.upgrade() == database.current() == self._revisions()[-1]
            assert database.upgrade() == self.migrations.head

    def test_rows_of_every_release_are_there_after_the_walk_to_this_one(
        self, database_kind: str, tmp_path: Path
    ) -> None:
        for revision in self._revisions():
            with self._at(revision, database_kind, tmp_path / revision) as database:
                tables = self._tables(database.engine)
                assert tables
                for table in tables:
                    _insert(database.engine, table, self._rows(table))
                self._upgrade(database)
                for table in tables:
                    assert _select(database.engine, table) == self._rows(table)

    def test_the_newest_revision_has_exactly_the_tables_of_this_release(
        self, database_kind: str, bare_database_url: str, tmp_path: Path
    ) -> None:
        made = sa.create_engine(bare_database_url)
        self.metadata.create_all(made)
        wanted = _described(made)
        made.dispose()
        with self._at(self.migrations.head, database_kind, tmp_path / "walked") as database:
            found = _described(database.engine)
        del found[self.migrations.version_table]
        assert found == wanted

    def _revisions(self) -> Sequence[str]:
        """Return all there are, the first one first."""
        folder = self.migrations.versions
        scripts = ScriptDirectory(str(folder), version_locations=[folder])
        found = [script.revision for script in scripts.walk_revisions()][::-1]
        assert found == sorted(found)
        return found

    @contextmanager
    def _at(self, revision: str, kind: str, folder: Path) -> Iterator[Database]:
        """Yield a database as the release with that revision left it."""
        folder.mkdir()
        then = replace(self.migrations, head=revision)
        with database_of(kind, folder) as url, closing(Database(url, then)) as database:
            database.upgrade()
            yield database

    def _upgrade(self, database: Database) -> None:
        url = database.engine.url.render_as_string(hide_password=False)
        with closing(Database(url, self.migrations)) as newest:
            assert newest.upgrade() == self.migrations.head

    def _tables(self, engine: Engine) -> Sequence[sa.Table]:
        """Return the tables that are there, what others point to first, with our types."""
        there = sa.MetaData()
        there.reflect(engine)
        tables = [t for t in there.sorted_tables if t.name != self.migrations.version_table]
        for table in tables:
            ours = self.metadata.tables.get(table.name)
            for column in table.columns:
                if ours is not None and column.name in ours.columns:
                    column.type = ours.columns[column.name].type
        return tables

    def _rows(self, table: sa.Table) -> Rows:
        """Return two rows: one has every value, the other only those that it must have."""
        kept = [c for c in table.columns if str(c) not in self.rewritten]
        return [
            {c.name: None if number and c.nullable else self._value(c, number) for c in kept}
            for number in range(2)
        ]

    def _value(self, column: sa.Column[Any], number: int) -> Any:
        """Return the same for columns of which one points to the other."""
        kind = column.type
        if isinstance(kind, Address):
            return IPAddress("10.0.0.5") + number
        if isinstance(kind, Moment):
            return NOW + timedelta(seconds=number)
        plain = kind.impl_instance if isinstance(kind, sa.types.TypeDecorator) else kind
        if plain.python_type is str:
            return self.texts.get(column.name, f"text {number}")
        return plain.python_type(number)


def _insert(engine: Engine, table: sa.Table, rows: Rows) -> None:
    with engine.begin() as connection:
        connection.execute(table.insert(), rows)


def _select(engine: Engine, table: sa.Table) -> Rows:
    query = sa.select(table).order_by(*table.primary_key)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _described(engine: Engine) -> dict[str, Any]:
    """Return all that the database itself says of its tables; the order of columns is no matter."""
    with engine.connect() as connection:
        return {
            name: {
                "columns": _columns(connection, name),
                "primary key": sa.inspect(connection).get_pk_constraint(name),
                "foreign keys": _by_name(sa.inspect(connection).get_foreign_keys(name)),
                "uniques": _by_name(sa.inspect(connection).get_unique_constraints(name)),
                "indexes": _by_name(sa.inspect(connection).get_indexes(name)),
            }
            for name in sa.inspect(connection).get_table_names()
        }


def _columns(connection: Connection, table: str) -> Mapping[str, Any]:
    columns = sa.inspect(connection).get_columns(table)
    return {column["name"]: column | {"type": repr(column["type"])} for column in columns}


def _by_name(things: Sequence[Any]) -> Mapping[str, Any]:
    return {thing["name"]: thing for thing in things}
