"""``qplug network``."""

import argparse
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.arguments import add_network, addresses, gateway, percentage
from qplug.cli.base import ManagerCommand, Printed, Row, Rows, Shown, WrongUsage
from qplug.parsing import address, address_range, cidr, route

if TYPE_CHECKING:
    from qplug.manager import SubnetChanges

BOTH_VERSIONS = (4, 6)


class NetworkCreate(Shown):
    """Make a network with its subnets, or adopt one of Quantum's.

    Each --cidr is a subnet; gateways, pools, reservations and name servers go to the subnet that
    contains them, name servers to all of their IP version.
    """

    columns = columns.NETWORK

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        option = parser.add_argument
        option("label", metavar="LABEL", help="what people call it; unique for its owner")
        _add_many(parser, "--cidr", "CIDR", cidr, "a subnet; repeatable", required=True)
        _add_many(
            parser,
            "--gateway",
            "IP|none",
            gateway,
            "a subnet's gateway, by default the address after the first; none: subnets without "
            "a --gateway of their own have none; repeatable",
        )
        _add_many(parser, "--dns", "IP", address, "a name server for instances; repeatable")
        text = "a route for instances, by a next hop in one of the subnets; repeatable"
        _add_many(parser, "--route", "CIDR=IP", route, text)
        text = "give addresses of a subnet from here only; repeatable"
        _add_many(parser, "--pool", "START-END", address_range, text)
        _add_many(parser, "--reserve", "IP|START-END", addresses, "never give these; repeatable")
        option("--project", metavar="ID", help="its owner; without one an admin makes it global")
        option("--uuid", metavar="UUID", help="adopt this network of Quantum's")
        _add_properties(parser)
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Create it."""
        from qplug.manager import NetworkSpec

        spec = NetworkSpec(
            label=parsed_args.label,
            cidrs=tuple(parsed_args.cidr),
            gateways=tuple(ip for ip in parsed_args.gateway if ip is not None),
            no_gateway=BOTH_VERSIONS if None in parsed_args.gateway else (),
            dns=tuple(parsed_args.dns),
            routes=tuple(parsed_args.route),
            pools=tuple(parsed_args.pool),
            reserved=tuple(parsed_args.reserve),
            project_id=self.owner(parsed_args.project),
            uuid=parsed_args.uuid,
            **_properties(parsed_args),
        )
        return columns.NETWORK, columns.network_row(self.api.create(spec))


class NetworkList(Printed, Lister):
    """List networks, the oldest first."""

    columns = columns.NETWORK
    brief = ("id", "label", "project_id", "host", "subnets")

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List them."""
        found = self.api.get_all()
        return columns.NETWORK, [columns.network_row(one, brief=True) for one in found]


class NetworkShow(Shown):
    """Show a network."""

    columns = columns.NETWORK

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_network(parser)
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Show it."""
        return columns.NETWORK, columns.network_row(self.api.get(parsed_args.network))


class NetworkSet(Shown):
    """Change a network, be it in use.

    An address that an instance has stays with it, even if it is reserved or outside the pools from
    now on; it is given to nobody else afterwards.
    """

    columns = columns.NETWORK

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_network(parser)
        parser.add_argument("--label", help="its new label")
        _add_properties(parser)
        _add_many(parser, "--cidr", "CIDR", cidr, "add a subnet; repeatable")
        _add_many(
            parser,
            "--gateway",
            "IP|none",
            gateway,
            "the gateway of a subnet that is added, by default the address after its first; none: "
            "those without a --gateway of their own have none; repeatable",
        )
        _add_many(
            parser,
            "--pool",
            "START-END",
            address_range,
            "give addresses of a subnet from here only, in place of the pools it had; repeatable",
        )
        _add_many(parser, "--no-pool", "CIDR", cidr, "give from all of this subnet; repeatable")
        part = "IP|START-END"
        _add_many(parser, "--reserve", part, addresses, "never give these either; repeatable")
        text = "reserve these no longer, whatever --reserve says; repeatable"
        _add_many(parser, "--unreserve", part, addresses, text)
        dns = parser.add_mutually_exclusive_group()
        text = "a name server that instances are told, in place of all before; repeatable"
        _add_many(dns, "--dns", "IP", address, text)
        dns.add_argument("--no-dns", action="store_true", help="tell no name servers")
        routes = parser.add_mutually_exclusive_group()
        text = "a route that instances are told, in place of all before; repeatable"
        _add_many(routes, "--route", "CIDR=IP", route, text)
        routes.add_argument("--no-route", action="store_true", help="tell no routes")
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Change it."""
        changes, subnets = _properties(parsed_args), _subnet_changes(parsed_args)
        if parsed_args.label is not None:
            changes["label"] = parsed_args.label
        if not changes and subnets is None:
            raise WrongUsage("nothing is to be changed; name an option and its value")
        changed = self.api.update(parsed_args.network, subnets, **changes)
        return columns.NETWORK, columns.network_row(changed)


