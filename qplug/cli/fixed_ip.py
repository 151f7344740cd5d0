"""``qplug fixed-ip``."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.arguments import add_instance, add_network, uuid
from qplug.cli.base import ManagerCommand, Printed, Row, Rows, Shown
from qplug.errors import InvalidInput
from qplug.parsing import address

if TYPE_CHECKING:
    from qplug.model import FixedIp


class FixedIpList(Printed, Lister):
    """List the addresses that instances have."""

    columns = columns.FIXED_IP
    brief = ("address", "network_id", "instance_id", "mac")

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--network", metavar="NETWORK", help="on this network only")
        parser.add_argument("--instance", type=uuid, metavar="UUID", help="of this one only")
        parser.add_argument("--address", type=address, metavar="IP", help="this address only")
        return parser

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List them."""
        found = self.api.get_all_fixed_ips(
            network=parsed_args.network,
            instance_id=parsed_args.instance,
            address=parsed_args.address,
        )
        return columns.FIXED_IP, map(columns.fixed_ip_row, found)


class FixedIpShow(Shown):
    """Show an address that an instance has."""

    columns = columns.FIXED_IP

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "fixed_ip", metavar="ID|IP", help="its id, or an address that only one has"
        )
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Show it."""
        return columns.FIXED_IP, columns.fixed_ip_row(self._found(parsed_args.fixed_ip))

    def _found(self, text: str) -> "FixedIp":
        try:
            wanted = address(text)
        except InvalidInput:
            return self.api.get_fixed_ip(text)
        found = self.api.get_fixed_ip_by_address(wanted)
        if len(found) > 1:
            ids = ", ".join(one.id for one in found)
            raise InvalidInput("address", text, f"told apart by an id, one of {ids}")
        return found[0]


class FixedIpAdd(Shown):
    """Give an instance one address more on a network."""

    columns = ("address",)

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_instance(parser)
        add_network(parser)
        parser.add_argument("--address", type=address, metavar="IP", help="this one")
        _add_vif(parser)
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Add it."""
        added = self.api.add_fixed_ip_to_instance(
            parsed_args.uuid,
            parsed_args.network,
            vif_id=parsed_args.vif,
            address=parsed_args.address,
        )
        return self.columns, (str(added),)


class FixedIpRemove(ManagerCommand):
    """Take an address from an instance."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_instance(parser)
        parser.add_argument("address", type=address, metavar="IP", help="the address")
        _add_vif(parser)
        return parser

    def take_action(self, parsed_args: Namespace) -> None:
        """Remove it."""
        self.api.remove_fixed_ip_from_instance(
            parsed_args.uuid, parsed_args.address, vif_id=parsed_args.vif
        )


def _add_vif(parser: ArgumentParser) -> None:
    parser.add_argument("--vif", metavar="VIF", help="the vif's id, if it has several there")
