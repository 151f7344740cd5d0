"""The program ``qplug-manager``."""

import argparse
import gc
import signal
import sys
from collections.abc import Sequence
from threading import Event

from qplug import __version__
from qplug.cli.logs import logged
from qplug.cli.messages import complain
from qplug.config import load_config
from qplug.errors import QplugError


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT arrives; return 0 then, and 1 if it cannot be served."""
    options = _parser().parse_args(argv)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    try:
        with logged(verbose=options.verbose, debug=options.debug, file=options.log_file):
            return _serve(options, stopping)
    except QplugError as error:
        complain(str(error))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qplug-manager",
        description="Serve this host's networks, and do what is asked over the message bus.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("--version", action="version", version=f"%(prog)s {__version__}")
    option(
        "--config-file",
        action="append",
        default=[],
        dest="config_files",
        metavar="FILE",
        help="read this instead of qplug.conf; of several, later ones win",
    )
    option("-v", "--verbose", action="store_true", help="tell of each operation on stderr")
    option("--debug", action="store_true", help="tell everything, with tracebacks")
    option("--log-file", metavar="FILE", help="append what is told to a file, and each operation")
    return parser


def _serve(options: argparse.Namespace, stopping: Event) -> int:
    from qplug.service.service import ManagerService  # late: --help needs nothing of it
    from qplug.service.systemd import tell

    service = ManagerService(load_config(options.config_files))
    gc.freeze()  # what is loaded by now stays, and need not be looked through again and again
    try:
        service.start()
        tell("READY=1")
        stopping.wait()
        tell("STOPPING=1")
    finally:
        service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
