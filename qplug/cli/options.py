"""What stands before a command."""

import argparse
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from qplug import __version__
from qplug.cli.help import HelpAction
from qplug.cli.messages import told

if TYPE_CHECKING:
    from qplug.cli.app import Qplug

GLOBAL = {
    "--config-file",
    "--project",
    "--as-admin",
    "--via-service",
    "-v",
    "--verbose",
    "--debug",
    "--log-file",
}

USAGE = 2
"""The exit code of wrong usage."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> Any:
        """Leave with exit code 2."""
        self.exit(USAGE, usage_error(message, f"{self.prog} --help"))


def usage_error(message: str, advice: str) -> str:
    """Return the line that tells of wrong arguments."""
    if message.startswith("unrecognized") and not GLOBAL.isdisjoint(message.split()):
        message += " (global options stand before the command)"
    return told("error", f"{message}; see '{advice}'") + "\n"


def unknown_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> Iterator[str]:
    """Yield what argparse keeps to itself while something else is missing."""
    known = parser._option_string_actions  # argparse tells nobody otherwise
    for word in takewhile(lambda word: word != "--", words):
        option = word.partition("=")[0]
        if option.startswith("--") and not any(name.startswith(option) for name in known):
            near = get_close_matches(option, known, n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            yield f"there is no option {option}{hint}"


def global_parser(app: "Qplug") -> Parser:
    """Return the parser of the global options.

    It leaves alone what follows the command's first word: ``--project`` means another thing there.
    """
    parser = Parser(
        prog=app.NAME,
        usage="%(prog)s [OPTION ...] COMMAND [ARGUMENT ...]",
        description="Provision the network of instances. Without a command, ask for commands.",
        add_help=False,
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("-h", "--help", action=HelpAction, nargs=0, default=app, help="print this")
    option("--version", action="version", version=f"%(prog)s {__version__}", help="print it")
    option(
        "--config-file",
        action="append",
        default=[],
        dest="config_files",
        metavar="FILE",
        help="read this instead of qplug.conf; of several, later ones win",
    )
    option("--project", metavar="ID", help="act as a member of this project, not as admin")
    option(
        "--as-admin",
        action="store_true",
        help="with --project, keep an admin's rights; the project owns what is made",
    )
    option("--via-service", action="store_true", help="have a manager service do it, over the bus")
    option("-v", "--verbose", action="store_true", help="tell of each operation on stderr")
    option("--debug", action="store_true", help="tell everything, with tracebacks")
    option("--log-file", metavar="FILE", help="append what is told to a file, and each operation")
    option("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser
