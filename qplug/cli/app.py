"""The application: global options, and what becomes of a command's answer or failure."""

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cliff.app import App
from cliff.command import Command

from qplug import __version__
from qplug.cli.commands import Commands, UnknownCommand
from qplug.cli.help import Complete, Help
from qplug.cli.messages import complain, logged
from qplug.cli.options import USAGE, global_parser, usage_error
from qplug.cli.signals import interruptible
from qplug.errors import CommandBroken, QplugError

if TYPE_CHECKING:  # what makes `qplug --help` slow is imported where a command needs it
    from oslo_config.cfg import ConfigOpts

    from qplug.api import NetworkApi
    from qplug.manager import Manager

PIPE_CLOSED = 141
"""The exit code when who reads the answer has seen enough, as SIGPIPE would give."""


class Qplug(App):
    """cliff's application with our options, errors and signals.

    Configuration and manager are made when a command first wants them, and serve all commands
    of the interactive mode.
    """

    NAME = "qplug"

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
        """The driver chain, in this process."""
        with collecting_nothing():
            from qplug import api, factory  # noqa: F401  # the one is needed with the other

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
        code = self._guarded(lambda: self._run(argv))
        return self._flushed(code)

    def _run(self, argv: list[str]) -> int:
        self.options = self.parser.parse_args(argv)
        if self.options.via_service:
            self.parser.error("--via-service: the service is not part of this release")
        with logged(verbose=self.options.verbose, debug=self.options.debug), closing(self):
            if self.options.command:
                return self.run_subcommand(self.options.command)
            self.interactive_mode = True
            self.interact()
            return 0

    def interact(self) -> None:
        """Ask for commands until there are no more."""
        from qplug.cli.interactive import Interactive

        self.interpreter = Interactive(self)
        self.interpreter.cmdloop()

    def run_subcommand(self, argv: list[str]) -> int:
        """Run one command and return its exit code; failures are told and never raised."""
        with interruptible():
            return self._guarded(lambda: self._run_command(argv))

    def _run_command(self, argv: list[str]) -> int:
        factory, name, words = self.command_manager.find_command(argv)
        command, parser = self._ready(factory, name)
        return command.run(parser.parse_args(words))

    def _ready(self, factory: type[Command], name: str) -> tuple[Command, argparse.ArgumentParser]:
        try:
            command = factory(self, self.options, cmd_name=name)
            parser = command.get_parser(name if self.interactive_mode else f"{self.NAME} {name}")
        except QplugError:
            raise
        except Exception as error:  # a plugin's command may fail in any way
            target = f"{factory.__module__}:{factory.__qualname__}"
            raise CommandBroken(name, target, f"{type(error).__name__}: {error}") from error

        def wrong_usage(message: str) -> Any:
            parser.exit(USAGE, usage_error(message, f"qplug help {name}"))

        parser.error = wrong_usage  # type: ignore[method-assign]  # cliff makes the parser, not we
        return command, parser

    # --- failures ---

    def _guarded(self, work: Callable[[], int]) -> int:
        try:
            return work()
        except SystemExit as leaving:  # argparse has said why; a plugin's command may do it here
            if isinstance(leaving.code, str):
                return self._failed(leaving.code)
            return leaving.code or 0
        except BrokenPipeError:
            return PIPE_CLOSED
        except UnknownCommand as error:
            return self._unknown(error)
        except QplugError as error:
            return self._failed(str(error))
        except OSError as error:  # the file system's word, such as a folder that cannot be made
            return self._failed(str(error))
        except Exception as error:  # nobody else is left to tell of it
            what = f"{type(error).__name__}: {error}"
            return self._failed(f"this is a bug ({what}); see where with 'qplug --debug'")

    def _failed(self, sentence: str) -> int:
        if self.options.debug:
            traceback.print_exc()
        complain(sentence)
        return 1

    def _unknown(self, error: UnknownCommand) -> int:
        near = self.get_fuzzy_matches(error.words[0])
        near = [name for name in near if name.startswith(error.words[0])] or near
        hint = f"did you mean {_either(near)}?" if near else "see 'qplug --help'"
        complain(f"{error}; {hint}")
        return USAGE

    def _flushed(self, code: int) -> int:
        """Write out what was printed; who closed the pipe has seen enough and is told nothing."""
        try:
            self.stdout.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                return PIPE_CLOSED
            return self._failed(f"the answer cannot be written: {error.strerror}")
        return code


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """Import without collecting garbage: of the half a second that it takes, a fifth was that."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _either(names: list[str]) -> str:
    *most, last = (f"'{name}'" for name in names)
    return f"{', '.join(most)} or {last}" if most else last
