"""One SQLite file and several processes: first users at once, kills, forks, other users' rights."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import alembic.command  # noqa: F401  # loaded once, and not by each child
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.pool import Pool

from qplug.db import Database, Migrations
from qplug.errors import DatabaseUnavailable
from qplug.store.migrations import MIGRATIONS
from qplug.store.tables import metadata, owners
from qplug.testing.processes import Ended, at_once, in_child, start
from qplug.testing.values import call

pytestmark = [
    pytest.mark.integration,
    # Python 3.12 warns of forks beside threads; the children here touch nothing that threads had.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Release = Callable[[str, int], Migrations]

NOBODY = 65534
FINE = Ended(0, "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "qplug.sqlite"


@contextmanager
def opened(path: Path, migrations: Migrations = MIGRATIONS) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{path}", migrations)) as database:
        yield database


def add(path: Path, key: object, migrations: Migrations = MIGRATIONS) -> str:
    """Use the database for the first time in this process: an owner is added, and nothing said."""
    row = {"owner": str(key), "epoch": 1}
    with opened(path, migrations) as database:
        database.write(call(), lambda tx: tx.execute(owners.insert(), row))
    return ""


def look(path: Path, migrations: Migrations) -> str:
    with opened(path, migrations) as database:
        database.read(call(), lambda _: None)
    return ""


def tables(path: Path) -> set[str]:
    """Return the tables that another program sees."""
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def rows(path: Path, query: str) -> Sequence[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def differences(path: Path) -> Sequence[object]:
    """Return what tells the file's tables from those of this release, and what is corrupt."""
    with opened(path) as database, database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": MIGRATIONS.version_table}
        )
        ours = [d for d in compare_metadata(context, metadata) if "qplug_fake" not in str(d)]
    return ours + [row for row in rows(path, "PRAGMA integrity_check") if row != ("ok",)]


class TestFirstUsers:
    """Several processes meet where nothing is."""

    @pytest.mark.parametrize("turn", range(5))
    def test_8_at_once_all_succeed_and_one_makes_the_tables(self, path: Path, turn: int) -> None:
        assert at_once([lambda n=n: add(path, n) for n in range(8)]) == [FINE] * 8  # type: ignore[misc]  # bound now
        assert rows(path, "SELECT count(*) FROM qplug_owners") == [(8,)]
        assert rows(path, "SELECT * FROM qplug_core_version") == [(MIGRATIONS.head,)]
        assert differences(path) == []

    @pytest.mark.parametrize("turn", range(5))
    def test_8_at_once_of_two_distributions_in_one_file(
        self, path: Path, release: Release, turn: int
    ) -> None:
        fake = release(f"fake_shared_{turn}", 2)
        users = [lambda n=n: look(path, (fake, MIGRATIONS)[n % 2]) for n in range(8)]
        assert at_once(users) == [FINE] * 8
        assert rows(path, "SELECT * FROM qplug_core_version") == [(MIGRATIONS.head,)]
        assert rows(path, "SELECT * FROM qplug_fake_version") == [("0002",)]
        assert differences(path) == []

    def test_8_programs_that_must_load_everything_first(self, path: Path) -> None:
        program = (
            "import sys; from qplug.db import Database; from qplug.testing.values import call;"
            "from qplug.store.migrations import MIGRATIONS;"
            "Database(sys.argv[1], MIGRATIONS).read(call(), lambda _: None)"
        )
        started = [
            subprocess.Popen([sys.executable, "-c", program, f"sqlite:///{path}"]) for _ in range(8)
        ]
        assert [process.wait() for process in started] == [0] * 8
        assert rows(path, "SELECT * FROM qplug_core_version") == [(MIGRATIONS.head,)]

    def test_alembic_is_not_imported_for_tables_that_are_current(self, path: Path) -> None:
        program = (
            "import sys; from qplug.db import Database; from qplug.testing.values import call;"
            "from qplug.store.migrations import MIGRATIONS;"
            "Database(sys.argv[1], MIGRATIONS).read(call(), lambda _: None);"
            "print('alembic' in sys.modules)"
        )
        arguments = [sys.executable, "-c", program, f"sqlite:///{path}"]
        answers = [subprocess.check_output(arguments, text=True) for _ in range(2)]
        assert answers == ["True\n", "False\n"]


