"""Waiting for another command that works on the same instance or network."""

import time
from collections.abc import Callable
from typing import TypeVar

from qplug.errors import InstanceInTransition, NetworkInTransition, QplugError
from qplug.model import Call

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks at what another command works on."""


def waited(
    call: Call, look: Callable[[], T], clear: Callable[[Call, QplugError], bool] = lambda *_: False
) -> T:
    """Return what ``look`` returns, looking again while another command works on it.

    :param clear: finishes what another command left there, and says whether to look at once
    :raises InstanceInTransition, NetworkInTransition: one still works on it when the deadline is
        reached, or what it left cannot be finished
    """
    while True:
        try:
            return look()
        except (InstanceInTransition, NetworkInTransition) as error:
            cleared = clear(call, error)
            if call.remaining() <= POLL:
                raise
        if not cleared:
            time.sleep(POLL)
