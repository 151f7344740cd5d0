"""Help and completion that go on where a plugin's command is broken."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cliff.command import Command
from cliff.complete import CompleteCommand
from cliff.help import HelpExit

from qplug.errors import CommandBroken
from qplug.text import printable

if TYPE_CHECKING:
    from qplug.cli.app import Qplug


class HelpAction(argparse.Action):
    """The option ``--help`` of the program; its default is the application."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Print options and commands, and leave."""
        print_overview(self.default)
        raise HelpExit


class Help(Command):
    """Explain a command, or list all of them."""

    app: "Qplug"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("words", nargs="*", metavar="COMMAND", help="what to explain")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Print it."""
        if parsed_args.words:
            return self.app.run_subcommand([*parsed_args.words, "--help"])
        print_overview(self.app)
        return 0


class Complete(CompleteCommand):
    """Print a script that completes commands in bash."""

    def get_actions(self, command: list[str]) -> list[argparse.Action]:
        """Return the options of a command; a broken one has none."""
        try:
            return super().get_actions(command)
        except Exception:  # a plugin's command may fail in any way, and says so when it is called
            return []


def print_overview(app: "Qplug") -> None:
    """Print the options and the commands."""
    app.parser.print_help(app.stdout)
    print("\ncommands:", file=app.stdout)
    print_commands(app, sorted(name for name, _ in app.command_manager))


def print_commands(app: "Qplug", names: Sequence[str]) -> None:
    """Print commands, each with the first line that tells of it."""
    width = max(map(len, names))
    for name in names:
        print(f"  {name:<{width}}  {printable(_summary(app, name))}", file=app.stdout)


def _summary(app: "Qplug", name: str) -> str:
    try:
        factory, _, _ = app.command_manager.find_command(name.split())
        return factory(app, None).get_description().partition("\n")[0].rstrip(".")
    except CommandBroken as error:
        return f"broken: {error.reason}"
    except Exception as error:  # a plugin's command may fail in any way
        return f"broken: {type(error).__name__}: {error}"
