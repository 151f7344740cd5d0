"""What is said on stderr: one line each, and no secrets."""

import logging
import sys
import traceback
from collections.abc import Sequence

from qplug.text import masked, printable

LOG = logging.getLogger(__name__)
LOG.addHandler(logging.NullHandler())  # where nothing is logged yet, Python would print it again


def complain(text: str) -> None:
    """Say what went wrong, in the log file too."""
    print(told("error", text), file=sys.stderr)
    LOG.error("%s", text, exc_info=sys.exception())


def print_traceback() -> None:
    """Say where the error that is being handled came from."""
    print(*shown(traceback.format_exc()), sep="\n", file=sys.stderr)


def told(kind: str, text: str) -> str:
    """Return the line that says it."""
    return f"qplug: {kind}: {printable(masked(text))}"


def shown(text: str) -> Sequence[str]:
    """Return the lines of a text as they may be shown."""
    return [printable(line) for line in masked(text).splitlines()]
