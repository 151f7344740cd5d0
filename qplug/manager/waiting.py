"""Waiting for another command that works on the same instance."""

import time
from collections.abc import Callable
from typing import TypeVar

from qplug.errors import InstanceInTransition
from qplug.model import Call

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks at an instance that another command works on."""


def waited(call: Call, look: Callable[[], T]) -> T:
    """Return what ``look`` returns, looking again while the instance is in transition.

    :raises InstanceInTransition: it still is when the deadline is reached
    """
    while True:
        try:
            return look()
        except InstanceInTransition:
            if call.remaining() <= POLL:
                raise
        time.sleep(POLL)
