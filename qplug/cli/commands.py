"""Which commands there are, found without importing any of them."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cliff.command import Command
from cliff.commandmanager import CommandManager

from qplug.errors import CommandBroken

NAMESPACE = "qplug.cli"


class UnknownCommand(ValueError):
    """No installed package brings such a command. cliff wants it to be a ValueError."""

    def __init__(self, words: Sequence[str], *, help_wanted: bool) -> None:
        super().__init__(f"no command is called '{' '.join(words)}'")
        self.words = words
        self.help_wanted = help_wanted


class Offer(EntryPoint):
    """A command that says in a sentence why it cannot be loaded."""

    def load(self) -> Any:
        """Import the command.

        :raises CommandBroken: it cannot be imported, or is no command
        """
        try:
            found = super().load()
        except (Exception, SystemExit) as error:  # a plugin may raise anything, or leave
            raise self.broken(_reason(error)) from error
        if not (isinstance(found, type) and issubclass(found, Command)):
            raise self.broken("it is no command of cliff's")
        return found

    def broken(self, reason: str) -> CommandBroken:
        """Return the error that says so."""
        return CommandBroken(_words(self.name), self.value, reason)


class Contested(Offer):
    """A command that several packages bring; none of them is taken, as nobody can tell which."""

    def load(self) -> Any:
        """Refuse.

        :raises CommandBroken: always
        """
        raise self.broken("several packages bring it; uninstall all but one")


class Commands(CommandManager):
    """cliff's own would import every command to know their names."""

    def __init__(self) -> None:
        super().__init__(NAMESPACE)

    def load_commands(self, namespace: str) -> None:
        """Add the commands of an entry point group."""
        self.group_list.append(namespace)
        for point in entry_points(group=namespace):
            known = self.commands.get(_words(point.name))
            if known is None:
                self.commands[_words(point.name)] = Offer(*_parts(point))
            elif known.value != point.value:
                name, value, group = _parts(point)
                self.commands[_words(name)] = Contested(name, f"{known.value}, {value}", group)

    def find_command(self, argv: list[str]) -> tuple[type[Command], str, list[str]]:
        """Return the command that the first words name, its name and the other words.

        :raises UnknownCommand: nothing is called that
        :raises CommandBroken: it cannot be loaded
        """
        try:
            return super().find_command(argv)
        except ValueError as error:
            words = argv[: self._get_last_possible_command_index(argv)] or argv
            help_wanted = not {"-h", "--help"}.isdisjoint(argv)
            raise UnknownCommand(words, help_wanted=help_wanted) from error

    def of(self, noun: str) -> Sequence[str]:
        """Return the names of a noun's commands, sorted."""
        return sorted(name for name in self.commands if name.startswith(f"{noun} "))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _parts(point: EntryPoint) -> tuple[str, str, str]:
    return point.name, point.value, point.group


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
