"""Commands as processes: pipes, signals, many at once, and somebody who types."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Site

from qplug import loader
from qplug.testing.requirements import require

pytestmark = pytest.mark.integration

QPLUG = (sys.executable, "-m", "qplug.cli.main")
WEB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
BLUE = "network create blue --cidr 10.0.0.0/24"
PATIENCE = 60
"""Seconds after which a process hangs."""

SLOW = """
import os
from qplug.builtin.local_quantum import LocalQuantum

class Slow(LocalQuantum):
    "Waits with a port in its hands, and again before it gives it back."

    def attach_port(self, *args):
        port = super().attach_port(*args)
        say_and_wait(b"attached")
        return port

    def detach_port(self, *args):
        say_and_wait(b"detaching")
        return super().detach_port(*args)

def say_and_wait(word):
    if "SAID" in os.environ:
        os.write(int(os.environ["SAID"]), word)
        os.read(int(os.environ["HEARD"]), 1)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the processes a home of their own."""
    nova = "nova" in loader.installed(loader.IPAM)
    require(nova, "no ipam driver 'nova' is installed; run make")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("QPLUG_CONFIG", os.devnull)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # a broken pipe would show elsewhere
    return tmp_path


def qplug(line: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command, or what is typed, and return what it left."""
    return subprocess.run(
        [*QPLUG, *line.split()], input=typed, capture_output=True, text=True, timeout=PATIENCE
    )


def done(line: str) -> str:
    """Run a command that succeeds, and return what it printed."""
    ended = qplug(line)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


