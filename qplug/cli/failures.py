"""What becomes of a failure: one line on stderr, and an exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from qplug.cli.base import WrongUsage
from qplug.cli.commands import UnknownCommand
from qplug.cli.help import print_commands
from qplug.cli.messages import complain, print_traceback
from qplug.cli.options import USAGE
from qplug.errors import QplugError

if TYPE_CHECKING:
    from qplug.cli.app import Qplug

FAILED = 1
PIPE_CLOSED = 141
"""The exit code when who reads the answer has seen enough, as SIGPIPE would give."""


def guarded(app: "Qplug", work: Callable[[], int]) -> int:
    """Return what work returns, or tell why it failed and return the exit code for that."""
    try:
        return work()
    except SystemExit as leaving:  # argparse has said why; a plugin's command may do it here
        if isinstance(leaving.code, str):
            return _failed(app, leaving.code)
        return leaving.code or 0
    except BrokenPipeError:
        return PIPE_CLOSED
    except WrongUsage as error:
        complain(str(error))
        return USAGE
    except UnknownCommand as error:
        return _unknown(app, error)
    except (QplugError, OSError) as error:  # the file system's words are as good as ours
        return _failed(app, str(error))
    except Exception as error:  # nobody else is left to tell of it
        what = f"{type(error).__name__}: {error}"
        return _failed(app, f"this is a bug ({what}); see where with 'qplug --debug'")


def flushed(app: "Qplug", code: int) -> int:
    """Write out what was printed; who closed the pipe has seen enough and is told nothing."""
    if app.stdout.closed:  # as cliff's pager leaves it when nobody reads on
        return code
    try:
        app.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush
        if isinstance(error, BrokenPipeError):
            return PIPE_CLOSED
        return _failed(app, f"the answer cannot be written: {error.strerror}")
    return code


def _failed(app: "Qplug", sentence: str) -> int:
    if app.options.debug:
        print_traceback()
    complain(sentence)
    return FAILED


def _unknown(app: "Qplug", error: UnknownCommand) -> int:
    its_commands = app.command_manager.of(error.words[0])
    if its_commands and error.help_wanted:
        print_commands(app, its_commands)
        return 0
    complain(f"{error}; did you mean {_either(_near(app, error.words, its_commands))}?")
    return USAGE


def _near(app: "Qplug", words: Sequence[str], its_commands: Sequence[str]) -> Sequence[str]:
    if len(words) == 1 and its_commands:
        return its_commands
    names = [name for name, _ in app.command_manager]
    alike = get_close_matches(" ".join(words[:2]), names)
    return alike or its_commands or app.get_fuzzy_matches(words[0])


def _either(names: Sequence[str]) -> str:
    *most, last = (f"'{name}'" for name in names)
    return f"{', '.join(most)} or {last}" if most else last
