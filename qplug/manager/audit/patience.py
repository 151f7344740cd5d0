"""Time for listings that take long."""

import time
from datetime import datetime

from qplug.model import Call


class Unhurried(Call):
    """A call that always has as much time left as it had when it was made.

    A driver asks for it anew at each page of a long listing, and no page may take for ever.
    """

    def __init__(self, request_id: str, now: datetime, deadline: float) -> None:
        seconds = deadline - time.monotonic()
        super().__init__(request_id=request_id, now=now, deadline=seconds)

    def __getattribute__(self, name: str) -> object:
        """Count the seconds from now on, whenever the deadline is asked for."""
        value = super().__getattribute__(name)
        return time.monotonic() + value if name == "deadline" else value
