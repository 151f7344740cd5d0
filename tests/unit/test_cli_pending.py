"""``qplug pending``, as its caller sees it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import Commands

from qplug.builtin.local_quantum import LocalQuantum
from qplug.errors import BackendUnavailable
from qplug.store import marks

WEB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"


@pytest.fixture
def soon_again() -> Iterator[None]:
    """Have what fails tried again by the next command."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(marks, "FIRST_PAUSE", 0)
        yield


@pytest.fixture
def half_released(qplug: Commands, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Deallocate an instance while Quantum does not answer, and return what brings it back."""

    def away(*_: object) -> bool:
        raise BackendUnavailable("the network service", "connection refused")

    qplug("network create blue --project a --cidr 10.0.0.0/24")
    qplug(f"instance allocate {WEB} --project a")
    with monkeypatch.context() as patched:
        patched.setattr(LocalQuantum, "detach_port", away)
        done = qplug(f"instance deallocate {WEB}")
    assert done.code == 0
    assert "its addresses are held; it is tried again later, see 'qplug pending list'" in done.err
    monkeypatch.setattr(LocalQuantum, "detach_port", away)
    return monkeypatch.undo


def test_what_is_left_is_listed_with_the_reason(
    qplug: Commands, half_released: Callable[[], None]
) -> None:
    [work] = qplug("pending list -f json").json
    assert (work["kind"], work["id"], work["state"]) == ("instance", WEB, "deleting")
    assert (work["project_id"], work["attempts"]) == ("a", 1)
    assert "connection refused" in work["error"]
    assert work["due"] > work["created_at"]


def test_a_retry_fails_while_it_cannot_be_finished_and_then_succeeds(
    qplug: Commands, half_released: Callable[[], None]
) -> None:
    done = qplug("pending retry -f value -c id -c attempts")
    assert (done.code, done.out) == (1, f"{WEB} 2\n")
    half_released()
    done = qplug(f"pending retry {WEB} -f value")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert qplug("pending list -f json").json == []


def test_what_is_dropped_is_pending_no_more_and_the_audit_shows_it(
    qplug: Commands, half_released: Callable[[], None]
) -> None:
    assert qplug(f"pending drop {WEB}").code == 0
    assert qplug("pending list -f json").json == []
    done = qplug("audit -f value -c kind -c what")
    assert done.code == 3
    assert sorted(done.out.splitlines()) == ["extra address", "extra port"]


def test_what_is_not_pending_cannot_be_dropped(qplug: Commands) -> None:
    assert qplug("pending drop x").sentence == (
        "nothing is pending for 'x'; see 'qplug pending list'"
    )


@pytest.mark.parametrize("line", ["list", "retry", "drop x"])
def test_a_member_may_not_look_into_what_is_pending(qplug: Commands, line: str) -> None:
    assert "ask an administrator" in qplug(f"--project a pending {line}").sentence


@pytest.mark.usefixtures("soon_again", "half_released")
def test_of_others_troubles_a_command_tells_the_log_and_who_wants_more(
    qplug: Commands, tmp_path: Path
) -> None:
    """They are none of its own, and may be those of a project that its caller may not see."""
    file = tmp_path / "qplug.log"
    qplug("network create green --project b --cidr 10.1.0.0/24")
    allocate = "instance allocate 4f6a3a52-6a0c-4a43-8f4e-0f6a5d1f2c77 --project b"
    done = qplug(f"--project b --log-file {file} {allocate}")
    assert (done.code, done.err) == (0, "")
    trouble = f"instance {WEB} stays pending: port deallocation failed"
    assert trouble in file.read_text()
    assert trouble in qplug(f"-v {allocate}").err
