"""PostgreSQL and MariaDB: types, conflicts, schemas, and servers that break off."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event, Thread

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from netaddr import IPAddress
from servers import private_mariadb
from sqlalchemy import exc

from qplug.db import Address, Database, Migrations, Moment, identifier, name, servers
from qplug.db.engine import make_engine
from qplug.errors import DatabaseUnavailable, DatabaseUnusable, SchemaTooNew, SchemaTooOld
from qplug.store.migrations import MIGRATIONS
from qplug.store.tables import metadata, owners
from qplug.testing.databases import SERVERS, fresh_database, server_url
from qplug.testing.processes import Ended, at_once, in_child
from qplug.testing.requirements import require
from qplug.testing.values import call

pytestmark = [
    pytest.mark.integration,
    # Python 3.12 warns of forks beside threads; the children here touch nothing that threads had.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

Release = Callable[[str, int], Migrations]

VALUES = sa.Table(
    "values_of_types",
    sa.MetaData(),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("address", Address),
    sa.Column("moment", Moment),
    sa.Column("id", identifier()),
    sa.Column("name", name()),
)
ORDERED: dict[str, Sequence[object]] = {
    "address": [
        IPAddress(value, version)
        for version, bits in ((4, 32), (6, 128))
        for value in sorted({0, 1, 9, 10, 15, 16, 2**31, *(2**n - 1 for n in range(4, bits + 1))})
    ],
    "moment": [
        datetime.fromtimestamp(second, UTC).replace(microsecond=part)
        for second in (0, 1, 1_700_000_000, 2**31, 7_000_000_000)
        for part in (0, 1, 499_999, 999_999)
    ],
    "id": ["", "-", "0", "A", "Z", "_", "a", "aa", "b", "z"],
    "name": ["", "DEV", "Dev", "dev", "dév", "z", "ß", "Ω", "日本", "🦊"],
}


@pytest.fixture(params=sorted(SERVERS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_database(tmp_path, server_url(request.param)) as url:
        yield url


@pytest.fixture
def empty(url: str) -> Iterator[Database]:
    with closing(Database(url, MIGRATIONS)) as database:
        yield database


@pytest.fixture
def database(empty: Database) -> Database:
    empty.upgrade()
    return empty


def tables(database: Database) -> Sequence[str]:
    return sorted(sa.inspect(database.engine).get_table_names())


def add(owner: str) -> Callable[[sa.Connection], object]:
    return lambda tx: tx.execute(owners.insert(), {"owner": owner, "epoch": 1})


def raise_epoch(owner: str) -> sa.Update:
    return owners.update().where(owners.c.owner == owner).values(epoch=owners.c.epoch + 1)


def epochs(tx: sa.Connection) -> Sequence[int]:
    return tx.execute(sa.select(owners.c.epoch).order_by(owners.c.owner)).scalars().all()


def session(tx: sa.Connection) -> int:
    """Return the server's number of a connection."""
    function = "pg_backend_pid" if tx.dialect.name == "postgresql" else "connection_id"
    return int(tx.exec_driver_sql(f"SELECT {function}()").scalar_one())


def kill(database: Database, number: int) -> None:
    """Have the server end a connection, as when it restarts."""
    statement = f"KILL {number}"
    if database.engine.name == "postgresql":
        statement = f"SELECT pg_terminate_backend({number})"
    engine = sa.create_engine(database.engine.url, poolclass=sa.NullPool)
    with engine.connect() as other:
        other.exec_driver_sql(statement)


class TestTypes:
    """They mean the same as on SQLite."""

    @pytest.mark.parametrize("column", sorted(ORDERED))
    def test_values_come_back_in_their_order_and_null_as_none(
        self, empty: Database, column: str
    ) -> None:
        ordered, found = ORDERED[column], VALUES.c[column]
        with empty.engine.begin() as tx:
            VALUES.create(tx)
            tx.execute(VALUES.insert(), [{column: value} for value in reversed(ordered)])
            assert tx.execute(sa.select(found).order_by(found)).scalars().all() == ordered
            for value in ordered:
                assert tx.execute(sa.select(found).where(found == value)).scalars().all() == [value]
            tx.execute(VALUES.delete())
            tx.execute(VALUES.insert(), [{column: None}])
            assert tx.execute(sa.select(found)).scalars().all() == [None]

    def test_projects_that_differ_in_case_only_are_two(self, database: Database) -> None:
        for project in ("dev", "DEV"):
            database.write(call(), add(project))
        assert database.read(call(), epochs) == [1, 1]


