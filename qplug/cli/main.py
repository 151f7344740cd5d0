"""The command ``qplug``, from its arguments to its exit code."""

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from qplug.cli.signals import Terminated, interruptible


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, or ask for commands when none is named, and return the exit code.

    0 is success, 1 refused or failed, 2 wrong usage, and 128 plus a signal's number its arrival.
    """
    for name in ("stdout", "stderr"):
        _make_printable(name)
    atexit.register(gc.freeze)  # Python's last collection would look at every module, for nothing
    try:
        with interruptible(undoes=False):
            from qplug.cli.app import Qplug  # late, as Ctrl-C may come while it is imported

            return Qplug().run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return 130
    except Terminated as ended:
        return 128 + ended.number


def _make_printable(name: str) -> None:
    """Have a stream that takes every character: it may be closed, or know few of them."""
    if getattr(sys, name) is None:
        setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # open until the end
    stream = getattr(sys, name)
    if isinstance(stream, TextIOWrapper):  # who calls main may have put another thing there
        stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
