"""``qplug dhcp``."""

from abc import abstractmethod
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.arguments import add_network
from qplug.cli.base import Printed, Rows

if TYPE_CHECKING:
    from qplug.model import ActiveLease, DhcpHost


class OfNetwork(Printed, Lister):
    """Lists something of a network, also in the lines that Nova wrote for dnsmasq in 2012."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        add_network(parser)
        parser.add_argument(
            "--legacy", action="store_true", help="print IPv4 alone, in the lines of 2012"
        )
        return parser

    def run(self, parsed_args: Namespace) -> int:
        """Print rows, or the lines of 2012."""
        if not parsed_args.legacy:
            return super().run(parsed_args)
        self.app.stdout.writelines(self.lines(parsed_args.network))
        return 0

    @abstractmethod
    def lines(self, network: str) -> Iterable[str]:
        """Return the lines of 2012."""


class DhcpHosts(OfNetwork):
    """List whom DHCP answers on a network, and with which addresses."""

    columns = columns.DHCP_HOST

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List them."""
        found = self.api.get_dhcp_hosts(parsed_args.network)
        return self.columns, map(columns.dhcp_host_row, found)

    def lines(self, network: str) -> Iterator[str]:
        """Return a line for each address: MAC address, name with domain, address."""
        return hosts_text(self.api.get_dhcp_hosts(network), self.api.get_dhcp_domain(network))


class DhcpLeases(OfNetwork):
    """List the DHCP leases that clients of a network hold."""

    columns = columns.LEASE

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List them."""
        found = self.api.get_dhcp_leases(parsed_args.network)
        return self.columns, map(columns.lease_row, found)

    def lines(self, network: str) -> Iterator[str]:
        """Return a line for each lease: when it ends, MAC address, address."""
        return leases_text(self.api.get_dhcp_leases(network))


def hosts_text(hosts: "Sequence[DhcpHost]", domain: str) -> "Iterator[str]":
    """Yield the lines of the hosts file of 2012."""
    for host in hosts:
        for address in host.addresses:
            if address.version == 4:
                yield f"{host.mac},host-{address}.{domain},{address}\n"


def leases_text(leases: "Sequence[ActiveLease]") -> "Iterator[str]":
    """Yield the lines of the lease file of 2012."""
    for lease in leases:
        if lease.address.version == 4:
            yield f"{int(lease.expires.timestamp())} {lease.mac} {lease.address} * *\n"
