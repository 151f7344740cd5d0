"""``qplug host``."""

from argparse import Namespace

from qplug.cli.base import ManagerCommand


class HostInit(ManagerCommand):
    """Make this machine serve its networks.

    They are made to be as they are recorded, and what else is there of ours is removed.
    """

    def take_action(self, parsed_args: Namespace) -> None:
        """Serve them."""
        self.api.init_host()
