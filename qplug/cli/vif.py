"""``qplug vif``."""

from argparse import ArgumentParser, Namespace

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.arguments import add_instance
from qplug.cli.base import Printed, Row, Rows, Shown
from qplug.parsing import mac


class VifList(Printed, Lister):
    """List the vifs of an instance, in its order."""

    columns = columns.VIF
    brief = ("id", "mac", "network_id")

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_instance(parser)
        return parser

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List them."""
        found = self.api.get_vifs_by_instance(parsed_args.uuid)
        return columns.VIF, [columns.vif_row(vif) for vif in found]


class VifShow(Shown):
    """Show the vif that has a MAC address."""

    columns = columns.VIF

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("mac", type=mac, metavar="MAC", help="like fa:16:3e:12:34:56")
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Show it."""
        return columns.VIF, columns.vif_row(self.api.get_vif_by_mac_address(parsed_args.mac))