class NetworkSetHost(Shown):
    """Give a network the host that serves it, whichever did before.

    The old one stops serving it first; if it cannot be asked, it stops when it is back.
    """

    columns = ("host",)

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_network(parser)
        parser.add_argument("host", nargs="?", metavar="HOST", help="by default this machine")
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Set it."""
        wanted = self.app.conf.host if parsed_args.host is None else parsed_args.host
        return self.columns, (self.api.move(parsed_args.network, wanted).host,)


class NetworkDisassociate(Shown):
    """Take host and owner from a network.

    Without an owner it is global.
    """

    columns = columns.NETWORK

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_network(parser)
        part = parser.add_mutually_exclusive_group()
        part.add_argument("--keep-host", action="store_true", help="take its owner only")
        part.add_argument("--keep-project", action="store_true", help="take its host only")
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Take them."""
        changed = self.api.disassociate(
            parsed_args.network,
            host=not parsed_args.keep_host,
            project=not parsed_args.keep_project,
        )
        return columns.NETWORK, columns.network_row(changed)


class NetworkUsage(Printed, Lister):
    """Count the addresses of subnets.

    Resting ones were released a short while ago, held ones wait for a clean-up, and reserved ones
    are never given. The percentage is what is used or held of all but the reserved ones.
    """

    columns = columns.USAGE

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "network", nargs="?", metavar="NETWORK", help="its id or label; by default all"
        )
        parser.add_argument(
            "--warn-at",
            type=percentage,
            metavar="PERCENT",
            help="warn of subnets from here on, instead of at [ipam] usage_warning",
        )
        return parser

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Count them."""
        counted = self.api.get_usage(parsed_args.network)
        warn_at = parsed_args.warn_at or int(self.app.conf.ipam.usage_warning)
        return columns.USAGE, [columns.usage_row(*each, warn_at) for each in counted]


class NetworkDelete(ManagerCommand):
    """Delete a network that no instance uses."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_network(parser)
        parser.add_argument(
            "--with-quantum",
            action="store_true",
            help="delete an adopted one in Quantum too, where it is left otherwise",
        )
        return parser

    def take_action(self, parsed_args: Namespace) -> None:
        """Delete it."""
        self.api.delete(parsed_args.network, with_quantum=parsed_args.with_quantum)


PROPERTIES = {
    "priority": (int, "N", "place among an instance's vifs; lower comes first"),
    "zone": (str, "Z", "its availability zone"),
    "rxtx_base": (int, "N", "Mb/s that an instance's --rxtx-factor multiplies"),
    "mtu": (int, "BYTES", "its largest packet, instead of [l3] mtu"),
    "dns_domain": (str, "NAME", "the domain instances are told, instead of [dhcp] domain"),
    "lease_time": (int, "SECONDS", "of a DHCP lease, instead of [dhcp] lease_time"),
}


def _add_many(
    parser: "argparse._ActionsContainer",
    name: str,
    metavar: str,
    kind: Any,
    text: str,
    **rest: Any,
) -> None:
    """Add an option that may be repeated."""
    rest |= {"type": kind, "action": "append", "default": []}
    parser.add_argument(name, metavar=metavar, help=text, **rest)


def _subnet_changes(parsed_args: Namespace) -> "SubnetChanges | None":
    """Return what is to be changed of subnets; ``None`` without any option of theirs."""
    from qplug.manager import SubnetChanges

    dns = tuple(parsed_args.dns) if parsed_args.dns or parsed_args.no_dns else None
    routes = tuple(parsed_args.route) if parsed_args.route or parsed_args.no_route else None
    asked = SubnetChanges(
        cidrs=tuple(parsed_args.cidr),
        gateways=tuple(ip for ip in parsed_args.gateway if ip is not None),
        no_gateway=BOTH_VERSIONS if None in parsed_args.gateway else (),
        pools=tuple(parsed_args.pool),
        no_pools=tuple(parsed_args.no_pool),
        reserved=tuple(parsed_args.reserve),
        unreserved=tuple(parsed_args.unreserve),
        dns=dns,
        routes=routes,
    )
    return None if asked == SubnetChanges() else asked


def _add_properties(parser: ArgumentParser) -> None:
    for name, (kind, metavar, text) in PROPERTIES.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=kind, metavar=metavar, help=text)


def _properties(parsed_args: Namespace) -> dict[str, Any]:
    """Return those that were given."""
    given = {name: getattr(parsed_args, name) for name in PROPERTIES}
    return {name: value for name, value in given.items() if value is not None}
