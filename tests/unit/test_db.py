"""Column types, transactions, schemas and what is said of databases that cannot be used."""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress
from oslo_config import cfg
from sqlalchemy import exc

from qplug.db import (
    Address,
    Database,
    Migrations,
    Moment,
    connection_opt,
    connection_url,
    identifier,
    name,
)
from qplug.db.engine import ATTEMPTS, DRIVERS
from qplug.errors import DatabaseUnavailable, DatabaseUnusable, SchemaTooNew
from qplug.store.migrations import MIGRATIONS
from qplug.store.tables import owners
from qplug.testing.clock import Statements
from qplug.testing.values import call

OWNER = {"owner": "project-a", "epoch": 1}
V4 = st.integers(0, 2**32 - 1).map(lambda value: IPAddress(value, 4))
V6 = st.integers(0, 2**128 - 1).map(lambda value: IPAddress(value, 6))
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "qplug.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}", MIGRATIONS)
    yield database
    database.close()


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock, as another process would."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def epochs(connection: sa.Connection) -> Sequence[int]:
    return connection.execute(sa.select(owners.c.epoch).order_by(owners.c.epoch)).scalars().all()


def add(epoch: int) -> Callable[[sa.Connection], object]:
    row = {"owner": f"project-{epoch}", "epoch": epoch}
    return lambda connection: connection.execute(owners.insert(), row)


VALUES = sa.Table(
    "values",
    sa.MetaData(),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("address", Address),
    sa.Column("moment", Moment),
    sa.Column("id", identifier()),
    sa.Column("name", name()),
)


@pytest.fixture(scope="module")
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        VALUES.create(connection)
        yield connection
    engine.dispose()


class TestTypes:
    """What is written comes back, and sorts."""

    def kept(
        self, connection: sa.Connection, column: str, wanted: Sequence[object]
    ) -> list[object]:
        """Write, and read in the order of the column."""
        connection.execute(VALUES.delete())
        connection.execute(VALUES.insert(), [{column: value} for value in wanted])
        found = VALUES.c[column]
        return list(connection.execute(sa.select(found).order_by(found)).scalars())

    @given(st.lists(V4, min_size=1) | st.lists(V6, min_size=1))
    def test_addresses_of_a_version_come_back_in_the_order_of_numbers(
        self, connection: sa.Connection, wanted: Sequence[IPAddress]
    ) -> None:
        found = self.kept(connection, "address", wanted)
        assert found == sorted(wanted)
        assert {type(address) for address in found} == {IPAddress}

    @given(V4, V6)
    def test_all_of_ipv4_sorts_before_ipv6(
        self, connection: sa.Connection, four: IPAddress, six: IPAddress
    ) -> None:
        assert self.kept(connection, "address", [six, four]) == [four, six]

    @given(V4 | V6)
    def test_an_address_is_found_by_comparing(
        self, connection: sa.Connection, address: IPAddress
    ) -> None:
        self.kept(connection, "address", [address])
        column = VALUES.c.address
        found = sa.select(column).where(column == address, column >= address, column <= address)
        assert connection.execute(found).scalar() == address

    @given(st.lists(MOMENTS, min_size=1))
    def test_moments_come_back_to_the_microsecond_and_in_order(
        self, connection: sa.Connection, wanted: Sequence[datetime]
    ) -> None:
        found = self.kept(connection, "moment", wanted)
        assert found == sorted(wanted)
        assert {moment.tzinfo for moment in found if isinstance(moment, datetime)} == {UTC}

    @given(MOMENTS)
    def test_a_moment_of_another_zone_comes_back_in_utc(
        self, connection: sa.Connection, moment: datetime
    ) -> None:
        elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=45)))
        assert self.kept(connection, "moment", [elsewhere]) == [moment]

    @given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0")), min_size=1))
    def test_identifiers_sort_byte_by_byte(
        self, connection: sa.Connection, wanted: Sequence[str]
    ) -> None:
        assert self.kept(connection, "id", wanted) == sorted(wanted)

    @pytest.mark.parametrize("column", ["address", "moment", "id", "name"])
    def test_null_stays_none(self, connection: sa.Connection, column: str) -> None:
        assert self.kept(connection, column, [None]) == [None]


