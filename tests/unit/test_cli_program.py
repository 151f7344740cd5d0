"""The program itself: help, plugins' commands, what is logged, signals."""

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Commands
from sites import Site

from qplug import __version__
from qplug.cli.signals import Terminated, interruptible

COMMANDS = """
import logging
import sys
from cliff.command import Command
from cliff.lister import Lister
from qplug.cli.base import ManagerCommand

LOG = logging.getLogger("acme")

class Labels(ManagerCommand, Lister):
    "List labels, as Acme wants them."

    def take_action(self, parsed_args):
        return ("label",), [(network.label,) for network in self.api.get_all()]

class Unmakeable(Command):
    "It cannot be made."

    def __init__(self, *args, **kwargs):
        raise RuntimeError("no luck\\ntoday")

    def take_action(self, parsed_args):
        pass

class Unparsable(Unmakeable):
    "It has no parser."

    __init__ = Command.__init__

    def get_parser(self, prog_name):
        raise RuntimeError("no luck")

class Raises(Command):
    "It fails."

    def take_action(self, parsed_args):
        raise KeyError("the bug")

class Leaves(Command):
    "It leaves."

    def take_action(self, parsed_args):
        sys.exit("I am off")

class Logs(Command):
    "It logs."

    def take_action(self, parsed_args):
        LOG.debug("a detail")
        LOG.info("a step")
        LOG.warning("a worry\\nof two lines")
        logging.getLogger("sqlalchemy.engine").info("a statement")
        try:
            raise KeyError("cause")
        except KeyError:
            LOG.exception("a failure")

no_command = 3
"""

ENTRY_POINTS = (
    "acme_labels = acme_commands:Labels",
    "acme_gone = acme_gone:Gone",
    "acme_unmakeable = acme_commands:Unmakeable",
    "acme_unparsable = acme_commands:Unparsable",
    "acme_raises = acme_commands:Raises",
    "acme_leaves = acme_commands:Leaves",
    "acme_logs = acme_commands:Logs",
    "acme_nothing = acme_commands:no_command",
)


@pytest.fixture
def acme(site: Site) -> Site:
    """Install a plugin with commands, most of which are broken."""
    site.install("acme", *ENTRY_POINTS, kind="cli", acme_commands=COMMANDS)
    return site


# --- help ---------------------------------------------------------------------------------------


def test_help_lists_every_command_with_its_first_line(qplug: Commands) -> None:
    done = qplug("--help")
    assert (done.code, done.err) == (0, "")
    assert "  network create        Make a network with its subnets" in done.out
    assert "  fixed-ip remove       Take an address from an instance\n" in done.out
    assert "broken:" not in done.out
    assert qplug("-h") == qplug("help") == done


def test_every_command_explains_itself(qplug: Commands) -> None:
    lines = qplug("--help").out.partition("commands:\n")[2].splitlines()
    names = [line[2:23].strip() for line in lines]
    assert len(names) == 39
    for name in names:
        explained = qplug(f"help {name}")
        assert explained.code == 0
        assert explained.out.startswith(f"usage: qplug {name} [-h]")
        assert qplug(f"{name} --help") == explained


def test_help_of_a_noun_lists_its_commands(qplug: Commands) -> None:
    done = qplug("vif --help")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[1] for line in done.out.splitlines()] == [
        "list",
        "plug",
        "show",
        "unplug",
    ]
    assert qplug("help vif") == done


def test_version(qplug: Commands) -> None:
    done = qplug("--version")
    assert (done.code, done.out, done.err) == (0, f"qplug {__version__}\n", "")


def test_complete_prints_a_script_that_bash_can_use(qplug: Commands, tmp_path: Path) -> None:
    script = tmp_path / "complete.sh"
    script.write_text(qplug("complete").out)
    assert completed(script, "fixed") == ["fixed-ip"]
    assert completed(script, "fixed-ip", "") == ["add", "list", "remove", "show"]
    assert completed(script, "network", "d") == ["delete", "disassociate"]
    assert completed(script, "network", "create", "--ga") == ["--gateway"]


