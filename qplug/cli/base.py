"""What commands are made of, those of plugins too."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from cliff.command import Command
from cliff.display import DisplayCommandBase
from cliff.formatters.base import ListFormatter, SingleFormatter
from cliff.show import ShowOne

from qplug.cli.columns import fitted

if TYPE_CHECKING:  # what makes `qplug --help` slow is imported where a command needs it
    from qplug.api import NetworkApi
    from qplug.cli.app import Qplug


Row = tuple[Sequence[str], Sequence[Any]]
"""What ``ShowOne`` wants: columns, and the value of each."""

Rows = tuple[Sequence[str], Iterable[Sequence[Any]]]
"""What ``Lister`` wants: columns, and rows of their values."""


class WrongUsage(Exception):
    """The arguments do not fit together; the text says how, and the exit code is 2."""


class ManagerCommand(Command):
    """A command with ``self.api``, the operations of the manager for the caller.

    Name it first among the bases: ``class VifList(ManagerCommand, Lister)``. What the API raises
    of :mod:`qplug.errors` is printed by the application. The docstring is the help.
    """

    app: "Qplug"

    @property
    def api(self) -> "NetworkApi":
        """The operations of the manager; opened at first use."""
        return self.app.api

    def owner(self, given: str | None) -> str | None:
        """Return the project of a command's own ``--project``, or else the caller's."""
        return self.app.options.project if given is None else given

    def get_epilog(self) -> str:
        """Return what ends the help; cliff would read the files of every installed package."""
        return ""


class Printed(ManagerCommand, DisplayCommandBase[Any]):
    """A command that prints rows: ``class VifList(Printed, Lister)``."""

    columns: ClassVar[Sequence[str]]
    """What it prints, so that ``-c`` is checked before anything is done."""

    brief: ClassVar[Sequence[str]] = ()
    """Which columns a table shows without ``-c``; none means all."""

    def columns_for(self, formatter: str) -> Sequence[str]:
        """Return the columns, which may depend on the format."""
        return self.columns

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return cliff's parser; a table without rows keeps its head."""
        parser = super().get_parser(prog_name)
        parser.set_defaults(print_empty=True)
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command, once the columns asked for are known to exist."""
        known = self.columns_for(parsed_args.formatter)
        for name in parsed_args.columns:
            if self._normalize_column_name(name) not in known:
                raise WrongUsage(f"there is no column '{name}', but {', '.join(known)}")
        if parsed_args.formatter == "table" and not parsed_args.columns:
            parsed_args.columns = self.brief
        if parsed_args.max_width < 1 and not parsed_args.fit_width:
            parsed_args.max_width = sys.maxsize  # cliff would break ids at a terminal's width
        return super().run(parsed_args)

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Print the rows as the format can."""
        rows = fitted(data, parsed_args.formatter)
        return super().produce_output(parsed_args, column_names, rows)  # type: ignore[safe-super]  # Lister's or ShowOne's


class Shown(Printed, ShowOne):
    """A command that prints one thing, in the formats that lists have; cliff lacks csv for it."""

    @property
    def formatter_namespace(self) -> str:
        """The entry points of the formats."""
        return "cliff.formatter.list"

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Print the thing as the format can."""
        if not isinstance(self.formatter, SingleFormatter):
            self.formatter = _AsList(self.formatter)
        return super().produce_output(parsed_args, column_names, data)


class _AsList:
    """A format of lists, for a list of one."""

    def __init__(self, formatter: ListFormatter) -> None:
        self._formatter = formatter

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Sequence[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        """Print it."""
        self._formatter.emit_list(column_names, [data], stdout, parsed_args)
