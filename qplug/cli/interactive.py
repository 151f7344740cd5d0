"""The interactive mode: cliff's, which is built on cmd2, with its surprises taken out."""

import sys
from typing import TYPE_CHECKING, Any

import cmd2
from cliff.interactive import InteractiveApp

if TYPE_CHECKING:
    from qplug.cli.app import Qplug


class Interactive(InteractiveApp):
    """Asks for commands; a failed one is told and the next asked for."""

    failed = False
    """Whether one of them did."""

    def __init__(self, app: "Qplug") -> None:
        arguments, sys.argv = sys.argv, sys.argv[:1]  # cmd2 would run our options as commands
        try:
            super().__init__(app, app.command_manager, app.stdin, app.stdout)
        finally:
            sys.argv = arguments
        self.prompt = f"({app.NAME}) "  # cliff says so before cmd2 sets its own

    def precmd(self, statement: cmd2.Statement | str) -> cmd2.Statement:
        """Change nothing: cliff would join the words of a command and forget their quotes."""
        return cmd2.Cmd.precmd(self, statement)

    def default(self, line: str) -> bool | None:
        """Run a command of ours, and have it print to where the line redirects it."""
        self.parent_app.stdout = self.stdout
        self.failed |= bool(self.parent_app.run_subcommand(self._split_line(line)))
        return None

    def perror(self, *objects: Any, **options: Any) -> None:
        """Tell of a line that is no command."""
        self.failed = True
        super().perror(*objects, **options)
