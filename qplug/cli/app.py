"""The application: global options, and what becomes of a command's answer or failure."""

import argparse
import gc
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from traceback import clear_frames
from typing import TYPE_CHECKING, Any

from cliff.app import App
from cliff.command import Command

from qplug import __version__
from qplug.cli.commands import Commands
from qplug.cli.failures import flushed, guarded
from qplug.cli.help import Complete, Help
from qplug.cli.logs import logged
from qplug.cli.options import USAGE, global_parser, unknown_options, usage_error
from qplug.cli.signals import interruptible
from qplug.errors import CommandBroken, QplugError

if TYPE_CHECKING:  # what makes `qplug --help` slow is imported where a command needs it
    from oslo_config.cfg import ConfigOpts

    from qplug.api import NetworkApi
    from qplug.manager import Manager


class Qplug(App):
    """cliff's application with our options, errors and signals.

    Configuration and manager are made when a command first wants them, and serve all commands
    of the interactive mode.
    """

    NAME = "qplug"
    command_manager: Commands

    def __init__(self) -> None:
        super().__init__(description=None, version=__version__, command_manager=Commands())
        self.options = self.parser.parse_args([])
        self.command_manager.add_command("help", Help)
        self.command_manager.add_command("complete", Complete)

    # --- what commands use ---

    @cached_property
    def conf(self) -> "ConfigOpts":
        """The configuration of the files named, or of those found."""
        from qplug.config import load_config

        return load_config(self.options.config_files)

    @cached_property
    def manager(self) -> "Manager":
        """The driver chain: in this process, or in that of a service."""
        with collecting_nothing():
            from qplug import api, factory  # noqa: F401  # the one is needed with the other

            if self.options.via_service or self.conf.api.endpoint == "rpc":
                return factory.remote_manager(self.conf)
            return factory.create_manager(self.conf)

    @property
    def api(self) -> "NetworkApi":
        """The operations, for the caller that the options name; each has its own request id."""
        manager = self.manager
        from qplug.api import NetworkApi
        from qplug.manager import Context

        project_id = self.options.project
        is_admin = self.options.as_admin or project_id is None
        return NetworkApi(manager, Context(project_id=project_id, is_admin=is_admin))

    def close(self) -> None:
        """Give back drivers and database, if they were used."""
        if "manager" in vars(self):
            self.manager.close()

    # --- running ---

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: dict[str, Any] | None = None,
    ) -> argparse.ArgumentParser:
        """Return the parser of the global options."""
        return global_parser(self)

    def run(self, argv: list[str]) -> int:
        """Run what the arguments say, and return the exit code."""
        code = guarded(self, lambda: self._run(argv))
        return flushed(self, code)

    def _run(self, argv: list[str]) -> int:
        self.options = self.parser.parse_args(argv)
        options = self.options
        log = logged(verbose=options.verbose, debug=options.debug, file=options.log_file)
        with log, closing(self):
            if options.command:
                return self.run_subcommand(options.command)
            self.interactive_mode = True
            return self.ask()

    def ask(self) -> int:
        """Ask for commands until there are no more; in a script, one that failed makes it 1."""
        from qplug.cli.interactive import Interactive

        self.interpreter = interactive = Interactive(self)
        interactive.cmdloop()
        return int(interactive.failed and not self.stdin.isatty())

    def run_subcommand(self, argv: list[str]) -> int:
        """Run one command and return its exit code; failures are told and never raised."""
        with interruptible(undoes=True):
            try:
                return guarded(self, lambda: self._run_command(argv))
            except BaseException as interrupt:
                clear_frames(interrupt.__traceback__)  # a listing ends while it can still be logged
                raise

    def _run_command(self, argv: list[str]) -> int:
        factory, name, words = self.command_manager.find_command(argv)
        command, parser = self._ready(factory, name, words)
        return command.run(parser.parse_args(words))

    def _ready(
        self, factory: type[Command], name: str, words: Sequence[str]
    ) -> tuple[Command, argparse.ArgumentParser]:
        try:
            command = factory(self, self.options, cmd_name=name)
            parser = command.get_parser(name if self.interactive_mode else f"{self.NAME} {name}")
        except QplugError:
            raise
        except Exception as error:  # a plugin's command may fail in any way
            target = f"{factory.__module__}:{factory.__qualname__}"
            raise CommandBroken(name, target, f"{type(error).__name__}: {error}") from error

        def wrong_usage(message: str) -> Any:
            told = "; ".join([message, *unknown_options(parser, words)])
            parser.exit(USAGE, usage_error(told, f"qplug help {name}"))

        parser.error = wrong_usage  # type: ignore[method-assign]  # cliff makes the parser, not we
        return command, parser


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """Import without collecting garbage: of the half a second that it takes, a fifth was that."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
