"""Configurations, databases and drivers that are broken, and the commands that tell of them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from commands import Commands
from sites import Site

from qplug.config.old_names import OLD_NAMES

CREATE = "network create blue --cidr 10.0.0.0/24"

GOOD_DRIVER = """
from qplug.config.old_names import OLD_NAMES
from qplug.builtin.memory_ipam import MemoryIpam

class Ill(MemoryIpam):
    def check(self, call):
        raise KeyError("how")
"""


@pytest.fixture
def sqlite(qplug: Commands, tmp_path: Path) -> Path:
    """Return a path that the configuration names as the database; nothing is there yet."""
    path = tmp_path / "one.sqlite"
    qplug.configure(f"[database]\nconnection = sqlite:///{path}")
    return path


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


# --- configurations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "line 6 is wrong"),
        ("[DEFAULT]\nstate_path = relative", "state_path = 'relative' is wrong"),
        ("[DEFAULT]\noperation_timeout = soon", "operation_timeout = 'soon' is wrong"),
        ("[ipam]\ndriver =", "[ipam] driver = '' is wrong"),
        ("[DEFAULT]\nquantum_ipam_lib = mine", "quantum_ipam_lib = 'mine' is wrong"),
        ("[ipam]\ndriver = melagne", "no ipam driver is called 'melagne'"),
        ("[ipam]\ndriver = memory", "keeps its state in one process only"),
        ("[database]\nconnection = nonsense", "is no URL"),
        ("[database]\nconnection = sqlite:////proc/none/x", "/proc/none"),
        ("[oslo_policy]\npolicy_file = /proc/none", "there is no such policy file"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(qplug: Commands, text: str, told: str) -> None:
    qplug.configure(text)
    done = qplug(CREATE)
    assert done.code == 1
    assert told in done.sentence


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "it cannot be read: No such file"),
        (lambda path: path.mkdir(), "it cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b"[DEFAULT]\nhost = \xff\n"), "it must be text in UTF-8"),
        (os.mkfifo, "it must be a file and no pipe"),
    ],
    ids=["missing", "folder", "bytes", "pipe"],
)
def test_an_unreadable_configuration_is_one_sentence(
    qplug: Commands, tmp_path: Path, make: object, told: str
) -> None:
    path = tmp_path / "other.conf"
    assert callable(make)
    make(path)
    assert told in qplug(f"--config-file {path} network list").sentence
    validated = qplug(f"--config-file {path} config validate")
    assert validated.code == 1
    assert told in validated.out


def test_of_several_files_later_ones_win(qplug: Commands, tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("[DEFAULT]\nhost = other-host\n")
    made = qplug(f"--config-file {qplug.conf} --config-file {other} {CREATE} -f json").json
    assert made["host"] == "other-host"


def test_validate_prints_every_problem_and_changes_nothing(qplug: Commands) -> None:
    assert qplug("config validate").out == ""
    qplug.configure("[ipam]\ndirver = nova\nreuse_delay = -1\n[nothing]\nx = 1")
    done = qplug("config validate")
    assert (done.code, done.err) == (1, "")
    assert len(done.out.splitlines()) == 3
    assert "did you mean 'driver'?" in done.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[ipam]\ndriver = novo", "no ipam driver is called 'novo'"),
        ("[dhcp]\ndriver = nothing", "no dhcp driver is called 'nothing'"),
        ("[ipam]\ndriver = memory", "keeps its state in one process only"),
        ("[database]\nconnection = foo", "its value is no URL"),
        ("[database]\nconnection = oracle://host/x", "'oracle' is none of"),
        ("[oslo_policy]\npolicy_file = gone.yaml", "there is no such policy file"),
    ],
)
def test_validate_finds_what_every_command_would_fail_of(
    qplug: Commands, text: str, told: str
) -> None:
    qplug.configure(text)
    done = qplug("config validate")
    assert (done.code, done.err) == (1, "")
    assert told in done.out
    assert told in qplug("network list").sentence


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("network:create_network: '@'\n", "did you mean 'network:create_networks'?"),
        ("- nothing\n", "it is no policy file"),
    ],
)
def test_validate_reads_the_policy_file(qplug: Commands, text: str, told: str) -> None:
    (qplug.conf.parent / "policy.yaml").write_text(text)
    done = qplug("config validate")
    assert (done.code, done.err) == (1, "")
    assert told in done.out
    assert len(done.out.splitlines()) == 1


def test_validate_lets_a_policy_file_have_parts_of_its_own(qplug: Commands) -> None:
    text = "operator: role:operator\nnetwork:init_host: rule:operator\n"
    (qplug.conf.parent / "policy.yaml").write_text(text)
    assert qplug("config validate").code == 0


def test_validate_mentions_what_is_ignored(qplug: Commands) -> None:
    ignored = next(row for row in OLD_NAMES if row.ignored)
    qplug.configure(f"[DEFAULT]\n{ignored.name} = 1")
    done = qplug("config validate")
    assert (done.code, done.out) == (0, "")
    assert f"option {ignored.name} is ignored" in done.err


def test_sample_is_a_configuration_without_a_setting(qplug: Commands, tmp_path: Path) -> None:
    path = tmp_path / "sample.conf"
    path.write_text(qplug("config sample").out)
    assert "#reuse_delay = 600" in path.read_text()
    assert "[ipam_nova]" in path.read_text()
    assert qplug(f"--config-file {path} config validate").code == 0


# --- databases ----------------------------------------------------------------------------------


def test_a_database_that_is_garbage_is_left_alone(qplug: Commands, sqlite: Path) -> None:
    sqlite.write_text("garbage" * 1000)
    for line in (CREATE, "network list", "db current", "db upgrade"):
        assert "is not a database" in qplug(line).sentence
    assert sqlite.read_text() == "garbage" * 1000


def test_another_programs_database_is_left_alone(qplug: Commands, sqlite: Path) -> None:
    with opened(sqlite) as theirs:
        theirs.execute("CREATE TABLE bookmarks (url TEXT)")
    for line in (CREATE, "db upgrade"):
        assert "bookmarks" in qplug(line).sentence
    with opened(sqlite) as theirs:
        assert list(theirs.execute("SELECT name FROM sqlite_master")) == [("bookmarks",)]


def test_a_newer_releases_database_is_left_alone(qplug: Commands, sqlite: Path) -> None:
    qplug(CREATE)
    with opened(sqlite) as newer:
        newer.execute("UPDATE qplug_core_version SET version_num = '9999'")
    for line in ("network list", "network delete blue", "db upgrade"):
        assert "at version 9999, newer than" in qplug(line).sentence
    assert "core 9999\n" in qplug("db current -f value -c name -c found").out
    with opened(sqlite) as newer:
        assert list(newer.execute("SELECT label FROM qplug_networks")) == [("blue",)]


def test_a_locked_database_is_told_after_the_timeout(qplug: Commands, sqlite: Path) -> None:
    qplug(CREATE)
    qplug.configure("[DEFAULT]\noperation_timeout = 0.2")
    with opened(sqlite) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked" in qplug("network create red --cidr 10.1.0.0/24").sentence
        assert qplug("network list -f value -c label").out == "blue\n"
    assert qplug("network list -f value -c label").out == "blue\n"


def test_a_read_only_database_can_be_read(qplug: Commands, sqlite: Path) -> None:
    qplug(CREATE)
    qplug.configure(f"[database]\nconnection = sqlite:///file:{sqlite}?mode=ro&uri=true")
    assert qplug("network list -f value -c label").out == "blue\n"
    for line in ("network create red --cidr 10.1.0.0/24", "network delete blue"):
        assert "read-only" in qplug(line).sentence
    assert qplug("network list -f value -c label").out == "blue\n"


def test_a_missing_folder_of_the_database_is_told(qplug: Commands, tmp_path: Path) -> None:
    qplug.configure(f"[database]\nconnection = sqlite:///{tmp_path}/none/x.sqlite")
    assert f"no folder {tmp_path}/none" in qplug(CREATE).sentence
    assert not (tmp_path / "none").exists()


def test_a_server_that_is_away_is_told_without_its_password(qplug: Commands) -> None:
    qplug.configure("[database]\nconnection = postgresql+psycopg://me:secret@127.0.0.1:1/x")
    sentence = qplug("network list").sentence
    assert "me:***@127.0.0.1:1/x cannot be used" in sentence
    told = qplug("--debug network list").err
    assert "Traceback" in told
    assert "secret" not in told


def test_a_password_on_a_broken_line_is_never_shown(qplug: Commands) -> None:
    qplug.configure("[database]\nconnection secret")
    told = qplug("--debug network list").err
    assert "Traceback" in told
    assert "secret" not in told


def test_current_and_upgrade_tell_of_every_distributions_tables(
    qplug: Commands, sqlite: Path
) -> None:
    before = qplug("db current -f json").json
    assert [row["name"] for row in before] == ["core", "ipam_nova"]
    assert {row["found"] for row in before} == {None}
    assert {row["database"] for row in before} == {str(sqlite)}
    assert not sqlite.exists()
    after = qplug("db upgrade -f json").json
    assert after == [row | {"found": row["expected"]} for row in before]
    assert qplug("db current -f json").json == after


def test_tables_of_a_plugin_follow_its_own_option(
    qplug: Commands, sqlite: Path, tmp_path: Path
) -> None:
    qplug.configure(f"[ipam_nova]\nconnection = sqlite:///{tmp_path}/other.sqlite")
    databases = [row["database"] for row in qplug("db upgrade -f json").json]
    assert databases == [str(sqlite), f"{tmp_path}/other.sqlite"]
    assert qplug(CREATE).code == 0


def test_a_package_whose_migrations_are_broken_is_named(qplug: Commands, site: Site) -> None:
    site.install("acme", "acme = acme_tables", kind="migrations", acme_tables="MIGRATIONS = 1")
    assert "migrations 'acme' (acme_tables) cannot be loaded" in qplug("db current").sentence
    (site.path / "acme_tables.py").unlink()
    assert "migrations 'acme' (acme_tables) cannot be loaded" in qplug("db upgrade").sentence


# --- drivers ------------------------------------------------------------------------------------


def test_list_shows_every_installed_driver(qplug: Commands) -> None:
    rows = qplug("driver list -f json").json
    assert list(rows[0]) == ["kind", "name", "package", "version", "state"]
    nova = next(row for row in rows if row["name"] == "nova")
    assert (nova["kind"], nova["package"], nova["state"]) == ("ipam", "qplug-ipam-nova", "ok")


def test_list_says_which_driver_is_broken_and_why(qplug: Commands, site: Site) -> None:
    site.install("acme", "acme = acme_gone:Acme", kind="ipam")
    done = qplug("driver list -f json")
    acme = next(row for row in done.json if row["name"] == "acme")
    assert acme["package"] == "acme"
    assert acme["state"].endswith("cannot start: No module named 'acme_gone'")
    assert qplug("driver show ipam acme -f json").json["state"] == acme["state"]
    assert qplug(CREATE).code == 0


def test_list_needs_no_configuration(qplug: Commands) -> None:
    qplug.configure("nonsense")
    assert qplug("driver list").code == 0


def test_show_tells_what_a_driver_can_do(qplug: Commands) -> None:
    shown = qplug("driver show quantum local -f json").json
    assert shown["target"] == "qplug.builtin.local_quantum:LocalQuantum"
    assert "shared" in shown["capabilities"]
    assert "'nope'" in qplug("driver show quantum nope").sentence
    assert "one of ipam, quantum, mac, l3, dhcp" in qplug("driver show floating x").sentence


def test_check_asks_every_configured_driver(qplug: Commands) -> None:
    rows = qplug("driver check -f json").json
    assert [row["kind"] for row in rows] == ["ipam", "quantum", "mac", "l3", "dhcp"]
    assert rows[0]["name"] == "nova"
    assert "keeps 0 subnet(s)" in rows[0]["result"]
    assert len(qplug("driver check mac -f json").json) == 1


def test_check_goes_on_past_a_driver_that_fails(qplug: Commands, site: Site) -> None:
    site.install("acme", "ill = acme_ill:Ill", kind="ipam", acme_ill=GOOD_DRIVER)
    qplug.configure("[ipam]\ndriver = ill\n[quantum]\ndriver = gone")
    done = qplug("driver check -f value")
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("ipam ill the ipam driver broke while checking its backend: Key")
    assert lines[1].startswith("quantum gone no quantum driver is called 'gone'")
    assert qplug("driver check mac").code == 0


def test_host_init_says_nothing(qplug: Commands) -> None:
    qplug(CREATE)
    done = qplug("host init")
    assert (done.code, done.out, done.err) == (0, "", "")
