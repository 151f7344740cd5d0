"""``qplug driver``."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from qplug.cli.base import Printed, Row, Rows, Shown
from qplug.cli.columns import Nested
from qplug.errors import InvalidInput, QplugError
from qplug.text import masked

if TYPE_CHECKING:
    from qplug.loader import DriverInfo


class DriverList(Printed, Lister):
    """List the installed drivers, the broken ones too."""

    columns = ("kind", "name", "package", "version", "state")

    def take_action(self, parsed_args: Namespace) -> Rows:
        """List them."""
        from qplug.loader import listing

        return self.columns, [
            (info.kind, info.name, info.distribution, info.version, info.state)
            for info in listing()
        ]


class DriverShow(Shown):
    """Show an installed driver."""

    columns = ("kind", "name", "package", "version", "target", "api", "capabilities", "state")

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        _add_kind(parser)
        parser.add_argument("name", metavar="NAME", help="as 'qplug driver list' shows it")
        return parser

    def take_action(self, parsed_args: Namespace) -> Row:
        """Show it; of several that claim the name the first, whose state tells of the others."""
        from qplug.loader import KINDS, inspect

        found = inspect(KINDS[parsed_args.kind], parsed_args.name)
        return self.columns, _row(found[0])


class DriverCheck(Printed, Lister):
    """Ask the configured drivers if what they drive works."""

    columns = ("kind", "name", "result")

    _failed = False

    def get_parser(self, prog_name: str) -> ArgumentParser:
        """Add its arguments."""
        parser = super().get_parser(prog_name)
        _add_kind(parser, nargs="?")
        return parser

    def take_action(self, parsed_args: Namespace) -> Rows:
        """Ask them."""
        from qplug.contracts import KINDS

        kinds = [parsed_args.kind] if parsed_args.kind else KINDS
        return self.columns, [self._checked(one) for one in kinds]

    def run(self, parsed_args: Namespace) -> int:
        """Print the answers; one that is bad makes the exit code 1."""
        return super().run(parsed_args) or int(self._failed)

    def _checked(self, one: str) -> tuple[str, str, str]:
        from qplug.factory import check_driver

        name = str(self.app.conf[one].driver)
        try:
            return one, name, check_driver(self.app.conf, one)
        except QplugError as error:
            self._failed = True
            return one, name, masked(str(error))


def kind(text: str) -> str:
    """Return the name of a kind of drivers.

    :raises InvalidInput: there is no such kind
    """
    from qplug.contracts import KINDS

    if text not in KINDS:
        raise InvalidInput("kind", text, f"one of {', '.join(KINDS)}")
    return text


def _add_kind(parser: ArgumentParser, **options: Any) -> None:
    parser.add_argument(
        "kind", type=kind, metavar="KIND", help="ipam, quantum, mac, l3 or dhcp", **options
    )


def _row(info: "DriverInfo") -> tuple[Any, ...]:
    return (
        info.kind,
        info.name,
        info.distribution,
        info.version,
        info.target,
        None if info.api is None else str(info.api),
        _capabilities(info),
        info.state,
    )


def _capabilities(info: "DriverInfo") -> Nested:
    found = sorted(info.capabilities, key=lambda each: each.name)
    names = [each.name.lower() for each in found]
    return Nested(names, [f"{each.name.lower()}: {each.value}" for each in found], names)
