"""JSON and XML, and which of them a request is about."""

import json
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from qplug.http.server import Request

ATTRIBUTES = {
    "version": ("id", "status"),
    "link": ("href", "rel"),
    "network": ("id", "name", "op-status"),
    "port": ("id", "op-status", "state"),
    "attachment": ("id",),
}
"""What XML has as attributes of an element, in their order, where JSON has keys."""
OF_FAULTS = ("code",)


def suffix(request: Request) -> str:
    """Return what is behind the dot of the last segment; empty without a dot."""
    return request.path.rpartition("/")[2].partition(".")[2]


def wants_xml(request: Request) -> bool:
    """Return what the suffix says, else the body's type, else what the client accepts."""
    if suffix(request) in ("json", "xml"):
        return suffix(request) == "xml"
    if request.content_type in ("application/json", "application/xml"):
        return request.content_type == "application/xml"
    return "application/xml" in request.headers.get("accept", "")


def rendered(document: dict[str, Any], *, xml: bool, namespace: str | None) -> bytes:
    """Write a document."""
    if not xml:
        return json.dumps(document).encode()
    ((name, value),) = document.items()
    more = "" if namespace is None else f' xmlns="{namespace}"'
    return _element(name, value, more).encode()


def _element(name: str, value: Any, more: str = "") -> str:
    if isinstance(value, list):
        parts = [_element(name.removesuffix("s"), each) for each in value]
        return f"<{name}{more}>{''.join(parts)}</{name}>"
    if not isinstance(value, dict):
        return f"<{name}{more}>{escape(str(value))}</{name}>"
    attributes = ATTRIBUTES.get(name, OF_FAULTS)
    shown = "".join(
        f" {each}={quoteattr(str(value[each]))}"
        for each in attributes
        if value.get(each) is not None
    )
    inner = "".join(_inner(value, attributes))
    return f"<{name}{shown}{more}>{inner}</{name}>" if inner else f"<{name}{shown}{more}/>"


def _inner(value: dict[str, Any], attributes: tuple[str, ...]) -> Iterator[str]:
    for each, inner in value.items():
        if each not in attributes:
            yield _element(each, inner)
