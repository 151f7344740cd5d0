"""``qplug vif``."""

from argparse import ArgumentParser, Namespace

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.arguments import add_instance, interface
from qplug.cli.base import ManagerCommand, Printed, Row, Rows, Shown
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


class VifPlug(Shown):
    """Connect a vif on this machine to its network.

    Its device is there then, and what leads to it: an interface in a network namespace, or a tap
    that a virtual machine opens. Connecting it again is no error.
    """

    columns = columns.DEVICE

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        _add_vif(parser)
        place = parser.add_mutually_exclusive_group(required=True)
        place.add_argument("--netns", metavar="NAME", help="a namespace of 'ip netns list'")
        place.add_argument("--tap", action="store_true", help="for a virtual machine")
        parser.add_argument(
            "--interface",
            metavar="NAME",
            default="eth0",
            help="what it is called in the namespace (default: eth0)",
        )
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Connect it."""
        from qplug.model import Plug

        plug = Plug(netns=parsed_args.netns, interface=interface(parsed_args.interface))
        device = self.api.plug_vif(parsed_args.vif, plug)
        inside = plug.interface if plug.netns else None
        return columns.DEVICE, (device, parsed_args.vif, plug.netns, inside)


class VifUnplug(ManagerCommand):
    """Remove the device of a vif from this machine.

    The vif keeps its addresses, and can be plugged again.
    """

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        _add_vif(parser)
        return parser

    def take_action(self, parsed_args: Namespace) -> None:
        """Remove it."""
        self.api.unplug_vif(parsed_args.vif)


def _add_vif(parser: ArgumentParser) -> None:
    parser.add_argument("vif", metavar="VIF", help="its id, as 'qplug vif list' shows it")
