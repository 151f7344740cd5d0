"""``qplug config``."""

from argparse import Namespace

from qplug.cli.base import ManagerCommand
from qplug.text import masked


class ConfigSample(ManagerCommand):
    """Print a qplug.conf with every option, commented out."""

    def take_action(self, parsed_args: Namespace) -> None:
        """Print it."""
        from qplug.config import sample

        self.app.stdout.write(sample())


class ConfigValidate(ManagerCommand):
    """Print what is wrong in the configuration.

    Each problem is a line; the exit code is 1 if there are any.
    """

    def take_action(self, parsed_args: Namespace) -> int:
        """Print it."""
        from qplug.cli.validation import all_problems

        found = all_problems(self.app.options.config_files)
        for problem in found:
            print(masked(str(problem)), file=self.app.stdout)
        return int(bool(found))
