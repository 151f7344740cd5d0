"""From a request to its answer: version, authorization, route, body, handler."""

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from qplug.http.server import Answer, Request
from qplug_ipam_melange.testing.faults import NO_SUCH, Fault, Spinning, TextFault
from qplug_ipam_melange.testing.messages import Document, rendered, segments
from qplug_ipam_melange.testing.resources import (
    addresses,
    blocks,
    instances,
    interfaces,
    mac_ranges,
    policies,
)
from qplug_ipam_melange.testing.routing import Call
from qplug_ipam_melange.testing.state.tables import Tables

IN_BOTH = [
    *blocks.ROUTES,
    *addresses.ROUTES,
    *instances.ROUTES,
    *mac_ranges.ROUTES,
    *policies.ROUTES,
]
ROUTES = {
    "v0.1": [*IN_BOTH, *blocks.OF_NETWORKS, *interfaces.ROUTES],
    "v1.0": [*IN_BOTH, *instances.OF_V1_0],
}
VERSION = re.compile(r"application/vnd\.openstack\.melange\+\w+;\s*version=(\S+)")


def answer(tables: Tables, request: Request) -> Answer:
    """Do what a request wants.

    :raises Spinning: the original would answer nobody from now on
    """
    try:
        status, document = _do(tables, request)
        return rendered(status, document, request)
    except TextFault as fault:
        return Answer(fault.status, fault.text.encode(), fault.content_type)
    except Fault as fault:
        return rendered(fault.status, fault.document(), request)
    except Spinning:
        raise
    except Exception as error:  # the original foresees little, and answers 500 to the rest
        crash = Fault(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        return rendered(crash.status, crash.document(), request)


def _do(tables: Tables, request: Request) -> tuple[HTTPStatus, Document | None]:
    if request.path == "/":
        return HTTPStatus.OK, _versions(request)
    version, path = _versioned(tables, request)
    if tables.settings.authorization:
        _authorize(request)
    if path == ["extensions"]:
        return HTTPStatus.OK, {"extensions": []}
    for route in ROUTES[version] if path[:1] == ["ipam"] else ():
        where = route.match(request.method, path[1:])
        if where is not None:
            return route.status, route.handler(_call(tables, request, where))
    raise TextFault(HTTPStatus.NOT_FOUND, NO_SUCH)


def _versioned(tables: Tables, request: Request) -> tuple[str, Sequence[str]]:
    """Return the version and what of the path is left, or is all if the client accepts one."""
    versions = ["v0.1", "v1.0"] if tables.settings.has_v1_0 else ["v0.1"]
    first, *rest = segments(request)
    accepted = VERSION.search(request.headers.get("accept", ""))
    if first in versions:
        if not rest:
            raise TextFault(HTTPStatus.INTERNAL_SERVER_ERROR, "The router crashed.", charset="")
        return first, rest
    if not accepted:
        raise TextFault(HTTPStatus.NOT_FOUND, NO_SUCH)
    if f"v{accepted[1]}" not in versions:
        raise Fault(HTTPStatus.NOT_ACCEPTABLE, "version not supported")
    return f"v{accepted[1]}", [first, *rest]


def _versions(request: Request) -> Document:
    url = f"http://{request.headers.get('host', '')}/v0.1"
    links = [{"href": url, "rel": "self"}]
    return {"versions": [{"name": "v0.1", "status": "CURRENT", "links": links}]}


def _authorize(request: Request) -> None:
    """Let an administrator do all, and a tenant what is below its own name."""
    roles = request.headers.get("x-role", "").lower().split(",")
    tenant_id = request.headers.get("x-tenant")
    if "admin" not in roles and f"/tenants/{tenant_id}/" not in request.path:
        text = f"User with tenant id {tenant_id} cannot access this resource"
        raise TextFault(HTTPStatus.FORBIDDEN, "Access was denied to this resource.", text)


def _call(tables: Tables, request: Request, where: Mapping[str, str]) -> Call:
    url = f"http://{request.headers.get('host', '')}{request.path}"
    return Call(tables, where, request.query, _body(request), url)


def _body(request: Request) -> Any:
    """Return the parsed body; the original reads XML too, which nobody sends."""
    if not request.body:
        return {}
    if request.content_type != "application/json":
        raise TextFault(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Unsupported Content-Type")
    try:
        return json.loads(request.body)
    except ValueError:
        raise TextFault(HTTPStatus.BAD_REQUEST, "Malformed request body") from None
