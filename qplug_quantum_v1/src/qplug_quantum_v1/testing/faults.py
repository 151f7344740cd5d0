"""Refusals, as the original words them."""

from dataclasses import dataclass
from typing import Any

MALFORMED = (
    "The server could not comply with the request"
    " since it is either malformed or otherwise incorrect."
)


@dataclass(frozen=True)
class Kind:
    """What a version of the API makes of a refusal."""

    code: int
    """Of v1.0."""
    name: str
    """Of v1.0, where it is the reason of the status line, too."""
    words: str
    """What Diablo has in place of that reason."""
    status: int
    """Of v1.1."""
    type: str
    """Of v1.1."""
    message: str


NO_NETWORK = Kind(
    420,
    "networkNotFound",
    "Network not Found",
    404,
    "NetworkNotFound",
    "Unable to find a network with the specified identifier.",
)
NETWORK_IN_USE = Kind(
    421,
    "networkInUse",
    "Network in Use",
    409,
    "NetworkInUse",
    "Unable to remove the network: attachments still plugged.",
)
NO_PORT = Kind(
    430,
    "portNotFound",
    "Port not Found",
    404,
    "PortNotFound",
    "Unable to find a port with the specified identifier.",
)
BAD_STATE = Kind(
    431,
    "requestedStateInvalid",
    "Requested State Invalid",
    400,
    "RequestedStateInvalid",
    "Unable to update port state with specified value.",
)
PORT_IN_USE = Kind(
    432,
    "portInUse",
    "Port in Use",
    409,
    "PortInUse",
    "A resource is currently attached to the logical port",
)
ALREADY_ATTACHED = Kind(
    440,
    "alreadyAttached",
    "Already Attached",
    409,
    "AlreadyAttached",
    "The resource is already attached to another port",
)
BAD_REQUEST = Kind(400, "Bad Request", "Bad Request", 400, "QuantumServiceFault", MALFORMED)


class Fault(Exception):
    """A refusal that has a document; its form is the version's."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Unreadable(Exception):
    """A body that no controller got to see."""

    def __init__(self, message: str = MALFORMED) -> None:
        super().__init__(message)
        self.message = message


class Crash(Exception):
    """What the original did not foresee."""


class NoRoute(Exception):
    """No such path, or no such method on it."""


def document(fault: Fault, version: str, *, diablo: bool) -> tuple[int, str | None, dict[str, Any]]:
    """Return status, reason and document of a refusal; without a reason it is the usual one."""
    kind = fault.kind
    told: dict[str, Any]
    if version == "v1.1":
        told = {"message": kind.message, "type": kind.type, "detail": fault.detail}
        return kind.status, None, {"QuantumError": told}
    name = "malformedRequest" if diablo and kind is BAD_REQUEST else kind.name
    told = {"code": kind.code, "message": kind.message, "detail": fault.detail}
    return kind.code, kind.words if diablo else kind.name, {name: told}


def no_network(network_id: str) -> Fault:
    """Return the fault of a network that is not there, or is another tenant's."""
    return Fault(NO_NETWORK, f"Network {network_id} could not be found")


def no_port(network_id: str, port_id: str) -> Fault:
    """Return the fault of a port that is not on the network."""
    return Fault(NO_PORT, f"Port {port_id} could not be found on network {network_id}")


def network_in_use(network_id: str) -> Fault:
    """Return the fault of deleting a network with an attachment on it."""
    what = f"Unable to complete operation on network {network_id}. "
    return Fault(NETWORK_IN_USE, what + "There is one or more attachments plugged into its ports.")


def port_in_use(network_id: str, port_id: str, attachment: str | None) -> Fault:
    """Return the fault of a port that has an attachment; the original forgets a quotation mark."""
    what = f"Unable to complete operation on port {port_id} for network {network_id}. "
    return Fault(
        PORT_IN_USE, f"{what}The attachment '{attachment}is plugged into the logical port."
    )


def already_attached(
    network_id: str, port_id: str, attachment: str | None, other_port_id: str
) -> Fault:
    """Return the fault of an attachment that is plugged in elsewhere."""
    what = (
        f"Unable to plug the attachment {attachment} into port {port_id} for network {network_id}. "
    )
    where = f"The attachment is already plugged into port {other_port_id}"
    return Fault(ALREADY_ATTACHED, what + where)


def bad_state(state: Any) -> Fault:
    """Return the fault of a state that is none."""
    return Fault(BAD_STATE, f"Unsupported port state: {state}")


def bad(detail: str) -> Fault:
    """Return the fault of a body that lacks something."""
    return Fault(BAD_REQUEST, detail)
