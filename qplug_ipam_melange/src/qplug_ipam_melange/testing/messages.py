"""What goes over the wire, as Melange reads and writes it."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote
from xml.dom import minidom

from qplug.http.server import Answer, Request

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


def segments(request: Request) -> list[str]:
    """Return the path without the suffix that names a format, cut at its slashes and unquoted."""
    path = request.path.removesuffix(".json").removesuffix(".xml")
    return [unquote(segment) for segment in path.split("/")[1:]]


def wants_xml(request: Request) -> bool:
    """Return what the suffix says, else what the client accepts."""
    suffix = request.path.rpartition(".")[2]
    if suffix in ("json", "xml"):
        return suffix == "xml"
    return "application/xml" in request.headers.get("accept", "")


def rendered(status: HTTPStatus, document: Document | None, request: Request) -> Answer:
    """Write a document as the client wants it; without one the answer has no body."""
    kind = "xml" if wants_xml(request) else "json"
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
