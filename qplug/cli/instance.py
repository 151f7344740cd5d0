"""``qplug instance``."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.arguments import add_instance, network_request, uuid
from qplug.cli.base import ManagerCommand, Printed, Rows, WrongUsage
from qplug.cli.messages import complain
from qplug.errors import QplugError

if TYPE_CHECKING:
    from qplug.network_info import NetworkInfo

LOG = logging.getLogger(__name__)


class InfoLister(Printed, Lister):
    """JSON and YAML are the array that compute is given, other formats a line for each vif."""

    columns = columns.INFO

    def columns_for(self, formatter: str) -> Sequence[str]:
        """Return the keys of compute's array, or the columns for people."""
        return columns.INFO_JSON if formatter in columns.DEEP else columns.INFO

    def rows(self, info: "NetworkInfo", parsed_args: Namespace) -> Rows:
        """Return one row a vif."""
        row = columns.info_json_row if parsed_args.formatter in columns.DEEP else columns.info_row
        return self.columns_for(parsed_args.formatter), [row(vif) for vif in info]


class InstanceAllocate(InfoLister):
    """Give an instance its vifs and addresses.

    Doing it again shows the same; another request for the same instance is refused.
    """

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        option = parser.add_argument
        add_instance(parser)
        option("--project", metavar="ID", help="its owner; needed unless 'qplug --project' says it")
        option(
            "--network",
            type=network_request,
            action="append",
            default=[],
            dest="networks",
            metavar="NETWORK[=IP[,IP6]]",
            help="a network, perhaps with addresses; repeatable; by default all that the "
            "project has, by priority",
        )
        option("--name", help="the instance's name")
        option("--zone", metavar="Z", help="its availability zone")
        option("--host", metavar="H", help="the machine it runs on")
        option(
            "--rxtx-factor",
            type=float,
            default=1.0,
            metavar="F",
            help="multiplies the bandwidth of its networks; 1 by default",
        )
        return parser

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Allocate."""
        from qplug.model import Instance

        instance = Instance(
            id=parsed_args.uuid,
            project_id=self._owner_of_it(parsed_args),
            name=parsed_args.name,
            zone=parsed_args.zone,
            host=parsed_args.host,
            rxtx_factor=parsed_args.rxtx_factor,
        )
        info = self.api.allocate_for_instance(instance, parsed_args.networks)
        return self.rows(info, parsed_args)

    def _owner_of_it(self, parsed_args: Namespace) -> str:
        owner = self.owner(parsed_args.project)
        if owner is None:
            raise WrongUsage("an instance has an owner; name it with --project")
        return owner


class InstanceShow(InfoLister):
    """Show what an instance has."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_instance(parser)
        return parser

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Show it."""
        return self.rows(self.api.get_instance_nw_info(parsed_args.uuid), parsed_args)


class InstanceList(Printed, Lister):
    """List instances."""

    columns = columns.INSTANCE

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List them."""
        return columns.INSTANCE, map(columns.instance_row, self.api.get_all_instances())


class InstanceFind(Printed, Lister):
    """Find instances by their addresses.

    Patterns are regular expressions without groups that match from the start of an address.
    """

    columns = ("instance_uuid", "ip")

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--ip", metavar="REGEX", help="pattern of IPv4 addresses")
        parser.add_argument("--ip6", metavar="REGEX", help="pattern of IPv6 addresses")
        parser.add_argument("--fixed-ip", metavar="IP", help="exactly this address")
        return parser

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Find them."""
        filters = {name: getattr(parsed_args, name) for name in ("ip", "ip6", "fixed_ip")}
        given = {name: value for name, value in filters.items() if value is not None}
        found = self.api.get_instance_uuids_by_ip_filter(given)
        return self.columns, ((match.instance_uuid, match.ip) for match in found)


class InstanceDeallocate(ManagerCommand):
    """Take back all that instances have.

    One that has nothing is no error. What cannot be taken back now is told; it is pending, and its
    addresses are held until it is released.
    """

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "uuids", type=uuid, nargs="+", metavar="UUID", help="the instances' ids"
        )
        return parser

    def take_action(self, parsed_args: Namespace) -> int:
        """Deallocate each, whatever becomes of the others."""
        done = [self._deallocated(each) for each in parsed_args.uuids]
        return int(not all(done))

    def _deallocated(self, instance: str) -> bool:
        try:
            left = self.api.deallocate_for_instance(instance)
        except QplugError as error:
            complain(str(error))
            return False
        for vif in left:
            LOG.warning(
                "something of vif %s of instance %s is left and its addresses are held; "
                "it is tried again later, see 'qplug pending list'",
                vif,
                instance,
            )
        return True
