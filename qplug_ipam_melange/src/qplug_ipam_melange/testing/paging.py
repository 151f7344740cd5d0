"""Lists come in pages, in the order of their random ids."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.routing import Call
from qplug_ipam_melange.testing.state.records import Record

PAGE = 200

R = TypeVar("R", bound=Record)


def page(call: Call, name: str, records: Iterable[R], view: Callable[[R], Document]) -> Document:
    """Return the page that the query asks for, with a link to the next if there is one."""
    limit = int(call.query.get("limit", PAGE))
    if limit < 1:
        raise IndexError("list index out of range")
    after = call.query.get("marker", "")
    left = sorted((r for r in records if r.id > after), key=lambda record: record.id)
    document: dict[str, Any] = {}
    if len(left) > limit:
        href = f"{call.url}?{urlencode({'marker': left[limit - 1].id} | _others(call))}"
        document[f"{name}_links"] = [{"rel": "next", "href": href}]
    return document | {name: [view(record) for record in left[:limit]]}


def _others(call: Call) -> dict[str, str]:
    return {name: value for name, value in call.query.items() if name != "marker"}
