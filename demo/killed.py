"""Run a command of qplug whose process is killed, as by kill -9, once it has made so many ports.

python demo/killed.py 2 instance allocate UUID ...
"""

import os
import signal
import sys
from typing import Any

from qplug.builtin.local_quantum import LocalQuantum
from qplug.cli.main import main

left = int(sys.argv[1])
attach_port = LocalQuantum.attach_port


def attach_and_die(self: LocalQuantum, *arguments: Any) -> str:
    """Attach a port; after the last one nothing more is done, nothing undone, nobody told."""
    global left
    port_id = attach_port(self, *arguments)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return port_id


LocalQuantum.attach_port = attach_and_die  # type: ignore[method-assign, assignment]
sys.exit(main(sys.argv[2:]))
