"""``qplug host``."""

from argparse import Namespace

from qplug.cli.base import ManagerCommand, Row, Shown


class HostInit(ManagerCommand):
    """Make this machine serve its networks.

    They are made to be as they are recorded, and what else is there of ours is removed.
    """

    def take_action(self, parsed_args: Namespace) -> None:
        """Serve them."""
        self.api.init_host()


class HostSweep(Shown):
    """Let addresses go whose DHCP leases ended on this machine.

    They would else rest until [ipam] reuse_delay is over.
    """

    columns = ("ended",)

    def take_action(self, parsed_args: Namespace) -> Row:
        """Let them go."""
        return self.columns, (self.api.sweep_host(),)
