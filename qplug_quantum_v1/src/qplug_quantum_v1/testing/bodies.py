"""What a body says, by the rules of the server's age."""

import json
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from qplug.http.server import Request
from qplug_quantum_v1.testing.faults import Unreadable, bad
from qplug_quantum_v1.testing.formats import wants_xml
from qplug_quantum_v1.testing.settings import Settings


def read(
    request: Request,
    settings: Settings,
    root: str,
    *,
    parameter: str,
    required: bool = False,
    optional_body: bool = False,
) -> str | None:
    """Return a parameter out of what the body has under the root; ``None`` if it is not there.

    :raises Unreadable: there is no making sense of the body
    :raises qplug_quantum_v1.testing.faults.Fault: it lacks what is required
    """
    if settings.diablo:
        return _of_diablo(request, root, parameter, required=required)
    if not request.body:
        if optional_body:
            return None
        raise Unreadable
    document = _parsed(request)
    if document is None:
        raise Unreadable("Malformed request body")
    if not isinstance(document, dict):
        raise Unreadable
    if not isinstance(document.get(root), dict):
        raise bad(f"Unable to find '{root}' in request body")
    return _parameter(document[root], parameter, required=required)


def _of_diablo(request: Request, root: str, parameter: str, *, required: bool) -> str | None:
    if not request.body:
        return _parameter({}, parameter, required=required)
    document = _parsed(request)
    if document is None:
        raise bad("Could not deserialize data")
    found = document.get(root) if isinstance(document, dict) else None
    if not isinstance(found, dict) or not found:
        raise bad(f"Failed to parse request. Resource: {root} not found in request body")
    return _parameter(found, parameter, required=required)


def _parameter(found: Mapping[str, Any], name: str, *, required: bool) -> str | None:
    value = found.get(name)
    if value is None:
        if required:
            raise bad(f"Failed to parse request. Parameter: {name} not specified")
        return None
    return str(value)


def _parsed(request: Request) -> Any:
    """Return the document, of whatever format; ``None`` if it has none."""
    try:
        if wants_xml(request):
            element = ElementTree.fromstring(request.body)  # noqa: S314 - a test sent it
            return {element.tag.rpartition("}")[2]: dict(element.attrib)}
        return json.loads(request.body)
    except (ValueError, ElementTree.ParseError):
        return None
