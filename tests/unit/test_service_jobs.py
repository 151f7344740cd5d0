"""What a service does by itself."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from qplug.errors import BackendUnavailable
from qplug.service.jobs import Job
from qplug.service.metrics import result_of
from qplug.service.systemd import tell

Make = Callable[..., Job]


@pytest.fixture
def job() -> Iterator[Make]:
    """Return a maker of jobs, which are ended afterwards."""
    made: list[Job] = []

    def make(work: Callable[[], object], **options: object) -> Job:
        made.append(Job("sweep", 0.01, work, **options))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()
        assert each.wait(10)


def test_a_job_runs_again_and_again_and_never_beside_itself(job: Make) -> None:
    inside, most, runs = 0, 0, threading.Event()
    count = 0

    def work() -> None:
        nonlocal inside, most, count
        inside += 1
        most = max(most, inside)
        time.sleep(0.02)  # longer than its interval
        inside -= 1
        count += 1
        if count == 4:
            runs.set()

    job(work)
    assert runs.wait(10)
    assert most == 1


def test_a_job_that_fails_is_tried_again_and_its_error_is_told(
    job: Make, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    enough = threading.Event()
    failures = iter([BackendUnavailable("it", "told to"), ZeroDivisionError("x")])

    def work() -> None:
        for error in failures:
            raise error

    def watched(_name: str, _seconds: float, raised: BaseException | None) -> None:
        told.append(result_of(raised))
        if len(told) == 3:
            enough.set()

    job(work, watched=watched)
    assert enough.wait(10)
    assert told[:3] == ["BackendUnavailable", "bug", "ok"]
    assert "job 'sweep' failed, and is tried again: it does not answer" in caplog.text


def test_a_job_that_is_stopped_ends_after_its_run() -> None:
    begun, done = threading.Event(), []

    def work() -> None:
        begun.set()
        time.sleep(0.05)
        done.append(1)

    one = Job("sweep", 60, work)
    one.start()
    assert begun.wait(10)
    one.stop()
    assert one.wait(10)
    assert done == [1]


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("", "relative", "/nowhere/at/all"):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        tell("READY=1")
