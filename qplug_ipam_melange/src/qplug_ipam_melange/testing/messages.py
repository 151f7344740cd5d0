"""What goes over the wire, without the wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.dom import minidom

Document = dict[str, Any]

ATTRIBUTES = {
    "version": ("name", "status"),
    "link": ("href", "rel"),
    "NotFound": ("code",),
    "BadRequest": ("code",),
    "Conflict": ("code",),
    "UnprocessableEntity": ("code",),
    "NotAcceptable": ("code",),
    "InternalServerError": ("code",),
}
"""What XML has as attributes of an element, where JSON has keys."""


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
        """The path, with the suffix that names the format of the answer."""
        return urlsplit(self.target).path

    @property
    def segments(self) -> list[str]:
        """The path without that suffix, cut at its slashes and unquoted."""
        path = self.path.removesuffix(".json").removesuffix(".xml")
        return [unquote(segment) for segment in path.split("/")[1:]]

    @property
    def query(self) -> dict[str, str]:
        """The parameters behind the path; of two with one name the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def wants_xml(self) -> bool:
        """What the suffix says, else what the client accepts."""
        suffix = self.path.rpartition(".")[2]
        if suffix in ("json", "xml"):
            return suffix == "xml"
        return "application/xml" in self.headers.get("accept", "")

    @property
    def content_type(self) -> str:
        """The type of the body without parameters; empty if the client sent none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Answer:
    """An answer as it will be sent."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/plain; charset=UTF-8"
    sent: int | None = None
    """How many bytes of the body get through before the connection ends; all without it."""


def lower_case(headers: Message) -> dict[str, str]:
    """Return headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def rendered(status: HTTPStatus, document: Document | None, request: Request) -> Answer:
    """Write a document as the client wants it; without one the answer has no body."""
    kind = "xml" if request.wants_xml else "json"
    charset = "; charset=UTF-8" if status >= HTTPStatus.BAD_REQUEST else ""
    content_type = f"application/{kind}{charset}"
    if document is None:
        return Answer(status, content_type=content_type)
    body = _xml(document) if kind == "xml" else json.dumps(document, default=_json_time)
    return Answer(status, body.encode(), content_type)


def _json_time(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _xml(document: Document) -> str:
    ((name, value),) = document.items()
    return _element(minidom.Document(), name, value).toprettyxml(indent="    ")


def _element(document: minidom.Document, name: str, value: Any) -> minidom.Element:
    element = document.createElement(name)
    if isinstance(value, dict):
        _fill(document, element, value)
    elif isinstance(value, list):
        for item in value:
            element.appendChild(_element(document, _singular(name), item))
    else:
        element.appendChild(document.createTextNode(_text(value)))
    return element


def _fill(document: minidom.Document, element: minidom.Element, value: Document) -> None:
    attributes = ATTRIBUTES.get(element.tagName, ())
    for name in attributes:
        element.setAttribute(name, str(value[name]))
    for name, inner in value.items():
        if name not in attributes:
            element.appendChild(_element(document, name, inner))


def _singular(name: str) -> str:
    return "policy" if name == "policies" else name.removesuffix("es" if "ddress" in name else "s")


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return str(value)