def completed(script: Path, *words: str) -> list[str]:
    """Return what bash offers after the words; bash-completion's own part is stood in for."""
    text = """
    _get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]}; words=("${COMP_WORDS[@]}"); }
    . "$1"; shift
    COMP_WORDS=(qplug "$@"); COMP_CWORD=$#
    _qplug
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    shell = ["bash", "-c", text, "bash", str(script), *words]
    return subprocess.run(shell, capture_output=True, text=True, check=True).stdout.split()


# --- commands of plugins ------------------------------------------------------------------------


def test_a_plugin_brings_commands_of_its_own(qplug: Commands, acme: Site) -> None:
    qplug("network create blue --cidr 10.0.0.0/24")
    assert qplug("acme labels -f json").json == [{"label": "blue"}]
    assert "acme labels           List labels, as Acme wants them\n" in qplug("--help").out


@pytest.mark.parametrize(
    ("name", "target", "reason"),
    [
        ("gone", "acme_gone:Gone", "No module named 'acme_gone'"),
        ("unmakeable", "acme_commands:Unmakeable", "RuntimeError: no luck\\ntoday"),
        ("unparsable", "acme_commands:Unparsable", "RuntimeError: no luck"),
        ("nothing", "acme_commands:no_command", "it is no command of cliff's"),
    ],
)
def test_a_broken_command_is_one_sentence_when_it_is_called(
    qplug: Commands, acme: Site, name: str, target: str, reason: str
) -> None:
    for line in (f"acme {name}", f"acme {name} --help", f"help acme {name}"):
        done = qplug(line)
        assert done.code == 1
        assert done.sentence == f"command 'acme {name}' ({target}) cannot be loaded: {reason}"


def test_help_and_completion_go_on_past_broken_commands(qplug: Commands, acme: Site) -> None:
    listed = qplug("--help")
    assert (listed.code, listed.err) == (0, "")
    assert "acme gone             broken: No module named 'acme_gone'\n" in listed.out
    assert "acme unmakeable       broken: RuntimeError: no luck\\ntoday\n" in listed.out
    done = qplug("complete")
    assert (done.code, done.err) == (0, "")
    assert "cmds_acme_labels='-h --help " in done.out


def test_an_unexpected_error_is_one_sentence_that_names_the_way_to_more(
    qplug: Commands, acme: Site
) -> None:
    done = qplug("acme raises")
    assert done.code == 1
    assert done.sentence == "this is a bug (KeyError: 'the bug'); see where with 'qplug --debug'"
    debugged = qplug("--debug acme raises")
    assert debugged.code == 1
    assert "Traceback (most recent call last):" in debugged.err
    assert "acme_commands.py" in debugged.err


def test_a_command_that_leaves_says_why(qplug: Commands, acme: Site) -> None:
    assert qplug("acme leaves").sentence == "I am off"


def test_nobody_decides_between_two_packages_of_one_command(qplug: Commands, site: Site) -> None:
    site.install("acme", "network_list = acme_list:List", kind="cli", acme_list="List = 1")
    sentence = qplug("network list").sentence
    assert "acme_list:List" in sentence
    assert "qplug.cli.network:NetworkList" in sentence
    assert qplug("network show x").sentence.startswith("no network is called")


def test_a_package_that_is_there_twice_is_one_package(qplug: Commands, site: Site) -> None:
    for version in ("1", "2"):
        site.install(
            "acme",
            "acme_labels = acme_commands:Labels",
            kind="cli",
            version=version,
            acme_commands=COMMANDS,
        )
    assert qplug("acme labels -f json").json == []


def test_no_command_is_imported_to_find_another(qplug: Commands, site: Site) -> None:
    site.install("acme", "acme_x = acme_x:X", kind="cli", acme_x="raise SystemExit('imported')")
    assert qplug("network list").code == 0
    assert "acme_x" not in sys.modules


# --- what is logged -----------------------------------------------------------------------------


def test_warnings_are_one_line_each(qplug: Commands, acme: Site) -> None:
    assert qplug("acme logs").err.splitlines() == [
        "qplug: warning: a worry\\nof two lines",
        "qplug: error: a failure",
    ]


def test_verbose_tells_the_steps_too(qplug: Commands, acme: Site) -> None:
    assert qplug("-v acme logs").err.splitlines() == [
        "qplug: info: a step",
        "qplug: warning: a worry\\nof two lines",
        "qplug: error: a failure",
    ]


def test_debug_tells_everything_of_ours_and_tracebacks(qplug: Commands, acme: Site) -> None:
    told = qplug("--debug acme logs").err
    assert "qplug: debug: a detail\n" in told
    assert 'Traceback (most recent call last):\n  File "' in told
    assert "a statement" not in told


def test_logging_is_left_as_it_was(qplug: Commands) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("sqlalchemy").level)
    qplug("--debug network list")
    assert (root.level, list(root.handlers), logging.getLogger("sqlalchemy").level) == before


def test_what_is_left_of_an_instance_is_warned_of(
    qplug: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = "5b0f2c1e-7a44-4a0e-9d53-6f1f0c2b8e11"
    qplug("network create blue --cidr 10.0.0.0/24")
    vif = json.loads(qplug(f"instance allocate {instance} --project a -f json").out)[0]["id"]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("unplugged")

    with monkeypatch.context() as patch:
        patch.setattr("qplug.builtin.local_quantum.LocalQuantum.detach_port", broken)
        done = qplug(f"instance deallocate {instance}")
    assert (done.code, done.out) == (0, "")
    warned = f"something of vif {vif} of instance {instance} is left"
    assert warned in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert qplug(f"instance deallocate {instance}").err == ""


# --- signals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (Terminated(signal.SIGTERM), 143),
        (Terminated(signal.SIGHUP), 129),
    ],
)
def test_a_signal_has_an_exit_code_of_its_own(
    qplug: Commands, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("qplug.store.networks.NetworkStore.all", interrupted)
    done = qplug("network list")
    assert (done.code, done.out, done.err) == (code, "", "")


def test_every_signal_counts_where_nothing_is_undone() -> None:
    """As at the prompt: a Ctrl-C there must not make it deaf to the next signal."""
    with interruptible(undoes=False):
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
