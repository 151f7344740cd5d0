"""Who works on something: told from every other process, and known to be dead only by proof."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from qplug.store.worker import Worker, this_worker

HERE = "node-1"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that does nothing, until the test is over."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def worker_of(pid: int) -> Worker:
    """Return what the process would say of itself."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        started = int(file.read().rpartition(")")[2].split()[19])
    return replace(this_worker(HERE), pid=pid, started=started)


def test_a_worker_survives_being_written_whatever_its_host_is_called() -> None:
    for host in (HERE, "host with spaces", "høst"):
        here = this_worker(host)
        assert Worker.parsed(str(here)) == here
        assert len(str(replace(here, host="h" * 255))) <= 400  # the column's length


def test_a_process_is_alive_to_itself_and_a_fork_is_another_one() -> None:
    here = this_worker(HERE)
    assert here.pid == os.getpid()
    assert here.boot
    assert not here.is_dead(here)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, str(this_worker(HERE)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        forked = Worker.parsed(pipe.read())
    os.waitpid(child, 0)
    assert forked.pid == child
    assert forked.is_dead(here)


def test_who_is_stopped_is_not_dead_and_who_is_killed_is_before_its_parent_looks(
    sleeper: subprocess.Popen[bytes],
) -> None:
    found, here = worker_of(sleeper.pid), this_worker(HERE)
    sleeper.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED | os.WNOWAIT)
    assert not found.is_dead(here)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert found.is_dead(here)
    sleeper.wait()
    assert found.is_dead(here)


def test_another_process_that_got_the_pid_is_not_the_worker(
    sleeper: subprocess.Popen[bytes],
) -> None:
    found, here = worker_of(sleeper.pid), this_worker(HERE)
    assert replace(found, started=found.started - 1).is_dead(here)


def test_a_host_that_was_started_anew_has_lost_all_its_workers() -> None:
    here = this_worker(HERE)
    assert replace(here, boot="another start").is_dead(here)


@pytest.mark.parametrize(
    "elsewhere",
    [{"host": "node-2"}, {"namespace": "pid:[1]"}, {"boot": ""}, {"host": "node-2", "boot": "x"}],
    ids=str,
)
def test_where_nobody_can_look_nobody_is_dead(elsewhere: dict[str, str]) -> None:
    """Pid 1 of another host or container is not ours; nor is the lack of a pid there."""
    here = this_worker(HERE)
    assert not replace(here, pid=2**22 + 1, **elsewhere).is_dead(here)  # type: ignore[arg-type]  # texts alone
