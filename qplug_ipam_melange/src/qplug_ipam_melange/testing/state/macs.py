"""MAC addresses: given by hand, or taken from a range."""

from http import HTTPStatus

from netaddr import EUI

from qplug_ipam_melange.testing.faults import Fault, bad
from qplug_ipam_melange.testing.state.records import Interface, Mac, MacRange
from qplug_ipam_melange.testing.state.tables import Tables, find

TRIES = 10


def give(tables: Tables, interface: Interface, wanted: str | None) -> None:
    """Give an interface the MAC that is wanted, else one of a range; none where no range is."""
    if wanted:
        mac = Mac(int(EUI(wanted)), None)
        if mac.value in tables.macs:
            raise bad(
                "Failed to save MacAddress because: UNIQUE constraint failed: mac_addresses.address"
            )
    elif tables.mac_ranges:
        mac = _next(tables)
    else:
        return
    tables.macs.add(mac.value)
    interface.mac = mac


def take_back(tables: Tables, interface: Interface) -> None:
    """Free the MAC of an interface; that fails if the range it is from is gone."""
    if interface.mac is None:
        return
    if interface.mac.mac_range:
        mac_range = find(tables.mac_ranges, interface.mac.mac_range.id, "MacAddressRange")
        mac_range.freed.append(interface.mac.value)
    tables.macs.discard(interface.mac.value)
    interface.mac = None


def _next(tables: Tables) -> Mac:
    for mac_range in tables.mac_ranges.values():
        found = _next_of(tables, mac_range)
        if found is not None:
            return Mac(found, mac_range)
    raise Fault(HTTPStatus.UNPROCESSABLE_ENTITY, "No more mac Addresses")


def _next_of(tables: Tables, mac_range: MacRange) -> int | None:
    """Return a MAC that is free; a range whose counter is at its end gives not even freed ones."""
    first, size = _span(mac_range)
    for _ in range(TRIES):
        if mac_range.given >= size:
            return None
        if mac_range.freed:
            value = mac_range.freed.pop(0)
        else:
            value = first + mac_range.given
            mac_range.given += 1
        if value not in tables.macs:
            return value
    raise Fault(HTTPStatus.CONFLICT, "Cannot allocate mac address at this time")


def _span(mac_range: MacRange) -> tuple[int, int]:
    """Return the first MAC of a range and their number; only now does nonsense show."""
    base, _, prefix = mac_range.cidr.partition("/")
    size = 1 << (48 - int(prefix))
    return int(EUI(base)) // size * size, size
