"""``qplug host``."""

from argparse import Namespace

from qplug.cli.base import ManagerCommand


class HostInit(ManagerCommand):
    """Make this machine serve its networks as they are recorded, and nothing else of ours."""

    def take_action(self, parsed_args: Namespace) -> None:
        """Serve them."""
        self.api.init_host()
