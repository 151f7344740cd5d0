"""Which handler answers which method and path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from qplug_ipam_melange.testing.faults import not_found
from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.state.tables import Tables


@dataclass(frozen=True)
class Call:
    """What a handler works on."""

    tables: Tables
    where: Mapping[str, str]
    """What stands in the path for the names in braces."""
    query: Mapping[str, str]
    body: Any
    """The parsed body; empty if there was none."""
    url: str
    """The whole URL without its query, as the client spelled it."""

    def wanted(self, key: str) -> Mapping[str, Any]:
        """Return what the body has under a key; another key is as good as none."""
        wanted = self.body.get(key, {})
        if not isinstance(wanted, Mapping):
            raise TypeError(f"'{key}' is no object")
        return wanted


Handler = Callable[[Call], Document | None]


@dataclass(frozen=True)
class Route:
    """A method and a path below ``/ipam``, who answers, and with what status if all goes well."""

    method: str
    path: str
    handler: Handler
    status: HTTPStatus

    def match(self, method: str, segments: Sequence[str]) -> Mapping[str, str] | None:
        """Return what stands for the names in braces, or None if this is another path."""
        names = self.path.split("/")
        if method != self.method or len(names) != len(segments) or "" in segments:
            return None
        pairs = list(zip(names, segments, strict=True))
        if any(name != segment for name, segment in pairs if not name.startswith("{")):
            return None
        return {name.strip("{}"): segment for name, segment in pairs if name.startswith("{")}


def route(method: str, path: str, handler: Handler, status: HTTPStatus | None = None) -> Route:
    """Return a route that answers what its method says: a POST 201, all others 200."""
    usual = HTTPStatus.CREATED if method == "POST" else HTTPStatus.OK
    return Route(method, path, handler, status or usual)


def no_such_action(_: Call) -> Document:
    """Answer where the original has a path, but nothing to do there."""
    raise not_found(None)
