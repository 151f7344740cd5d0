"""What a Quantum server means when it refuses, whichever version it speaks."""

from enum import Enum

from qplug.http import Answer


class Refusal(Enum):
    """A refusal that has a meaning for the driver: its name in v1.1, and its status in v1.0.

    A server between the two of them speaks v1.1 with the statuses of v1.0.
    """

    NO_NETWORK = "NetworkNotFound", 420
    NETWORK_IN_USE = "NetworkInUse", 421
    NO_PORT = "PortNotFound", 430
    BAD_STATE = "RequestedStateInvalid", 431
    PORT_IN_USE = "PortInUse", 432
    ALREADY_ATTACHED = "AlreadyAttached", 440

    def __init__(self, type_: str, status: int) -> None:
        self.type = type_
        self.status = status


ABSENT = frozenset({Refusal.NO_NETWORK, Refusal.NO_PORT})
PLUGGED = frozenset({Refusal.PORT_IN_USE, Refusal.ALREADY_ATTACHED})
"""One plugin says this, another that, when an attachment is on a port already."""


def fault_of(answer: Answer) -> Refusal | None:
    """Return what a refusal means; ``None`` if the driver has no name for it."""
    told = _inside(answer)
    type_ = told.get("type") if told else None
    return next(
        (each for each in Refusal if type_ == each.type or answer.status == each.status), None
    )


def detail_of(answer: Answer) -> str | None:
    """Return what a refusal says; ``None`` if this is none of Quantum's."""
    told = _inside(answer)
    if told is None:
        return answer.text() if any(answer.status == each.status for each in Refusal) else None
    return str(told.get("detail") or told.get("message") or answer.text())


def _inside(answer: Answer) -> dict[str, object] | None:
    """Return what is under the only key of a fault; the key is the fault's name in v1.0."""
    told = answer.json()
    if not isinstance(told, dict) or len(told) != 1:
        return None
    (inside,) = told.values()
    return inside if isinstance(inside, dict) and "message" in inside else None