class TestKills:
    """SIGKILL at each SQL statement, from the first PRAGMA to the COMMIT."""

    def killed_at(self, point: int, work: Callable[[], object]) -> bool:
        """Do the work in a child that dies when it begins its n-th statement, if it has as many."""

        def dying() -> object:
            statements = count(1)

            def die(_: str) -> None:
                if next(statements) == point:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(Pool, "connect", lambda connection, _: connection.set_trace_callback(die))
            return work()

        ended = in_child(dying)
        assert ended in (FINE, Ended(-signal.SIGKILL, ""))
        return ended != FINE

    def test_a_first_upgrade_is_done_or_not(self, tmp_path: Path) -> None:
        every = set(metadata.tables) | {MIGRATIONS.version_table}
        points = 0
        for points in count():  # counted for below
            path = tmp_path / f"{points}.sqlite"
            if not self.killed_at(points + 1, lambda path=path: look(path, MIGRATIONS)):  # type: ignore[misc]  # bound now
                break
            found = tables(path) if path.exists() else set()
            assert found == set() or every <= found
            assert in_child(lambda path=path: add(path, "after")) == FINE  # type: ignore[misc]  # bound now
            assert differences(path) == []
            assert rows(path, "SELECT * FROM qplug_core_version") == [(MIGRATIONS.head,)]
        assert points > len(every)

    def test_an_upgrade_of_tables_with_rows_is_done_or_not(
        self, tmp_path: Path, release: Release
    ) -> None:
        old, new = release("fake_first", 1), release("fake_second", 2)
        with opened(tmp_path / "old.sqlite", old) as database:
            database.write(call(), self.fill)
        points = 0
        for points in count():  # counted for below
            path = Path(shutil.copy(tmp_path / "old.sqlite", tmp_path / f"{points}.sqlite"))
            if not self.killed_at(points + 1, lambda path=path: look(path, new)):  # type: ignore[misc]  # bound now
                break
            columns = rows(path, "SELECT name FROM pragma_table_info('qplug_fake_parents')")
            version = rows(path, "SELECT * FROM qplug_fake_version")
            assert (columns, version) in (
                ([("id",)], [("0001",)]),
                ([("id",), ("colour",)], [("0002",)]),
            )
            assert in_child(lambda path=path: look(path, new)) == FINE  # type: ignore[misc]  # bound now
            assert rows(path, "SELECT * FROM qplug_fake_parents") == [(1, "red"), (2, "red")]
            assert rows(path, "SELECT * FROM qplug_fake_children") == [(1, 1), (2, 2)]
            assert rows(path, "SELECT * FROM qplug_fake_version") == [("0002",)]
            assert rows(path, "PRAGMA integrity_check") == [("ok",)]
            assert not [name for name in tables(path) if name.startswith("_alembic")]
        assert points > 10

    def fill(self, connection: sa.Connection) -> None:
        connection.execute(sa.text("INSERT INTO qplug_fake_parents VALUES (1), (2)"))
        connection.execute(sa.text("INSERT INTO qplug_fake_children VALUES (1, 1), (2, 2)"))


class TestForks:
    """Both sides go on."""

    def test_parent_and_child_use_what_the_parent_opened(self, path: Path) -> None:
        with opened(path) as database:
            write = writer(database)
            write("before")
            end = start(lambda: write("child"))
            write("parent")
            assert end() == FINE
            write("after")
        assert rows(path, "SELECT count(*) FROM qplug_owners") == [(4,)]
        assert differences(path) == []

    def test_a_child_writes_on_after_its_parent_closed(self, path: Path) -> None:
        with opened(path) as database:
            write = writer(database)
            write("before")
            reading, writing = os.pipe()
            end = start(lambda: (os.read(reading, 1), [write(f"child-{n}") for n in range(20)])[:0])
        assert not path.with_name("qplug.sqlite-wal").exists()
        add(path, "other")
        os.write(writing, b"x")
        assert end() == Ended(0, "()")
        assert rows(path, "SELECT count(*) FROM qplug_owners") == [(22,)]
        assert differences(path) == []

    def test_a_fork_waits_for_the_transactions_of_other_threads(self, path: Path) -> None:
        with opened(path) as database:
            write, stop, numbers = writer(database), threading.Event(), count()

            def busy() -> None:
                while not stop.is_set():
                    write(f"thread-{next(numbers)}")

            write("before")
            thread = threading.Thread(target=busy)
            thread.start()
            children = [in_child(lambda n=n: write(f"child-{n}")) for n in range(10)]  # type: ignore[misc]  # bound now
            stop.set()
            thread.join()
        assert children == [FINE] * 10
        assert rows(path, "SELECT count(*) FROM qplug_owners") == [(11 + next(numbers),)]
        assert differences(path) == []

    def test_a_child_has_an_in_memory_database_of_its_own(self) -> None:
        with closing(Database("sqlite://", MIGRATIONS)) as database:
            write = writer(database)
            write("before")
            assert in_child(lambda: write("before")) == FINE
            with pytest.raises(sa.exc.IntegrityError):
                write("before")


