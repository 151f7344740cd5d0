"""``qplug pending``."""

from argparse import ArgumentParser, Namespace

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.base import ManagerCommand, Printed, Rows

LEFT = 1
"""The exit code when something could not be finished."""


class PendingList(Printed, Lister):
    """List work that is unfinished and that nobody does.

    It is what a command could not undo or release, or left when it was killed. Commands that change
    something try what is due, 'qplug pending retry' all of it.
    """

    columns = columns.PENDING
    brief = ("kind", "id", "name", "state", "due", "attempts", "error")

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List it."""
        return columns.PENDING, map(columns.pending_row, self.api.get_pending())


class PendingRetry(Printed, Lister):
    """Try pending work now, all of it or what is named, and list what is left of that.

    The exit code is 1 when something is.
    """

    columns = columns.PENDING
    brief = PendingList.brief

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "ids", metavar="ID", nargs="*", help="as 'qplug pending list' shows it; none means all"
        )
        return parser

    def run(self, parsed_args: Namespace) -> int:
        """Run it, and return whether something is left."""
        self._failed = 0
        return super().run(parsed_args) or (LEFT if self._failed else 0)

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Try it."""
        left = self.api.retry_pending(parsed_args.ids)
        self._failed = sum(work.error is not None for work in left)
        return columns.PENDING, map(columns.pending_row, left)


class PendingDrop(ManagerCommand):
    """Forget pending work as it is, because what it would finish is gone, or will be seen to.

    What it leaves in IPAM or Quantum is nobody's then: 'qplug audit' shows it.
    """

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("ids", metavar="ID", nargs="+", help="as 'qplug pending list' shows it")
        return parser

    def take_action(self, parsed_args: Namespace) -> None:
        """Forget it."""
        for each in parsed_args.ids:
            self.api.drop_pending(each)
