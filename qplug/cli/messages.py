"""What is said on stderr: one line each, with whatever would break it escaped."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

QUIET = ("alembic", "cliff", "oslo_config", "oslo_policy", "sqlalchemy", "stevedore", "urllib3")
"""Libraries whose chatter helps nobody, and may quote what is stored."""


def complain(text: str) -> None:
    """Say what went wrong."""
    print(_line("error", text), file=sys.stderr)


class OneLine(logging.Formatter):
    """Prints a record as one line; with ``tracebacks`` they follow it."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return ``qplug: warning: TEXT``."""
        line = _line(record.levelname.lower(), record.getMessage())
        if self._tracebacks and record.exc_info:
            return f"{line}\n{self.formatException(record.exc_info)}"
        return line


@contextmanager
def logged(*, verbose: bool, debug: bool) -> Iterator[None]:
    """Have what the packages log on stderr: warnings, and more when asked for."""
    root = logging.getLogger()
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(tracebacks=debug))
    levels = dict.fromkeys(map(logging.getLogger, QUIET), logging.WARNING)
    levels[root] = logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    before = {logger: logger.level for logger in levels}
    _set(levels)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        _set(before)


def _set(levels: dict[logging.Logger, int]) -> None:
    for logger, level in levels.items():
        logger.setLevel(level)


def _line(kind: str, text: str) -> str:
    return f"qplug: {kind}: {printable(text)}"


def printable(text: str) -> str:
    """Return the text with whatever would break the line or the terminal escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