def writer(database: Database) -> Callable[[str], str]:
    """Return what adds an owner, and says nothing."""

    def write(owner: str) -> str:
        row = {"owner": owner, "epoch": 1}
        database.write(call(5), lambda tx: tx.execute(owners.insert(), row))
        return ""

    return write


class TestWriters:
    """Taking turns."""

    def test_8_busy_processes_all_get_their_turn_before_a_short_deadline(self, path: Path) -> None:
        with opened(path) as database:
            database.upgrade()

        def write(process: int) -> str:
            with opened(path) as database:
                for number in range(25):
                    row = {"owner": f"{process}-{number}", "epoch": 1}
                    database.write(call(2), lambda tx: tx.execute(owners.insert(), row))  # noqa: B023  # run at once
            return ""

        assert at_once([lambda n=n: write(n) for n in range(8)]) == [FINE] * 8  # type: ignore[misc]  # bound now
        assert rows(path, "SELECT count(*) FROM qplug_owners") == [(200,)]


class TestRights:
    """What another user may not do."""

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """Return a folder that everybody can reach, with a current database in it."""
        folder = Path(tempfile.mkdtemp())
        folder.chmod(0o755)
        add(folder / "qplug.sqlite", "kept")
        yield folder
        folder.chmod(0o755)
        shutil.rmtree(folder)

    def as_nobody(self, work: Callable[[], object]) -> Ended:
        """Do it as a user who is bound by modes."""

        def without_rights() -> object:
            if not os.getuid():
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            return work()

        return in_child(without_rights)

    def list_owners(self, path: Path) -> object:
        with opened(path) as database:
            return database.read(call(), lambda tx: tx.execute(owners.select()).all())

    def test_a_read_only_file_can_be_read_and_not_written(self, folder: Path) -> None:
        path = folder / "qplug.sqlite"
        path.chmod(0o444)
        folder.chmod(0o777)
        assert self.as_nobody(lambda: self.list_owners(path)) == Ended(0, "[('kept', 1)]")
        refused = self.as_nobody(lambda: add(path, "not"))
        assert refused.said == (
            f"DatabaseUnavailable: database {path} cannot be used: it is read-only for this user; "
            "make file and folder writable"
        )
        assert rows(path, "SELECT owner FROM qplug_owners") == [("kept",)]

    def test_a_read_only_file_without_tables_stays_so(self, folder: Path) -> None:
        path = folder / "empty.sqlite"
        path.touch(0o444)
        path.chmod(0o444)
        folder.chmod(0o777)
        assert "it is read-only for this user" in self.as_nobody(lambda: add(path, "not")).said
        assert path.read_bytes() == b""

    def test_a_file_of_somebody_else_is_closed(self, folder: Path) -> None:
        path = folder / "qplug.sqlite"
        path.chmod(0o000)
        refused = self.as_nobody(lambda: self.list_owners(path))
        assert "cannot be opened; let this user read and write it" in refused.said

    def test_a_read_only_folder_is_said(self, folder: Path) -> None:
        (folder / "qplug.sqlite").chmod(0o444)
        folder.chmod(0o555)
        refused = self.as_nobody(lambda: self.list_owners(folder / "qplug.sqlite"))
        assert "read-only for this user; make file and folder writable" in refused.said

    def test_a_folder_of_somebody_else_is_said(self, folder: Path) -> None:
        folder.chmod(0o700 if not os.getuid() else 0o000)
        refused = self.as_nobody(lambda: self.list_owners(folder / "inner" / "qplug.sqlite"))
        assert f"there is no folder {folder}/inner, or it is closed to this user" in refused.said

    def test_another_process_that_never_lets_go_is_said_at_the_deadline(self, folder: Path) -> None:
        path = folder / "qplug.sqlite"
        (locked, lock), (done, finish) = os.pipe(), os.pipe()

        def hold() -> str:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                os.write(lock, b"x")
                os.read(done, 1)
            return ""

        end = start(hold)
        os.read(locked, 1)
        with opened(path) as database, pytest.raises(DatabaseUnavailable, match="keeps it locked"):
            database.write(call(0.2), lambda tx: tx.execute(owners.delete()))
        os.write(finish, b"x")
        assert end() == FINE
        assert rows(path, "SELECT owner FROM qplug_owners") == [("kept",)]
