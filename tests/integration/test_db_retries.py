"""What PostgreSQL and MariaDB lock, which of their errors are tried again, and how often."""

import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from qplug.db import Database, engine, servers
from qplug.errors import DatabaseUnavailable
from qplug.store.migrations import MIGRATIONS
from qplug.store.tables import owners
from qplug.testing.databases import on_servers
from qplug.testing.values import call

pytestmark = [pytest.mark.integration, on_servers]

TABLE = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("label", sa.String(9), unique=True),
)
ERRORS = {
    "postgresql": {
        "serialization failure": "40001",
        "deadlock": "40P01",
        "lock timeout": "55P03",
        "disk full": "53100",
        "read-only": "25006",
        "something else": "XX000",
    },
    "mysql": {
        "serialization failure": "1020",
        "deadlock": "1213",
        "lock timeout": "1205",
        "disk full": "1114",
        "read-only": "1792",
        "something else": "1644",
    },
}
PASSING = ["serialization failure", "deadlock", "lock timeout"]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url, MIGRATIONS)) as database:
        database.write(call(), lambda tx: tx.execute(owners.insert(), {"owner": "a", "epoch": 1}))
        yield database


@pytest.fixture
def things(database: Database) -> Iterator[Database]:
    """Return a database with a table that has a unique column beside its key."""
    with database.engine.begin() as tx:
        TABLE.create(tx)
        tx.execute(TABLE.insert(), [{"id": n, "label": f"l{n}"} for n in (10, 20)])
    yield database
    with database.engine.begin() as tx:
        TABLE.drop(tx)


def epoch(tx: Connection) -> int:
    return int(tx.execute(sa.select(owners.c.epoch)).scalar_one())


def raise_epoch(tx: Connection) -> None:
    tx.execute(owners.update().values(epoch=owners.c.epoch + 1))


def report(tx: Connection, what: str) -> None:
    """Have the server report an error of its own."""
    code = ERRORS[tx.dialect.name][what]
    statement = f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'it said so'"
    if tx.dialect.name == "postgresql":
        statement = f"DO $$BEGIN RAISE EXCEPTION 'it said so' USING ERRCODE = '{code}'; END$$"
    tx.exec_driver_sql(statement)


def kill(tx: Connection) -> None:
    """Have the server end the connection that runs this."""
    statement = "KILL CONNECTION_ID()"
    if tx.dialect.name == "postgresql":
        statement = "SELECT pg_terminate_backend(pg_backend_pid())"
    tx.exec_driver_sql(statement)


class TestWhatIsTriedAgain:
    """A conflict that may pass, and a connection that broke: in a new transaction."""

    @pytest.mark.parametrize("what", PASSING)
    def test_a_conflict_that_passes_is_not_noticed(self, database: Database, what: str) -> None:
        seen = []

        def work(tx: Connection) -> None:
            seen.append(epoch(tx))
            raise_epoch(tx)
            if len(seen) < 3:
                report(tx, what)

        database.write(call(), work)
        assert seen == [1, 1, 1]  # a new transaction each time
        assert database.read(call(), epoch) == 2

    @pytest.mark.parametrize("what", [*PASSING, "lost connection"])
    def test_a_conflict_that_stays_is_said_after_so_many_attempts(
        self, database: Database, what: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "ATTEMPTS", 4)
        seen = []

        def work(tx: Connection) -> None:
            seen.append(epoch(tx))
            raise_epoch(tx)
            kill(tx) if what == "lost connection" else report(tx, what)

        with pytest.raises(DatabaseUnavailable):
            database.write(call(), work)
        assert seen == [1, 1, 1, 1]
        assert database.read(call(), epoch) == 1

    def test_nothing_is_tried_again_after_the_deadline(self, database: Database) -> None:
        short, seen = call(0.1), []

        def work(tx: Connection) -> None:
            seen.append(epoch(tx))
            time.sleep(short.remaining())
            report(tx, "deadlock")

        with pytest.raises(DatabaseUnavailable, match="it said so"):
            database.write(short, work)
        assert seen == [1]

    @pytest.mark.parametrize(
        ("what", "sentence"),
        [
            ("disk full", "the disk is full; make room"),
            ("read-only", "it is read-only, as a replica is; let option 'connection'"),
            ("something else", "it said so"),
        ],
    )
    def test_what_will_not_pass_is_said_at_once(
        self, database: Database, what: str, sentence: str
    ) -> None:
        seen = []

        def work(tx: Connection) -> None:
            seen.append(epoch(tx))
            report(tx, what)

        with pytest.raises(DatabaseUnavailable, match=sentence):
            database.write(call(), work)
        assert seen == [1]

    def test_a_server_that_is_down_is_not_waited_for(self, database: Database) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as port:
            nobody = database.engine.url.set(host="127.0.0.1", port=port.getsockname()[1])
        url, begin = nobody.render_as_string(hide_password=False), time.monotonic()
        with closing(Database(url, MIGRATIONS)) as down, pytest.raises(DatabaseUnavailable):
            down.read(call(), epoch)
        assert time.monotonic() - begin < 5


