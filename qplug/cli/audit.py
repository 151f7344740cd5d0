"""``qplug audit``."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.bars import progress_bar
from qplug.cli.base import Printed, Rows
from qplug.cli.messages import told

if TYPE_CHECKING:
    from qplug.model import Difference

DIFFERENT = 3
"""The exit code when something differs, and is not repaired."""


class Audit(Printed, Lister):
    """Compare IPAM, Quantum and this host with what is recorded, and tell what differs.

    Work that a command does just now is no difference. The exit code is 3 when something differs,
    and after a repair when something still does.
    """

    columns = columns.DIFFERENCE
    brief = (
        "kind",
        "where",
        "what",
        "label",
        "instance_id",
        "vif_id",
        "address",
        "found",
        "plan",
        "kept",
        "repaired",
    )

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--repair",
            action="store_true",
            help="carry out the plan of each difference that has one",
        )
        parser.add_argument(
            "--release",
            metavar="VIF",
            action="append",
            default=[],
            help="release what this vif has, which is not recorded; can be repeated",
        )
        return parser

    def run(self, parsed_args: Namespace) -> int:
        """Run it, and return whether something differs."""
        self._found = self._left = 0
        code = super().run(parsed_args)
        return code or (DIFFERENT if self._left else 0)

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Compare."""
        return columns.DIFFERENCE, self._rows(parsed_args)

    def produce_output(
        self, parsed_args: Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Print each row when it is found, if the format can."""
        rows = (columns.fitted(row, parsed_args.formatter) for row in data)
        return super(Printed, self).produce_output(parsed_args, column_names, rows)

    def _rows(self, parsed_args: Namespace) -> Iterator[Sequence[Any]]:
        with progress_bar() as bar:
            for found in self.api.audit(
                repair=parsed_args.repair,
                release=tuple(parsed_args.release),
                planned=lambda difference: bar.say(_line(difference)),
                watch=bar.show,
            ):
                self._found += 1
                self._left += not found.repaired
                yield columns.difference_row(found)
                self.app.stdout.flush()
            bar.say(self._summary())

    def _summary(self) -> str:
        if not self._found:
            return told("audit", "nothing differs")
        repaired = self._found - self._left
        return told("audit", f"{self._found} difference(s), {repaired} repaired, {self._left} left")


def _line(difference: "Difference") -> str:
    """Say what is about to be done."""
    known = (difference.address, difference.port_id, difference.instance_id, difference.label)
    subject = next(filter(None, known), None)
    name = f"{difference.kind} {difference.what}"
    return told("repair", f"{name}{f' {subject}' if subject else ''}: {difference.plan}")
