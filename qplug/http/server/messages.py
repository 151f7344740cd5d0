"""What goes over the wire, without the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """A request as it was sent."""

    method: str
    target: str
    """The path with its query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Their names in lower case."""
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, quoted as it was sent."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters behind the path; of two with one name the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def content_type(self) -> str:
        """The type of the body without parameters; empty if the client sent none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Answer:
    """An answer as it will be sent."""

    status: HTTPStatus | int
    body: bytes = b""
    content_type: str | None = "text/plain; charset=UTF-8"
    reason: str | None = None
    """What stands behind the status; without it the usual phrase."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More of them than the type and the length."""
    sent: int | None = None
    """How many bytes of the body get through before the connection ends; all without it."""


def lower_case(headers: Message) -> dict[str, str]:
    """Return headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}
