"""What is logged: on stderr as much as is asked for, in a file all of it, and secrets nowhere."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import Commands, Done
from sites import Site

from qplug.cli.logs import logged
from qplug.testing.processes import at_once

CREATE = "network create blue --cidr 10.0.0.0/24"
LINE = re.compile(r"(\S+) (DEBUG|INFO|WARNING|ERROR) (\d+) ([\w.]+): (.*)")

TALKATIVE = """
from qplug.builtin.local_quantum import LocalQuantum

class Talkative(LocalQuantum):
    "Tells everybody how it logs in."

    def create_network(self, *args, **kwargs):
        try:
            raise OSError("X-Auth-Token: hunter2 is not known")
        except OSError as error:
            raise RuntimeError("cannot log in at http://admin:hunter2@quantum:9696/") from error

    def check(self, call):
        raise RuntimeError("password=hunter2 is wrong")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the log is to be; nothing is there yet."""
    return tmp_path / "qplug.log"


@pytest.fixture
def talkative(qplug: Commands, site: Site) -> Site:
    """Configure a driver whose errors show secrets."""
    site.install("acme", "talk = acme_talk:Talkative", kind="quantum", acme_talk=TALKATIVE)
    qplug.configure("[quantum]\ndriver = talk")
    return site


def texts(file: Path) -> list[tuple[str, str, str]]:
    """Return level, logger and text of each line; all of them are in the form of one."""
    lines = file.read_text().splitlines()
    found = [line for line in map(LINE.fullmatch, lines) if line is not None]
    assert len(found) == len(lines)
    return [(line[2], line[4], line[5]) for line in found]


# --- stderr -------------------------------------------------------------------------------------


def test_operations_are_told_to_who_wants_more(qplug: Commands) -> None:
    assert qplug(CREATE).err == ""
    told = qplug("-v network list").err
    assert re.fullmatch(
        r"qplug: info: req-[-0-9a-f]{36} admin get_all_networks\(\) \d\.\d{3} s ok\n", told
    )


def test_why_an_operation_failed_is_told_once_unless_more_is_wanted(qplug: Commands) -> None:
    sentence = "no network is called 'nope'; see 'qplug network list'"
    assert qplug("network show nope").sentence == sentence
    operation, said = qplug("-v network show nope").err.splitlines()
    assert re.fullmatch(r"qplug: warning: req-.* get_network.* s NetworkNotFound: .*", operation)
    assert said == f"qplug: error: {sentence}"


def test_debug_tells_how_long_each_step_of_a_driver_took(qplug: Commands) -> None:
    told = qplug(f"--debug {CREATE}").err
    assert re.search(
        r"qplug: debug: req-\S+ quantum: creating the network took \d\.\d{3} s\n", told
    )


# --- a file -------------------------------------------------------------------------------------


def test_a_file_gets_each_operation_and_whatever_stderr_is_told(
    qplug: Commands, file: Path
) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    assert qplug(f"--log-file {file} {CREATE}").err == ""
    assert qplug(f"--log-file {file} network show nope").sentence.startswith("no network is called")
    info, made, refused, said = texts(file)
    assert info[:2] == ("INFO", "qplug.manager.hosts")
    assert made[:2] == ("INFO", "qplug.manager.logs")
    assert made[2].endswith(" s ok")
    assert refused[:2] == ("WARNING", "qplug.manager.logs")
    assert "NetworkNotFound: no network is called 'nope'" in refused[2]
    assert said[0] == "ERROR"
    assert said[2] == "no network is called 'nope'; see 'qplug network list'"
    first = LINE.fullmatch(file.read_text().splitlines()[0])
    assert first is not None
    assert before <= datetime.fromisoformat(first[1]) <= datetime.now(UTC)
    assert first[1].endswith("+00:00")
    assert first[3] == str(os.getpid())


def test_a_file_gets_what_happens_before_there_is_a_manager(qplug: Commands, file: Path) -> None:
    qplug.configure("[ipam]\ndriver = melagne")
    sentence = qplug(f"--log-file {file} network list").sentence
    assert [text for _, _, text in texts(file)] == [sentence]


def test_a_file_gets_steps_and_tracebacks_when_all_is_to_be_told(
    qplug: Commands, file: Path
) -> None:
    qplug(f"--log-file {file} network show nope")
    assert not any("Traceback" in text for _, _, text in texts(file))
    qplug(f"--debug --log-file {file} network show nope")
    qplug(f"--debug --log-file {file} {CREATE}")
    found = texts(file)
    assert any(text.startswith("Traceback") for _, _, text in found)
    assert any(text.endswith("in take_action") for _, _, text in found)
    assert any(level == "DEBUG" and "quantum: creating" in text for level, _, text in found)


def test_no_argument_makes_a_line_of_its_own(qplug: Commands, file: Path) -> None:
    qplug(f"--debug --log-file {file} network show", "x\nINFO\x1b[31m\u2028\udcff")
    assert len(texts(file)) > 2
    assert "\x1b" not in file.read_text()


def test_a_file_is_for_its_owner_alone(qplug: Commands, file: Path) -> None:
    before = os.umask(0)
    try:
        qplug(f"--log-file {file} network list")
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_appended_to_and_keeps_its_mode(
    qplug: Commands, file: Path
) -> None:
    file.touch()
    file.chmod(0o640)
    qplug(f"--log-file {file} network list")
    qplug(f"--log-file {file} network list")
    assert len(texts(file)) == 2
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_file_that_logrotate_moves_away_is_made_anew(file: Path) -> None:
    with in_file(file):
        logging.getLogger("acme").info("before")
        file.rename(moved := file.with_suffix(".1"))
        logging.getLogger("acme").info("after")
    assert [text for _, _, text in texts(moved)] == ["before"]
    assert [text for _, _, text in texts(file)] == ["after"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_processes_that_share_a_file_keep_their_lines_apart(file: Path) -> None:
    def write() -> None:
        with in_file(file):
            for _ in range(100):
                logging.getLogger("acme").info(f"{os.getpid()} " * 3000)

    assert [ended.status for ended in at_once([write] * 4)] == [0] * 4
    written = [text.split() for _, _, text in texts(file)]
    assert len(written) == 400
    assert {len(set(words)) for words in written} == {1}


@contextmanager
def in_file(file: Path) -> Iterator[None]:
    with logged(verbose=False, debug=False, file=str(file)):
        yield


@pytest.mark.parametrize("path", ["/proc/none/qplug.log", "/proc", ""])
def test_a_file_that_cannot_be_opened_is_one_sentence(qplug: Commands, path: str) -> None:
    done = qplug(f"--log-file '{path}' {CREATE}")
    assert done.code == 1
    assert done.sentence.startswith(f"log file '{path}' is wrong: it must be a file that can be ")
    assert qplug("network list -f json").json == []


def test_a_file_that_cannot_be_written_is_warned_of_once_and_stops_nothing(
    qplug: Commands,
) -> None:
    done = qplug(f"--log-file /dev/full {CREATE} -f value -c label")
    assert (done.code, done.out) == (0, "blue\n")
    assert done.err == (
        "qplug: warning: the log file '/dev/full' cannot be written: "
        "[Errno 28] No space left on device\n"
    )


def test_a_file_that_cannot_be_made_anew_stops_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with in_file(file):
        file.unlink()
        file.mkdir()
        for _ in range(2):
            logging.getLogger("acme").info("lost")
    assert capsys.readouterr().err.count("cannot be written: [Errno 21] Is a directory") == 1


# --- secrets ------------------------------------------------------------------------------------


def masked_in(done: Done, file: Path) -> bool:
    """Say whether a secret was to be told, and told nowhere."""
    told = done.out + done.err + (file.read_text() if file.exists() else "")
    assert "hunter2" not in told
    return "***" in done.out + done.err


@pytest.mark.parametrize("options", ["", "-v", "--debug"])
def test_secrets_in_the_errors_of_drivers_are_masked(
    qplug: Commands, talkative: Site, file: Path, options: str
) -> None:
    done = qplug(f"{options} --log-file {file} {CREATE}")
    assert done.code == 1
    assert masked_in(done, file)
    assert "cannot log in at http://admin:***@quantum:9696/" in file.read_text()
    assert ("X-Auth-Token: *** is not known" in file.read_text()) == (options == "--debug")


def test_secrets_in_an_answer_that_is_an_error_are_masked(
    qplug: Commands, talkative: Site, file: Path
) -> None:
    assert masked_in(qplug("driver check quantum"), file)


def test_secrets_in_the_urls_of_databases_are_masked(qplug: Commands, file: Path) -> None:
    qplug.configure("[database]\nconnection = mysql+pymysql://qplug:hunter2@127.0.0.1:1/qplug")
    done = qplug(f"--debug --log-file {file} network list")
    assert done.code == 1
    assert masked_in(done, file)
    assert "mysql+pymysql://qplug:***@127.0.0.1:1/qplug cannot be used" in done.err


def test_secrets_in_wrong_arguments_are_masked(qplug: Commands, file: Path) -> None:
    for line in ("network list --password=hunter2", "--token=hunter2 network list"):
        done = qplug(line)
        assert done.code == 2
        assert masked_in(done, file)


def test_secrets_that_others_log_are_masked(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logged(verbose=True, debug=True, file=str(file)):
        try:
            raise RuntimeError("a body of two lines:\n'password': 'hunter2'")
        except RuntimeError:
            logging.getLogger("acme").exception("GET /?token=%s", "hunter2")
    for told in (capsys.readouterr().err, file.read_text()):
        assert "hunter2" not in told
        assert "GET /?token=***" in told
        assert "'password': ***" in told
