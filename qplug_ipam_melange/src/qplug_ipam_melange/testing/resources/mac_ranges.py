"""Ranges of MAC addresses, which belong to no tenant."""

from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.resources import views
from qplug_ipam_melange.testing.routing import Call, route
from qplug_ipam_melange.testing.state.records import MacRange
from qplug_ipam_melange.testing.state.tables import find


def _list(call: Call) -> Document:
    found = call.tables.mac_ranges.values()
    return {"mac_address_ranges": [views.mac_range(mac_range) for mac_range in found]}


def _create(call: Call) -> Document:
    cidr = call.wanted("mac_address_range")["cidr"]
    made = MacRange(created_at=call.tables.now(), cidr=cidr)
    call.tables.mac_ranges[made.id] = made
    return {"mac_address_range": views.mac_range(made)}


def _range_of(call: Call) -> MacRange:
    return find(call.tables.mac_ranges, call.where["range"], "MacAddressRange")


def _show(call: Call) -> Document:
    return {"mac_address_range": views.mac_range(_range_of(call))}


def _delete(call: Call) -> None:
    """Forget a range, even one whose MACs are in use."""
    del call.tables.mac_ranges[_range_of(call).id]


ROUTES = [
    route("GET", "mac_address_ranges", _list),
    route("POST", "mac_address_ranges", _create),
    route("GET", "mac_address_ranges/{range}", _show),
    route("DELETE", "mac_address_ranges/{range}", _delete),
]
