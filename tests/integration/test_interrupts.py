"""Ctrl-C and signals end a command wherever it is: it undoes what it began, and logs that."""

import json
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from talking import Talk, done, talk

from qplug.testing.databases import database_of, make_tables, on_servers

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("slow")]

WEB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
DB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e22"
BLUE = "network create blue --cidr 10.0.0.0/24"
ALLOCATE = f"instance allocate {WEB} --project a"
SOON = 10
"""Seconds within which an interrupted command ends, on a busy machine; most wait for a minute."""

each_signal = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)


@pytest.fixture
def log(own_home: Path) -> Path:
    """Return where the commands keep their log."""
    return own_home / "qplug.log"


@pytest.fixture
def allocating(log: Path) -> Iterator[Talk]:
    """Return an allocation that waits with its port attached."""
    done(BLUE)
    with talk(f"--log-file {log} {ALLOCATE}", "attached") as process:
        yield process


def nothing_is_left() -> bool:
    """Say so if no instance, address or port is there: with a port no network is deleted."""
    listed = done("instance list -f value") + done("fixed-ip list -f value")
    used = json.loads(done("network usage -f json"))[0]["used"]
    done("network delete blue")
    return listed == "" and used == 0


def last_result(log: Path, operation: str) -> str:
    """Return what the log says came of the last operation, which must be that one."""
    line = [line for line in log.read_text().splitlines() if " qplug.manager.logs: " in line][-1]
    assert f" {operation}(" in line
    return re.split(r" \d+\.\d{3} s ", line)[-1]


# --- in a driver --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_undoes_what_was_begun(
    allocating: Talk, log: Path, number: signal.Signals, code: int
) -> None:
    allocating.process.send_signal(number)
    allocating.until("detaching")
    allocating.go_on()
    assert allocating.end() == (code, "")
    assert last_result(log, "allocate_for_instance") == "interrupted"
    assert nothing_is_left()


def test_a_second_signal_waits_for_the_undo(allocating: Talk) -> None:
    allocating.process.send_signal(signal.SIGTERM)
    allocating.until("detaching")
    allocating.process.send_signal(signal.SIGTERM)
    assert allocating.told().startswith("qplug: still undoing what was begun;")
    allocating.go_on()
    assert allocating.end() == (143, "")
    assert nothing_is_left()


def test_a_third_signal_ends_the_undo_too(allocating: Talk) -> None:
    allocating.process.send_signal(signal.SIGTERM)
    allocating.until("detaching")
    allocating.process.send_signal(signal.SIGTERM)
    allocating.told()
    allocating.process.send_signal(signal.SIGTERM)
    assert allocating.end() == (143, "")


# --- while it waits -----------------------------------------------------------------------------


@each_signal
def test_who_waits_for_another_command_stops_waiting_and_leaves_that_alone(
    allocating: Talk, log: Path, number: signal.Signals, code: int
) -> None:
    with talk(f"--log-file {log} {ALLOCATE}", "sleep", STOP_AT="time:sleep") as waiting:
        waiting.process.send_signal(number)
        assert waiting.end() == (code, "")
    assert last_result(log, "allocate_for_instance") == "interrupted"
    allocating.go_on()
    assert allocating.end() == (0, "")
    assert last_result(log, "allocate_for_instance") == "ok"
    assert done(f"instance show {WEB} -f value -c addresses") == "10.0.0.2\n"


@each_signal
def test_who_waits_for_sqlite_stops_waiting(
    own_home: Path, log: Path, number: signal.Signals, code: int
) -> None:
    done(BLUE)
    with closing(sqlite3.connect(own_home / "state/qplug/qplug.sqlite")) as database:
        database.execute("BEGIN IMMEDIATE")
        with talk(f"--log-file {log} {ALLOCATE}", "sleep", STOP_AT="time:sleep") as waiting:
            waiting.process.send_signal(number)
            assert waiting.end() == (code, "")
        database.rollback()
    assert last_result(log, "allocate_for_instance") == "interrupted"
    assert nothing_is_left()


@pytest.fixture
def server(slow: Path, tmp_path: Path, database_kind: str) -> Iterator[sa.Engine]:
    """Return a server on which the commands have their database."""
    with database_of(database_kind, tmp_path) as url:
        make_tables(url)
        with slow.open("a") as conf:
            conf.write(f"[database]\nconnection = {url}\n")
        engine = sa.create_engine(url)
        yield engine
        engine.dispose()


LOCKING = {
    "postgresql": "LOCK TABLE qplug_networks IN ACCESS EXCLUSIVE MODE",
    "mariadb": "LOCK TABLES qplug_networks WRITE",
}
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    "mariadb": "SELECT count(*) FROM information_schema.processlist"
    " WHERE db = database() AND state LIKE 'Waiting for table metadata lock%%'",
}


@on_servers
@each_signal
def test_who_waits_for_a_server_stops_waiting(
    server: sa.Engine, database_kind: str, log: Path, number: signal.Signals, code: int
) -> None:
    done(BLUE)
    with server.connect() as locking, server.connect() as looking:
        locking.exec_driver_sql(LOCKING[database_kind])
        command = Talk(f"--log-file {log} network list")
        try:
            while not looking.exec_driver_sql(WAITING[database_kind]).scalar_one():
                looking.rollback()
            begun = time.monotonic()
            command.process.send_signal(number)
            assert command.end() == (code, "")
            assert time.monotonic() - begun < SOON
        finally:
            command.close()
    assert last_result(log, "get_all_networks") == "interrupted"


# --- in a long answer ---------------------------------------------------------------------------


@each_signal
@pytest.mark.parametrize(
    ("line", "where", "operation"),
    [
        ("instance list", "qplug.store.search:instance_of", "get_all_instances"),
        ("instance list", "qplug.cli.columns:fitted", "get_all_instances"),
        ("audit", "qplug.manager.audit.auditing:Ports", "audit"),
    ],
)
def test_a_long_answer_ends_half_way(
    log: Path, number: signal.Signals, code: int, line: str, where: str, operation: str
) -> None:
    done(BLUE)
    for instance in (WEB, DB):
        done(f"instance allocate {instance} --project a")
    with talk(f"--log-file {log} {line}", where.partition(":")[2], STOP_AT=where) as listing:
        listing.process.send_signal(number)
        assert listing.end() == (code, "")
    assert last_result(log, operation) == "interrupted"


@each_signal
def test_who_stops_trying_what_is_pending_leaves_it_for_others(
    allocating: Talk, log: Path, number: signal.Signals, code: int
) -> None:
    allocating.process.kill()
    allocating.process.wait()
    with talk(f"--log-file {log} pending retry", "detaching") as trying:
        trying.process.send_signal(number)
        assert trying.end() == (code, "")
    assert last_result(log, "retry_pending") == "interrupted"
    [work] = [each for each in json.loads(done("pending list -f json")) if each["attempts"]]
    assert (work["id"], work["state"], work["error"]) == (WEB, "deleting", "interrupted")
    done("pending retry")
    assert nothing_is_left()