class TestTransactions:
    """Conflicts that servers report."""

    def test_write_rolls_back_when_its_work_raises(self, database: Database) -> None:
        def work(tx: sa.Connection) -> None:
            add("a")(tx)
            raise LookupError

        with pytest.raises(LookupError):
            database.write(call(), work)
        assert database.read(call(), epochs) == []

    def test_integrity_and_data_errors_pass(self, database: Database) -> None:
        database.write(call(), add("a"))
        with pytest.raises(exc.IntegrityError):
            database.write(call(), add("a"))
        with pytest.raises(exc.DataError):
            database.write(call(), add("a" * 256))

    def test_a_deadlock_is_tried_again(self, database: Database) -> None:
        for owner in ("a", "b"):
            database.write(call(), add(owner))
        both, runs = Barrier(2), []

        def cross(first: str, second: str) -> None:
            def work(tx: sa.Connection) -> None:
                runs.append(first)
                tx.execute(raise_epoch(first))
                with suppress(BrokenBarrierError):  # the second time each is alone
                    both.wait(5 if len(runs) <= 2 else 0)
                tx.execute(raise_epoch(second))

            database.write(call(), work)

        threads = [Thread(target=cross, args=pair) for pair in (("a", "b"), ("b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(runs) > 2
        assert database.read(call(), epochs) == [3, 3]

    def test_a_row_that_stays_locked_is_said_soon_after_the_deadline(
        self, database: Database
    ) -> None:
        database.write(call(), add("a"))
        short = call(0.5)
        with database.engine.connect() as other, other.begin():
            other.execute(owners.select().with_for_update())
            with pytest.raises(DatabaseUnavailable, match=r"(?i)lock.* timeout"):
                database.write(short, lambda tx: tx.execute(raise_epoch("a")))
        assert -5 < short.deadline - call(0).deadline < 0
        assert database.read(call(), epochs) == [1]

    def test_read_sees_one_moment_and_write_what_others_commit(self, database: Database) -> None:
        def work(tx: sa.Connection) -> Sequence[Sequence[int]]:
            before = epochs(tx)
            database.write(call(), add(f"a{len(before)}"))
            return before, epochs(tx)

        assert database.read(call(), work) == ([], [])
        assert database.write(call(), work) == ([1], [1, 1])

    def test_a_select_tells_the_server_nothing_but_its_statement(self, database: Database) -> None:
        def answer() -> Sequence[int]:
            query = sa.select(owners.c.epoch).where(owners.c.owner == sa.bindparam("which"))
            return [row.epoch for row in database.select(call(), query, {"which": "a"})]

        database.write(call(), add("a"))
        assert answer() == [1]
        sent = []
        sa.event.listen(
            database.engine, "before_cursor_execute", lambda *args: sent.append(args[2])
        )
        assert (answer(), len(sent)) == ([1], 1)
        database.read(call(), epochs)
        assert len(sent) == 3

    @pytest.mark.parametrize("interrupt", [LookupError, KeyboardInterrupt, GeneratorExit])
    def test_a_connection_comes_back_with_no_transaction_left_open(
        self, database: Database, interrupt: type[BaseException]
    ) -> None:
        def work(tx: sa.Connection) -> None:
            used.append(session(tx))
            add("a")(tx)
            raise interrupt

        used: list[int] = []
        with pytest.raises(interrupt):
            database.write(call(), work)
        assert [database.write(call(), session)] == used
        assert database.read(call(), epochs) == []

    def test_work_whose_connection_breaks_is_done_anew(self, database: Database) -> None:
        runs = []

        def work(tx: sa.Connection) -> None:
            runs.append(add("a")(tx))
            if len(runs) == 1:
                kill(database, session(tx))
            tx.execute(raise_epoch("a"))

        database.write(call(), work)
        assert len(runs) == 2
        assert database.read(call(), epochs) == [2]

    def test_a_connection_that_breaks_during_a_commit_is_said_and_not_tried_again(
        self, database: Database
    ) -> None:
        runs = []

        def work(tx: sa.Connection) -> None:
            runs.append(add("a")(tx))
            kill(database, session(tx))

        with pytest.raises(DatabaseUnavailable, match="during a commit, which may be done or not"):
            database.write(call(), work)
        assert len(runs) == 1
        assert database.write(call(), epochs) == []

    def test_a_pooled_connection_that_broke_is_replaced(self, database: Database) -> None:
        kill(database, database.read(call(), session))
        assert database.read(call(), epochs) == []

    def test_connections_that_are_all_in_use_are_said(self, database: Database) -> None:
        with ExitStack() as stack:
            for _ in range(15):  # what SQLAlchemy's pool gives at most
                stack.enter_context(database.engine.connect())
            with pytest.raises(DatabaseUnavailable, match="all its connections are in use; try"):
                database.read(call(0.1), epochs)

    def test_parent_and_child_use_what_the_parent_opened(self, database: Database) -> None:
        database.write(call(), add("before"))
        assert in_child(lambda: database.write(call(), add("child")) and "") == Ended(0, "")
        database.write(call(), add("parent"))
        assert database.read(call(), epochs) == [1, 1, 1]


class Proxy:
    """Stands between a client and a server, and can freeze what passes, though both live on."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads: list[Thread] = []
        self.frozen = Event()
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(Thread(target=target, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                self._start(self._pass_on, client, server)
                self._start(self._pass_on, server, client)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if not self.frozen.is_set():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()


class TestFrozenServers:
    """They get all and answer nothing."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(servers, "WAIT", 1)
        monkeypatch.setattr(servers, "ANSWER", 2)

    @pytest.fixture
    def proxy(self, database: Database) -> Iterator[Proxy]:
        url = database.engine.url
        with closing(Proxy(str(url.host), url.port or 0)) as proxy:
            yield proxy

    @pytest.fixture
    def behind(self, database: Database, proxy: Proxy) -> Iterator[Database]:
        url = database.engine.url.set(host="127.0.0.1", port=proxy.port)
        with closing(Database(url.render_as_string(hide_password=False), MIGRATIONS)) as database:
            yield database

    @pytest.mark.parametrize("method", ["read", "write"])
    def test_a_statement_without_an_answer_ends_soon_after_the_deadline(
        self, behind: Database, proxy: Proxy, method: str
    ) -> None:
        def work(tx: sa.Connection) -> None:
            epochs(tx)
            proxy.frozen.set()
            epochs(tx)

        short = call(1)
        with pytest.raises(DatabaseUnavailable, match=r"cannot be used"):
            getattr(behind, method)(short, work)
        assert time.monotonic() - short.deadline < 5

    def test_a_connection_without_a_greeting_ends_soon_after_the_deadline(
        self, behind: Database, proxy: Proxy
    ) -> None:
        proxy.frozen.set()
        short = call(1)
        with pytest.raises(DatabaseUnavailable):
            behind.read(short, epochs)
        assert time.monotonic() - short.deadline < 5

    def test_a_commit_without_an_answer_may_be_done_or_not(
        self, behind: Database, proxy: Proxy
    ) -> None:
        def work(tx: sa.Connection) -> None:
            add("a")(tx)
            proxy.frozen.set()

        with pytest.raises(DatabaseUnavailable, match="during a commit, which may be done or not"):
            behind.write(call(1), work)

    def test_an_upgrade_may_take_its_time(self, url: str) -> None:
        long = "SELECT pg_sleep(3)" if url.startswith("postgresql") else "SELECT sleep(3)"
        with closing(Database(url, MIGRATIONS)) as database, database.engine.connect() as tx:
            servers.take_time(tx)
            tx.exec_driver_sql(long)
            tx.invalidate()
        with (
            closing(Database(url, MIGRATIONS)) as database,
            database.engine.connect() as tx,
            pytest.raises(exc.OperationalError, match=r"(?i)time"),
        ):
            tx.exec_driver_sql(long)


class TestSchemas:
    """Only ``qplug db upgrade`` changes them."""

    @pytest.mark.parametrize("method", ["read", "write"])
    def test_missing_tables_are_refused_and_the_command_named(
        self, empty: Database, method: str
    ) -> None:
        with pytest.raises(SchemaTooOld, match=r"tables of core missing.*run 'qplug db upgrade'"):
            getattr(empty, method)(call(), epochs)
        assert empty.current() is None
        assert tables(empty) == []

    def test_upgrade_makes_the_tables_of_this_release(self, empty: Database) -> None:
        assert empty.upgrade() == empty.upgrade() == empty.current() == MIGRATIONS.head
        with empty.engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"version_table": MIGRATIONS.version_table}
            )
            assert compare_metadata(context, metadata) == []
        assert empty.read(call(), epochs) == []

    def test_older_tables_are_refused_until_upgraded(self, url: str, release: Release) -> None:
        old, new = release("fake_server_old", 1), release("fake_server_new", 2)
        with closing(Database(url, old)) as older, closing(Database(url, new)) as newer:
            older.upgrade()
            row = sa.text("INSERT INTO qplug_fake_parents VALUES (1)")
            older.write(call(), lambda tx: tx.execute(row))
            with pytest.raises(SchemaTooOld, match=r"at version 0001, but 0002 is needed; run"):
                newer.read(call(), epochs)
            assert newer.upgrade() == "0002"
            read = sa.text("SELECT * FROM qplug_fake_parents")
            assert newer.read(call(), lambda tx: tx.execute(read).all()) == [(1, "red")]

    @pytest.mark.parametrize("method", ["read", "write", "upgrade"])
    def test_newer_tables_are_refused_and_left_alone(
        self, url: str, release: Release, method: str
    ) -> None:
        old, new = release("fake_server_oldest", 1), release("fake_server_newest", 2)
        with closing(Database(url, old)) as older, closing(Database(url, new)) as newer:
            newer.upgrade()
            with pytest.raises(SchemaTooNew, match=r"version 0002, newer than the 0001 known"):
                getattr(older, method)(*([] if method == "upgrade" else [call(), epochs]))
            assert older.current() == "0002"

    def test_4_machines_that_upgrade_at_once_take_turns(self, url: str) -> None:
        def upgrade() -> str:
            with closing(Database(url, MIGRATIONS)) as database:
                return database.upgrade()

        assert at_once([upgrade] * 4) == [Ended(0, MIGRATIONS.head)] * 4

    def test_an_upgrade_that_finds_its_tables_half_made_says_what_to_do(
        self, empty: Database
    ) -> None:
        with empty.engine.begin() as tx:
            owners.create(tx)
        with pytest.raises(DatabaseUnusable, match=r"qplug_owners.? already exists") as caught:
            empty.upgrade()
        mariadb = empty.engine.name == "mysql"
        assert ("restore the backup made before" in str(caught.value)) == mariadb
        assert tables(empty) == (["qplug_core_version"] if mariadb else []) + ["qplug_owners"]


@pytest.fixture(scope="module")
def encrypting() -> Iterator[sa.URL]:
    """Return the url of a MariaDB that can encrypt."""
    with private_mariadb(tls=True) as url:
        yield sa.make_url(url)


class TestTls:
    """Offered without an option, as PyMySQL does; checked if one says so."""

    def cipher(self, url: sa.URL) -> str:
        engine = make_engine(url.render_as_string(hide_password=False))
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()
        engine.dispose()
        return str(found[1])

    def test_a_server_that_can_encrypt_does(self, encrypting: sa.URL) -> None:
        assert self.cipher(encrypting) != ""

    def test_a_certificate_that_must_be_good_and_is_not_is_refused(
        self, encrypting: sa.URL
    ) -> None:
        authorities = ssl.get_default_verify_paths().cafile
        require(authorities, "no authorities; install ca-certificates")
        strict = encrypting.update_query_dict({"ssl_ca": str(authorities)})
        with pytest.raises(exc.OperationalError, match=r"(?i)certificate"):
            self.cipher(strict)


class TestBadServers:
    """One sentence each, without the password."""

    def sentence(self, url: sa.URL) -> str:
        database = Database(url.render_as_string(hide_password=False), MIGRATIONS)
        with pytest.raises((DatabaseUnavailable, DatabaseUnusable)) as caught:
            database.read(call(2), epochs)
        database.close()
        assert "secret" not in str(caught.value)
        assert "\\n" not in str(caught.value)
        return str(caught.value)

    def test_a_database_that_is_not_there(self, url: str) -> None:
        said = self.sentence(sa.make_url(url).set(database="not_there"))
        assert "not_there" in said.rsplit("cannot be used", 1)[1]

    def test_a_user_who_may_not(self, url: str) -> None:
        said = self.sentence(sa.make_url(url).set(username="nobody_here", password="secret"))
        assert "nobody_here" in said.rsplit("cannot be used", 1)[1]

    def test_an_option_the_driver_does_not_know(self, url: str) -> None:
        said = self.sentence(sa.make_url(url).update_query_dict({"colour": "red"}))
        assert "colour" in said
