"""Waiting for another command that works on the same instance or network."""

import time
from collections.abc import Callable
from typing import TypeVar

from qplug.errors import InstanceInTransition, NetworkInTransition
from qplug.model import Call

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks at what another command works on."""


def waited(call: Call, look: Callable[[], T]) -> T:
    """Return what ``look`` returns, looking again while another command works on it.

    :raises InstanceInTransition, NetworkInTransition: one still does when the deadline is reached
    """
    while True:
        try:
            return look()
        except (InstanceInTransition, NetworkInTransition):
            if call.remaining() <= POLL:
                raise
        time.sleep(POLL)