# --- pipes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["config sample", "network list", "--help", "help network create"])
def test_who_closes_the_pipe_early_is_told_nothing(line: str) -> None:
    with subprocess.Popen(
        [*QPLUG, *line.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_an_answer_that_cannot_be_written_is_a_failure() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*QPLUG, "network", "list"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 1
    assert ended.stderr == "qplug: error: the answer cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", [1, 2])
def test_closed_streams_are_no_bug(closed: int) -> None:
    words = ("sh", "-c", f'"$@" {closed}>&-', "sh", *QPLUG, "network", "list")
    ended = subprocess.run(words, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_an_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert "b\\xfcro" in done("network create b\xfcro --cidr 10.0.0.0/24")
    assert done("network list -f value -c label") == "b\\xfcro\n"


def test_a_narrow_terminal_breaks_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    made = done(f"{BLUE} --project {WEB} -f value -c id").strip()
    screen, inside = pty.openpty()
    subprocess.run([*QPLUG, "network", "list"], stdout=inside, check=True, timeout=PATIENCE)
    os.close(inside)
    shown = os.read(screen, 65536).decode()
    os.close(screen)
    assert f"| {made} | blue  | {WEB} |" in shown


# --- signals ------------------------------------------------------------------------------------


class Talk:
    """A process that says what it does and goes on when told so."""

    def __init__(self, line: str) -> None:
        self._said, said = os.pipe()
        heard, self._heard = os.pipe()
        self.process = subprocess.Popen(
            [*QPLUG, *line.split()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(said, heard),
            env=os.environ | {"SAID": str(said), "HEARD": str(heard)},
            text=True,
        )
        os.close(said)
        os.close(heard)

    def until(self, word: str) -> None:
        """Wait until it says so."""
        assert os.read(self._said, 80) == word.encode()

    def go_on(self) -> None:
        """Have it wait for nothing any more."""
        os.write(self._heard, b"." * 80)

    def told(self) -> str:
        """Return the next line of its stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self) -> tuple[int, str]:
        """Return its exit code and the rest of its stderr."""
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err

    def close(self) -> None:
        """Leave nothing running."""
        self.process.kill()
        self.process.communicate()
        os.close(self._said)
        os.close(self._heard)


@pytest.fixture
def allocating(home: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """Return an allocation that waits with its port attached."""
    site.install("acme", "slow = acme_slow:Slow", kind="quantum", acme_slow=SLOW)
    (home / "slow.conf").write_text("[quantum]\ndriver = slow\n")
    monkeypatch.setenv("PYTHONPATH", str(site.path))
    monkeypatch.setenv("QPLUG_CONFIG", str(home / "slow.conf"))
    done(BLUE)
    talk = Talk(f"instance allocate {WEB} --project a")
    try:
        talk.until("attached")
        yield talk
    finally:
        talk.close()


def nothing_is_left() -> bool:
    """Say so if no instance, address or port is there: with a port no network is deleted."""
    listed = done("instance list -f value") + done("fixed-ip list -f value")
    used = json.loads(done("network usage -f json"))[0]["used"]
    done("network delete blue")
    return listed == "" and used == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_undoes_what_was_begun(
    allocating: Talk, number: signal.Signals, code: int
) -> None:
    allocating.process.send_signal(number)
    allocating.until("detaching")
    allocating.go_on()
    assert allocating.end() == (code, "")
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


# --- many at once -------------------------------------------------------------------------------


def at_once(commands: list[tuple[str, str]]) -> list[str]:
    """Run commands with what is typed into them, all at once, and return what they printed."""
    processes = [
        subprocess.Popen(
            [*QPLUG, *line.split()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line, _ in commands
    ]
    ended = [
        process.communicate(typed, timeout=PATIENCE)
        for process, (_, typed) in zip(processes, commands, strict=True)
    ]
    assert {err for _, err in ended} == {""}
    assert {process.returncode for process in processes} == {0}
    return [out for out, _ in ended]


def test_four_first_users_at_once_find_one_database() -> None:
    at_once([(f"network create net-{n} --cidr 10.{n}.0.0/24", "") for n in range(4)])
    listed = done("network list -f value -c label").split()
    assert sorted(listed) == [f"net-{n}" for n in range(4)]


def test_four_processes_never_give_an_address_twice() -> None:
    done(BLUE)
    lines = [
        f"instance allocate {WEB[:-2]}{n:02} --project a -f value -c addresses\n" for n in range(20)
    ]
    printed = at_once([("", "".join(lines[start::4])) for start in range(4)])
    given = "".join(printed).split()
    assert len(given) == len(set(given)) == 20
    assert sorted(done("fixed-ip list -f value -c address").split()) == sorted(given)


# --- somebody who types -------------------------------------------------------------------------


def test_without_a_command_it_asks_for_commands() -> None:
    typed = """
        network create "my net" --cidr 10.0.0.0/24 -f value -c label
        network show 'my net' -f value -c subnets
        network show nope
        network lst
        network show "my
        network list --bogus
        help vif
        network delete "my net"
        network list -f value
        quit
        network show unreached
    """
    ended = qplug("", typed)
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[:2] == ["my net", "10.0.0.0/24"]
    assert "vif list" in ended.stdout
    errors = ended.stderr.splitlines()
    assert "no network is called 'nope'" in errors[0]
    assert "did you mean 'network list'" in errors[1]
    assert "No closing quotation" in errors[2]
    assert "unrecognized arguments: --bogus" in errors[3]
    assert len(errors) == 4


@pytest.mark.parametrize(
    ("typed", "code"),
    [("network list\n", 0), ("network list --bogus\nnetwork list\n", 1), ("network 'x\n", 1)],
)
def test_a_script_fails_if_one_of_its_commands_does(typed: str, code: int) -> None:
    assert qplug("", typed).returncode == code


def test_global_options_hold_for_all_that_is_typed(home: Path) -> None:
    typed = "network create blue --cidr 10.0.0.0/24 -f value -c project_id\nhost init\n"
    ended = qplug("--project a", typed)
    assert ended.stdout.split() == ["a"]
    assert ended.stderr.startswith("qplug: error: policy does not let project 'a'")


def test_an_answer_can_be_sent_to_a_file(home: Path) -> None:
    qplug("", f"{BLUE}\nnetwork list -f value -c label > {home}/labels\n")
    assert (home / "labels").read_text() == "blue\n"


def test_in_memory_drivers_serve_while_it_runs(home: Path) -> None:
    (home / "memory.conf").write_text(
        "[ipam]\ndriver = memory\n[database]\nconnection = sqlite://\n"
    )
    typed = f"{BLUE} -c label\ninstance allocate {WEB} --project a -f value -c addresses\n"
    ended = qplug(f"--config-file {home}/memory.conf", typed)
    assert ended.stderr == ""
    assert ended.stdout.split()[-1] == "10.0.0.2"


class Terminal:
    """A process at a terminal."""

    def __init__(self) -> None:
        self._screen, inside = pty.openpty()
        self.process = subprocess.Popen(
            QPLUG, stdin=inside, stdout=inside, stderr=inside, start_new_session=True
        )
        os.close(inside)

    def until(self, text: str) -> None:
        """Read its screen until a text is there."""
        seen = ""
        while text not in seen:
            ready, _, _ = select.select([self._screen], [], [], PATIENCE)
            assert ready, seen
            seen += os.read(self._screen, 4096).decode(errors="replace")

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self._screen, text.encode())

    def close(self) -> None:
        """Leave nothing running."""
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


def test_at_a_terminal_errors_and_ctrl_c_do_not_leave_but_a_signal_does() -> None:
    terminal = Terminal()
    try:
        terminal.until("(qplug)")
        terminal.type("network show nope\n")
        terminal.until("no network is called 'nope'")
        terminal.until("(qplug)")
        terminal.type("\x03")
        terminal.until("^C")
        terminal.type(f"{BLUE} -f value -c host\n")
        terminal.until(socket.gethostname())
        terminal.until("(qplug)")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(PATIENCE) == 143
    finally:
        terminal.close()