Release = Callable[..., Migrations]


class TestTransactions:
    """Begun, committed, rolled back and tried again."""

    def test_write_commits_and_returns_what_its_work_returns(self, database: Database) -> None:
        assert database.write(call(), lambda tx: (add(1)(tx), "done")[1]) == "done"
        assert database.read(call(), epochs) == [1]

    def test_write_rolls_back_when_its_work_raises(self, database: Database) -> None:
        def work(connection: sa.Connection) -> None:
            add(1)(connection)
            raise LookupError("why not")

        with pytest.raises(LookupError, match="why not"):
            database.write(call(), work)
        assert database.read(call(), epochs) == []

    def test_an_integrity_error_passes_and_is_not_tried_again(self, database: Database) -> None:
        runs = []

        def work(connection: sa.Connection) -> None:
            runs.append(add(1)(connection))

        database.write(call(), work)
        with pytest.raises(exc.IntegrityError):
            database.write(call(), work)
        assert len(runs) == 1

    def test_a_foreign_key_to_nothing_is_an_integrity_error(self, database: Database) -> None:
        subnet = sa.text("INSERT INTO qplug_vifs VALUES ('a', 'b', 'c', 'd', 0, NULL, NULL, 'e')")
        with pytest.raises(exc.IntegrityError, match="FOREIGN KEY"):
            database.write(call(), lambda tx: tx.execute(subnet))

    def test_work_that_lost_a_race_runs_again_in_a_new_transaction(
        self, database: Database, path: Path
    ) -> None:
        seen = []

        def work(connection: sa.Connection) -> None:
            seen.append(epochs(connection))
            if len(seen) == 1:
                with locked(path) as other:
                    other.execute("INSERT INTO qplug_owners VALUES ('faster', 1)")
                    other.execute("COMMIT")
            add(2)(connection)  # SQLITE_BUSY_SNAPSHOT: it would write on what is no more

        database.read(call(), work)
        assert seen == [[], [1]]
        assert database.read(call(), epochs) == [1, 2]

    def test_write_waits_for_its_turn(
        self, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database.write(call(), add(1))
        with locked(path) as other:
            monkeypatch.setattr("qplug.db.sqlite.time.sleep", lambda _: other.rollback())
            database.write(call(), add(2))
        assert database.read(call(), epochs) == [1, 2]

    def test_write_gives_up_at_the_deadline(self, database: Database, path: Path) -> None:
        database.write(call(), add(1))
        hurried = call(0.05)
        with (
            locked(path),
            pytest.raises(DatabaseUnavailable, match="another process keeps it lock"),
        ):
            database.write(hurried, add(2))
        assert not hurried.remaining()
        assert call(0.05).deadline - hurried.deadline < 1

    def test_first_use_gives_up_at_the_deadline(self, database: Database, path: Path) -> None:
        path.touch()
        with (
            locked(path),
            pytest.raises(DatabaseUnavailable, match="another process keeps it lock"),
        ):
            database.write(call(0.05), add(1))

    def test_a_conflict_that_never_passes_ends_after_so_many_attempts(
        self, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("qplug.db.engine.time.sleep", lambda _: None)
        runs: list[None] = []

        def work(_: sa.Connection) -> None:
            runs.append(None)
            other = sqlite3.connect(path, timeout=0)
            try:
                other.execute("BEGIN IMMEDIATE")
            finally:
                other.close()

        with pytest.raises(DatabaseUnavailable, match="locked"):
            database.write(call(), work)
        assert len(runs) == ATTEMPTS

    def test_read_sees_one_moment(self, database: Database) -> None:
        def work(connection: sa.Connection) -> Sequence[Sequence[int]]:
            before = epochs(connection)
            database.write(call(), add(1))
            return before, epochs(connection)

        assert database.read(call(), work) == ([], [])
        assert database.read(call(), epochs) == [1]

    def test_what_the_tables_do_not_have_is_no_reason_to_try_later(
        self, database: Database
    ) -> None:
        with pytest.raises(DatabaseUnusable, match=r"no such column: colour$"):
            database.read(call(), lambda tx: tx.execute(sa.text("SELECT colour FROM qplug_vifs")))

    def test_a_full_disk_is_said_and_leaves_nothing(self, database: Database) -> None:
        def work(connection: sa.Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.execute(owners.insert(), [{"owner": "x" * 9000, "epoch": 2}])

        database.write(call(), add(1))
        with pytest.raises(DatabaseUnavailable, match="the disk is full; make room"):
            database.write(call(), work)
        assert database.read(call(), epochs) == [1]

    @pytest.mark.parametrize("where", ["file", "memory"])
    def test_8_threads_write_at_once(self, path: Path, where: str) -> None:
        database = Database(f"sqlite:///{path}" if where == "file" else "sqlite://", MIGRATIONS)
        start, failures = threading.Barrier(8), []

        def work(thread: int) -> None:
            start.wait()
            try:
                for number in range(5):
                    database.write(call(), add(10 * thread + number))
            except Exception as error:  # noqa: BLE001, RUF100  # a thread's would be lost
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(database.read(call(), epochs)) == 40
        database.close()

    def test_a_file_is_synced_at_every_commit_and_has_a_write_ahead_log(
        self, database: Database
    ) -> None:
        def settings(connection: sa.Connection) -> Sequence[object]:
            names = ("journal_mode", "synchronous", "foreign_keys")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        assert database.write(call(), settings) == ["wal", 2, 1]


class TestSchemas:
    """Made, kept and refused."""

    def test_the_head_is_the_newest_file(self) -> None:
        folder = ScriptDirectory(str(MIGRATIONS.versions), version_locations=[MIGRATIONS.versions])
        assert folder.get_heads() == [MIGRATIONS.head]

    def test_first_use_of_a_current_file_asks_for_the_version_table_and_its_row(
        self, database: Database, path: Path, statements: Statements
    ) -> None:
        database.upgrade()
        later = Database(f"sqlite:///{path}", MIGRATIONS)
        statements.clear()
        later.read(call(), lambda _: None)
        later.read(call(), lambda _: None)
        later.close()
        assert len(statements) == 1  # beside the question for the table, a PRAGMA

    def test_current_tells_the_revision_and_makes_nothing(
        self, database: Database, path: Path
    ) -> None:
        assert database.current() is None
        assert not path.exists()
        assert database.upgrade() == database.current() == MIGRATIONS.head

    def test_an_older_schema_upgrades_itself_and_keeps_rows_that_point_to_a_table_made_anew(
        self, path: Path, release: Release
    ) -> None:
        older = Database(f"sqlite:///{path}", release("fake_older", 1))
        row = sa.text("INSERT INTO qplug_fake_parents VALUES (1)")
        child = sa.text("INSERT INTO qplug_fake_children VALUES (2, 1)")
        older.write(call(), lambda tx: (tx.execute(row), tx.execute(child)))
        newer = Database(f"sqlite:///{path}", release("fake_newer", 2))
        rows = sa.text(
            "SELECT p.id, p.colour, c.id FROM qplug_fake_parents p, qplug_fake_children c"
        )
        assert newer.read(call(), lambda tx: tx.execute(rows).all()) == [(1, "red", 2)]
        assert newer.current() == "0002"
        with pytest.raises(exc.IntegrityError, match="FOREIGN KEY"):
            newer.write(call(), lambda tx: tx.execute(sa.text(str(child).replace("2, 1", "3, 9"))))
        older.close()
        newer.close()

    @pytest.mark.parametrize("method", ["read", "write", "upgrade"])
    def test_a_newer_schema_is_refused_and_left_alone(
        self, path: Path, release: Release, method: str
    ) -> None:
        newer = Database(f"sqlite:///{path}", release("fake_newest", 2))
        newer.upgrade()
        newer.close()
        before = path.read_bytes()
        older = Database(f"sqlite:///{path}", release("fake_oldest", 1))
        with pytest.raises(SchemaTooNew, match=r"fake at version 0002, newer than the 0001 known"):
            getattr(older, method)(*([] if method == "upgrade" else [call(), epochs]))
        older.close()
        assert path.read_bytes() == before

    def test_a_revision_that_no_release_has_is_refused(self, path: Path, release: Release) -> None:
        database = Database(f"sqlite:///{path}", release("fake_changed", 1))
        change = sa.text("UPDATE qplug_fake_version SET version_num = '0000'")
        database.write(call(), lambda tx: tx.execute(change))
        with pytest.raises(DatabaseUnusable, match=r"revision identified by '0000'; no release"):
            database.upgrade()
        assert database.current() == "0000"
        database.close()

    def test_two_distributions_share_a_file(self, path: Path, release: Release) -> None:
        for migrations in (release("fake_beside", 1), MIGRATIONS):
            database = Database(f"sqlite:///{path}", migrations)
            database.read(call(), lambda _: None)
            assert database.current() == migrations.head
            database.close()

    def test_threads_may_upgrade_different_databases_at_once(
        self, tmp_path: Path, release: Release
    ) -> None:
        releases = [release(f"fake_thread_{n}", 2) for n in range(4)]
        databases = [Database(f"sqlite:///{tmp_path}/{m.package}", m) for m in releases]
        threads = [threading.Thread(target=database.upgrade) for database in databases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [database.current() for database in databases] == ["0002"] * 4
        for database in databases:
            database.close()


class TestBadDatabases:
    """One sentence each, and nothing is changed."""

    def refused(self, url: str) -> Exception:
        with pytest.raises((DatabaseUnavailable, DatabaseUnusable)) as caught:
            Database(url, MIGRATIONS).read(call(1), lambda _: None)
        assert "\n" not in str(caught.value)
        return caught.value

    def test_a_folder_that_is_missing(self, tmp_path: Path) -> None:
        error = self.refused(f"sqlite:///{tmp_path}/none/qplug.sqlite")
        assert isinstance(error, DatabaseUnavailable)
        assert f"there is no folder {tmp_path}/none" in str(error)
        assert os.listdir(tmp_path) == []

    def test_a_folder_instead_of_a_file(self, tmp_path: Path) -> None:
        error = self.refused(f"sqlite:///{tmp_path}")
        assert str(error).endswith("it is a folder; name a file")
        assert os.listdir(tmp_path) == []

    def test_a_file_that_is_no_database(self, path: Path) -> None:
        path.write_bytes(noise := os.urandom(9000))
        error = self.refused(f"sqlite:///{path}")
        assert isinstance(error, DatabaseUnusable)
        assert "not a database; name another file, or restore a backup" in str(error)
        assert path.read_bytes() == noise
        assert os.listdir(path.parent) == [path.name]

    @pytest.mark.parametrize("method", ["read", "upgrade"])
    def test_the_file_of_another_program(self, path: Path, method: str) -> None:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE recipes (name)")
        other.close()
        before = path.read_bytes()
        database = Database(f"sqlite:///{path}", MIGRATIONS)
        with pytest.raises(
            DatabaseUnusable, match=r"tables of another program \(recipes\); name a"
        ):
            getattr(database, method)(*([] if method == "upgrade" else [call(), epochs]))
        assert database.current() is None
        database.close()
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    @pytest.mark.parametrize("url", ["/var/lib/qplug.sqlite", "", "mysql://u:secret@h:port/db"])
    def test_what_is_no_url(self, url: str) -> None:
        error = self.refused(url)
        assert "no URL like sqlite:////var/lib/qplug/qplug.sqlite" in str(error)
        assert "secret" not in str(error)

    def test_a_kind_of_database_that_is_not_known(self) -> None:
        error = self.refused("oracle://scott:secret@db/orcl")
        assert "'oracle' is none of sqlite, postgresql, mysql, mariadb" in str(error)
        assert "secret" not in str(error)

    @pytest.mark.parametrize("url", ["postgresql+psycopg2", "mysql", "mariadb+nothing", "sqlite+x"])
    def test_a_driver_that_is_not_installed(self, url: str) -> None:
        error = self.refused(f"{url}:///secret")
        assert str(error).endswith(DRIVERS[url.split("+")[0]])

    @pytest.mark.parametrize(
        "rest",
        [
            "user:secret@W0rd@127.0.0.1/db",
            "user:sec@ret/W0rd@127.0.0.1/db",
            "user:sec@ret?W0rd@127.0.0.1/db",
            "us/er:secret@127.0.0.1/db",
            "user@corp:W0rd@127.0.0.1/db",
        ],
    )
    @pytest.mark.parametrize("scheme", ["postgresql+psycopg", "mysql+pymysql", "oracle"])
    def test_a_password_with_a_bare_at_is_not_shown_in_parts(self, scheme: str, rest: str) -> None:
        error = self.refused(f"{scheme}://{rest}")
        assert isinstance(error, DatabaseUnusable)
        assert str(error).endswith("write %40 for it")
        assert not any(part in str(error) for part in ("sec", "ret", "W0rd", "127"))

    def test_a_port_that_is_no_number(self) -> None:
        error = self.refused("mysql+pymysql://user:secret@127.0.0.1/db?port=abc")
        assert isinstance(error, DatabaseUnusable)
        assert "port" in str(error)
        assert "secret" not in str(error)

    @pytest.mark.parametrize("scheme", ["postgresql+psycopg", "mysql+pymysql", "mariadb+pymysql"])
    def test_a_server_that_does_not_answer(self, scheme: str) -> None:
        error = self.refused(f"{scheme}://user:secret@127.0.0.1:1/qplug?password=secret")
        assert isinstance(error, DatabaseUnavailable)
        assert f"{scheme}://user:***@127.0.0.1:1/qplug cannot be used" in str(error)
        assert "refused" in str(error)
        assert "secret" not in str(error)


class TestOptions:
    """Where the database is when nobody says."""

    @pytest.fixture
    def conf(self, tmp_path: Path) -> cfg.ConfigOpts:
        conf = cfg.ConfigOpts()
        conf.register_opt(cfg.StrOpt("state_path", default=str(tmp_path / "a" / "state")))
        conf.register_opt(connection_opt(), group="database")
        conf.register_opt(connection_opt(), group="ipam_fake")
        conf([], default_config_files=[], default_config_dirs=[])
        return conf

    def test_a_group_has_its_own_database_else_that_of_the_core(self, conf: cfg.ConfigOpts) -> None:
        conf.set_override("connection", "sqlite:///core", "database")
        assert connection_url(conf) == connection_url(conf, "ipam_fake") == "sqlite:///core"
        conf.set_override("connection", "sqlite:///own", "ipam_fake")
        assert connection_url(conf, "ipam_fake") == "sqlite:///own"

    def test_the_files_in_the_state_path_are_private(self, conf: cfg.ConfigOpts) -> None:
        before = os.umask(0)
        try:
            database = Database(connection_url(conf), MIGRATIONS)
            database.write(call(), add(1))
            state = Path(conf.state_path)
            modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in [state, *state.iterdir()]}
            database.close()
        finally:
            os.umask(before)
        files = [f"qplug.sqlite{end}" for end in ("", "-shm", "-wal")]
        assert modes == {"state": 0o700} | dict.fromkeys(files, 0o600)

    @pytest.mark.parametrize(
        "url", ["sqlite:///{}/link", "sqlite:///file:{}/a%2520b?uri=true", "sqlite:///file:{}/f"]
    )
    def test_files_behind_links_and_uris_are_private(self, url: str, tmp_path: Path) -> None:
        kept = tmp_path / "kept"
        kept.mkdir()
        (tmp_path / "link").symlink_to(kept / "file")
        before, folder = os.umask(0), Path.cwd()
        os.chdir(tmp_path)  # where the last one makes a file with a strange name
        try:
            Path("file:", *tmp_path.parts[1:]).mkdir(parents=True)
            database = Database(url.format(tmp_path), MIGRATIONS)
            assert database.current() is None
            database.write(call(), add(1))
            files = [f for f in tmp_path.rglob("*") if f.is_file() and not f.is_symlink()]
            modes = {stat.S_IMODE(f.stat().st_mode) for f in files}
            database.close()
        finally:
            os.umask(before)
            os.chdir(folder)
        assert len(files) == 3
        assert modes == {0o600}

    def test_a_state_path_that_cannot_be_made_is_said(self, conf: cfg.ConfigOpts) -> None:
        Path(conf.state_path).parent.write_text("in the way")
        with pytest.raises(DatabaseUnavailable, match=r"Not a directory.*\[DEFAULT\] state_path"):
            connection_url(conf)
