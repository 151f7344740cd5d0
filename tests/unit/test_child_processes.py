"""Children of a test are stopped, let go on and killed, and do not outlive it."""

import os
import select
import signal
from functools import partial
from mmap import mmap

from qplug.testing.processes import Child, Ended, die_with_parent, in_child


def stand_still() -> str:
    os.kill(os.getpid(), signal.SIGSTOP)
    return "went on"


def test_a_child_says_what_its_work_returned_or_raised() -> None:
    assert in_child(lambda: "done") == Ended(0, "done")
    assert in_child(partial(int, "x")).said.startswith("ValueError: invalid literal")


def test_a_stopped_child_goes_on_when_it_is_let() -> None:
    child = Child(stand_still)
    assert child.stops()
    child.resume()
    assert not child.stops()
    assert child() == Ended(0, "went on")


def test_a_child_that_ends_by_itself_never_stops() -> None:
    child = Child(lambda: "done")
    assert not child.stops()
    assert child().said == "done"


def test_a_stopped_child_can_be_killed_and_killing_again_is_quiet() -> None:
    child = Child(stand_still)
    assert child.stops()
    child.kill()
    child.kill()
    assert not os.path.exists(f"/proc/{child.pid}")


def test_a_child_that_kills_itself_says_by_which_signal_it_ended() -> None:
    assert in_child(lambda: os.kill(os.getpid(), signal.SIGKILL)).status == -signal.SIGKILL


def test_a_stopped_child_dies_with_its_parent() -> None:
    noted, (reading, writing) = mmap(-1, 8), os.pipe()

    def bound() -> str:
        die_with_parent()
        return stand_still()

    def leave() -> None:
        child = Child(bound)
        assert child.stops()
        noted.write(child.pid.to_bytes(8))

    parent = Child(leave)
    assert not parent.stops()
    os.close(writing)
    gone, _, _ = select.select([reading], [], [], 5)  # the last who could write is gone
    os.close(reading)
    if not gone:
        os.kill(int.from_bytes(noted[:]), signal.SIGKILL)
    assert parent() == Ended(0, "None")
    assert gone
