"""``qplug host``."""

import logging
from argparse import Namespace

from cliff.lister import Lister

from qplug.cli import columns
from qplug.cli.base import ManagerCommand, Printed, Rows

LOG = logging.getLogger(__name__)


class HostList(Printed, Lister):
    """List the manager services that share the store, and whether each is alive.

    One that was silent for six heartbeats ([service] heartbeat, in seconds) is taken for dead.
    """

    columns = columns.SERVICE

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List them."""
        heartbeat = float(self.app.conf.service.heartbeat)
        found = self.api.get_services()
        return self.columns, (columns.service_row(one, heartbeat) for one in found)


class HostInit(ManagerCommand):
    """Make this machine serve its networks.

    They are made to be as they are recorded, and what else is there of ours is removed.
    """

    def take_action(self, parsed_args: Namespace) -> None:
        """Serve them."""
        self.api.init_host()


class HostSweep(ManagerCommand):
    """Let addresses go whose DHCP leases ended on this machine.

    They would else rest until [ipam] reuse_delay is over. With the global -v it says how many.
    """

    def take_action(self, parsed_args: Namespace) -> None:
        """Let them go."""
        LOG.info("%d lease(s) ended", self.api.sweep_host())
