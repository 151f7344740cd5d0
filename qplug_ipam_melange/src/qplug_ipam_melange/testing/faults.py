"""Refusals, as the original words them."""

from http import HTTPStatus
from typing import Any

from qplug.http.server.standin import Hangs

MALFORMED = (
    "The server could not comply with the request"
    " since it is either malformed or otherwise incorrect."
)
NO_SUCH = "The resource could not be found."

KINDS = {
    HTTPStatus.BAD_REQUEST: ("BadRequest", MALFORMED),
    HTTPStatus.NOT_FOUND: ("NotFound", NO_SUCH),
    HTTPStatus.NOT_ACCEPTABLE: ("NotAcceptable", MALFORMED),
    HTTPStatus.CONFLICT: (
        "Conflict",
        "There was a conflict when trying to complete your request.",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "UnprocessableEntity",
        "Unable to process the contained instructions",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "InternalServerError",
        "The server has either erred or is incapable of performing the requested operation.",
    ),
}
"""The key and the message that a status always has."""

Errors = dict[str, list[str]]
"""What is wrong with each field."""


class Fault(Exception):
    """An answer of 400 or more that has a document; the format of the answer is the request's."""

    def __init__(self, status: HTTPStatus, detail: str | None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def document(self) -> dict[str, Any]:
        """Return what the client reads."""
        key, message = KINDS[self.status]
        return {key: {"message": message, "code": int(self.status), "detail": self.detail}}


class TextFault(Exception):
    """An answer of 400 or more from the router or from what reads bodies: always plain text."""

    def __init__(
        self,
        status: HTTPStatus,
        explanation: str,
        detail: str = "",
        charset: str = "; charset=UTF-8",
    ) -> None:
        super().__init__(explanation)
        self.status = status
        self.content_type = f"text/plain{charset}"
        self.text = f"{int(status)} {status.phrase}\n\n{explanation}\n\n {detail}  "


class Spinning(Hangs):
    """An IPv6 block is used up: the original now searches for ever, and answers nobody."""


class NoRoom(Fault):
    """A block has no address left."""

    def __init__(self, detail: str = "IpBlock is full") -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


class Duplicate(Fault):
    """A given address is taken, in quarantine, or never given."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.CONFLICT, "Address is already allocated")


def not_found(what: str | None) -> Fault:
    """Return the fault of something that is not there, or is another tenant's."""
    return Fault(HTTPStatus.NOT_FOUND, what)


def bad(detail: str) -> Fault:
    """Return the fault of a request that cannot be done whatever the state."""
    return Fault(HTTPStatus.BAD_REQUEST, detail)


def invalid(errors: Errors) -> Fault:
    """Return the fault of fields that are wrong; it shows them as Python 2 did."""
    fields = [
        f"'{field}': [{', '.join(f'u{text!r}' for text in texts)}]"
        for field, texts in errors.items()
    ]
    return bad(f"The following values are invalid: {{{', '.join(fields)}}}")


def raise_invalid(errors: Errors) -> None:
    """Raise if a field is wrong."""
    if errors:
        raise invalid(errors)
