"""Where the log goes: to stderr, as much as is asked for, and to a file."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import Any

from qplug.asides import is_aside
from qplug.cli import messages
from qplug.cli.messages import shown, told
from qplug.errors import InvalidInput
from qplug.text import masked, printable

QUIET = (
    "alembic",
    "cliff",
    "kombu",
    "oslo_config",
    "oslo_messaging",
    "oslo_policy",
    "oslo_service",
    "sqlalchemy",
    "stevedore",
    "urllib3",
)
"""Libraries whose chatter helps nobody, and may quote what is stored."""

SILENT = ("amqp", "oslo.messaging", "oslo_messaging")
"""Libraries whose worries are ours to tell: they say them of every connection, and then again."""

OPERATIONS = "qplug.manager.logs"
"""Who logs operations; why one failed is what its command says, and not twice."""


@contextmanager
def logged(*, verbose: bool, debug: bool, file: str | None) -> Iterator[None]:
    """Have what the packages log on stderr: warnings, and more when asked for; and in a file.

    :raises InvalidInput: the file cannot be opened
    """
    with ExitStack() as stack:
        handlers: list[logging.Handler] = [_on_stderr(verbose=verbose, debug=debug)]
        if file is not None:
            handlers.append(stack.enter_context(closing(LogFile(file, debug=debug))))
        stack.enter_context(_levels(min(handler.level for handler in handlers)))
        root = logging.getLogger()
        for handler in handlers:
            root.addHandler(handler)
            stack.callback(root.removeHandler, handler)
        yield


@contextmanager
def _levels(level: int) -> Iterator[None]:
    """Have everything logged from a level on, but of libraries only what is a worry."""
    levels = dict.fromkeys(map(logging.getLogger, QUIET), logging.WARNING)
    levels |= dict.fromkeys(map(logging.getLogger, SILENT), logging.CRITICAL)
    levels[logging.getLogger()] = level
    before = {logger: logger.level for logger in levels}
    _set(levels)
    try:
        yield
    finally:
        _set(before)


def _set(levels: dict[logging.Logger, int]) -> None:
    for logger, level in levels.items():
        logger.setLevel(level)


# --- stderr -------------------------------------------------------------------------------------


def _on_stderr(*, verbose: bool, debug: bool) -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(tracebacks=debug))
    handler.setLevel(logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING)
    handler.addFilter(_told_nowhere_else if verbose or debug else _of_this_command)
    return handler


def _told_nowhere_else(record: logging.LogRecord) -> bool:
    return record.name != messages.__name__


def _of_this_command(record: logging.LogRecord) -> bool:
    """Say whether it is about what was asked for: other projects' troubles are none of it."""
    return _told_nowhere_else(record) and record.name != OPERATIONS and not is_aside()


class OneLine(logging.Formatter):
    """Prints a record as one line; with ``tracebacks`` they follow it."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return ``qplug: warning: TEXT``."""
        line = told(record.levelname.lower(), record.getMessage())
        return "\n".join([line, *self.traceback(record)])

    def traceback(self, record: logging.LogRecord) -> Sequence[str]:
        """Return the lines of where it came from, if it did and they are wanted."""
        if self._tracebacks and record.exc_info and record.exc_info[0]:
            return shown(self.formatException(record.exc_info))
        return ()


# --- a file -------------------------------------------------------------------------------------


class Stamped(OneLine):
    """Prints a record, and each line of its traceback, with time, level, process and logger."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``2012-04-05T16:20:00.123+00:00 WARNING 4711 acme: TEXT``."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = f"{at} {record.levelname} {record.process} {record.name}:"
        text = printable(masked(record.getMessage()))
        return "\n".join(f"{head} {line}" for line in [text, *self.traceback(record)])


class LogFile(WatchedFileHandler):
    """Appends to a file, which is made for its owner alone and may be moved away meanwhile."""

    def __init__(self, path: str, *, debug: bool) -> None:
        self._failed = False
        try:
            super().__init__(path, encoding="utf-8")
        except OSError as error:
            wanted = f"a file that can be appended to ({error.strerror})"
            raise InvalidInput("log file", path, wanted) from error
        self.setFormatter(Stamped(tracebacks=debug))
        self.setLevel(logging.DEBUG if debug else logging.INFO)

    def _open(self) -> Any:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_private)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, to a new file if the old one was moved away."""
        try:
            super().emit(record)
        except OSError:  # the new file cannot be made, which Python lets stop the operation
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # Python's name
        """Say once that the log is not all there; nothing else stops for that."""
        if not self._failed:
            self._failed = True
            text = f"the log file '{self.baseFilename}' cannot be written: {sys.exception()}"
            print(told("warning", text), file=sys.stderr)

    def close(self) -> None:
        """Close it; what could not be written was said to be missing."""
        with suppress(OSError):
            super().close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
