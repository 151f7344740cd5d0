"""Commands as processes: pipes, signals, many at once, and somebody who types."""

import os
import pty
import select
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from talking import PATIENCE, QPLUG, done, qplug

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("own_home")]

WEB = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
BLUE = "network create blue --cidr 10.0.0.0/24"


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


def test_global_options_hold_for_all_that_is_typed(own_home: Path) -> None:
    typed = "network create blue --cidr 10.0.0.0/24 -f value -c project_id\nhost init\n"
    ended = qplug("--project a", typed)
    assert ended.stdout.split() == ["a"]
    assert ended.stderr.startswith("qplug: error: policy does not let project 'a'")


def test_an_answer_can_be_sent_to_a_file(own_home: Path) -> None:
    qplug("", f"{BLUE}\nnetwork list -f value -c label > {own_home}/labels\n")
    assert (own_home / "labels").read_text() == "blue\n"


def test_in_memory_drivers_serve_while_it_runs(own_home: Path) -> None:
    (own_home / "memory.conf").write_text(
        "[ipam]\ndriver = memory\n[database]\nconnection = sqlite://\n"
    )
    typed = f"{BLUE} -c label\ninstance allocate {WEB} --project a -f value -c addresses\n"
    ended = qplug(f"--config-file {own_home}/memory.conf", typed)
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