class TestWhatServersDo:
    """The conflicts themselves, made by two transactions."""

    def test_a_snapshot_that_would_lock_what_changed_meanwhile_is_taken_anew(
        self, database: Database
    ) -> None:
        seen = []

        def work(tx: Connection) -> int:
            if tx.dialect.name == "mysql":  # the default from MariaDB 11.6.2 on
                tx.exec_driver_sql("SET innodb_snapshot_isolation = ON")
            seen.append(epoch(tx))
            if len(seen) == 1:
                database.write(call(), raise_epoch)
            return int(tx.execute(sa.select(owners.c.epoch).with_for_update()).scalar_one())

        assert database.read(call(), work) == 2
        assert seen == [1, 2]

    def test_a_row_that_is_locked_longer_than_a_statement_waits_is_got_in_a_new_transaction(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(servers, "WAIT", 1)
        seen: list[int] = []
        locked = Event()

        def hold(tx: Connection) -> None:
            raise_epoch(tx)
            locked.set()
            until = time.monotonic() + 20
            while len(seen) < 2 and time.monotonic() < until:
                time.sleep(0.01)

        def want(tx: Connection) -> None:
            seen.append(epoch(tx))
            raise_epoch(tx)

        database.engine.dispose()  # connections are told how long to wait when they are made
        with ThreadPoolExecutor() as threads:
            holding = threads.submit(database.write, call(), hold)
            locked.wait()
            database.write(call(), want)
            holding.result()
        assert seen[:2] == [1, 1]
        assert database.read(call(), epoch) == 3

    def test_of_two_who_wait_to_insert_what_a_third_takes_back_one_does(
        self, things: Database
    ) -> None:
        """MariaDB lets both share the key's lock then, and calls it a deadlock."""
        inserted = Event()
        row = {"id": 15, "label": "l15"}

        def take_back(tx: Connection) -> None:
            tx.execute(TABLE.insert(), row)
            inserted.set()
            time.sleep(0.3)  # the others are there by then, and if not they are no less right
            raise LookupError

        def insert() -> bool:
            inserted.wait()
            try:
                things.write(call(), lambda tx: tx.execute(TABLE.insert(), row))
            except exc.IntegrityError:
                return False
            return True

        with ThreadPoolExecutor() as threads:
            first = threads.submit(things.write, call(), take_back)
            others = [threads.submit(insert) for _ in range(4)]
            assert isinstance(first.exception(), LookupError)
            assert sorted(other.result() for other in others) == [False] * 3 + [True]

    def test_who_inserts_beside_another_one_does_not_wait(self, things: Database) -> None:
        def beside(tx: Connection) -> None:
            tx.execute(TABLE.insert(), {"id": 14, "label": "l14"})
            short = call(0.5)
            things.write(short, lambda tx: tx.execute(TABLE.insert(), {"id": 15, "label": "l15"}))

        things.write(call(), beside)
        assert labels(things) == ["l10", "l14", "l15", "l20"]

    def test_who_meets_a_duplicate_is_in_nobodys_way_when_its_transaction_has_ended(
        self, things: Database
    ) -> None:
        with pytest.raises(exc.IntegrityError):
            things.write(call(), lambda tx: tx.execute(TABLE.insert(), {"id": 1, "label": "l20"}))
        things.write(call(0.5), lambda tx: tx.execute(TABLE.insert(), {"id": 15, "label": "l15"}))
        assert labels(things) == ["l10", "l15", "l20"]


def labels(database: Database) -> Sequence[str]:
    query = sa.select(TABLE.c.label).order_by(TABLE.c.label)
    return database.read(call(), lambda tx: tx.execute(query).scalars().all())
