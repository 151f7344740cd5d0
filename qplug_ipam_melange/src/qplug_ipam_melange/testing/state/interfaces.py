"""Interfaces: made with what they need, and deleted with what they have."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from qplug_ipam_melange.testing.faults import Errors, raise_invalid
from qplug_ipam_melange.testing.state import addresses, macs, networks
from qplug_ipam_melange.testing.state.records import Interface
from qplug_ipam_melange.testing.state.tables import Tables

KNOWN = {"id", "tenant_id", "device_id", "mac_address", "network"}


def create(tables: Tables, wanted: Mapping[str, Any]) -> Interface:
    """Make an interface, with a MAC if there is any, and with addresses if it names a network.

    What fails after the first step leaves the interface behind, as the original does.
    """
    for name in wanted.keys() - KNOWN:
        raise TypeError(f"create_and_configure() got an unexpected keyword argument '{name}'")
    interface = _create(tables, wanted)
    macs.give(tables, interface, wanted.get("mac_address"))
    network = wanted.get("network")
    if network:
        found = networks.blocks_to_allocate(tables, network["id"], network["tenant_id"])
        networks.allocate(tables, found, interface, network.get("addresses"))
    return interface


def find_or_create(
    tables: Tables, vif_id: str | None, tenant_id: str | None, wanted: Mapping[str, Any]
) -> Interface:
    """Return the tenant's interface with that id, or make it with the MAC and device wanted.

    Without an id, it is any interface of the tenant that has none of the caller's making.
    """
    for found in _called(tables, vif_id):
        if found.tenant_id == tenant_id:
            return found
    device_id, mac = wanted.get("used_by_device"), wanted.get("mac_address")
    return create(
        tables,
        {"id": vif_id, "tenant_id": tenant_id, "device_id": device_id, "mac_address": mac},
    )


def delete(tables: Tables, interface: Interface) -> None:
    """Forget an interface: its MAC is free, its addresses are in quarantine."""
    macs.take_back(tables, interface)
    for address in list(interface.addresses.values()):
        addresses.deallocate(tables, address)
    del tables.interfaces[interface.id]
    tables.vifs.pop(interface.vif_id or "", None)


def of_device(tables: Tables, device_id: str) -> list[Interface]:
    """Return the interfaces of a device."""
    return [i for i in tables.interfaces.values() if i.device_id == device_id]


def _create(tables: Tables, wanted: Mapping[str, Any]) -> Interface:
    errors: Errors = defaultdict(list)
    vif_id, tenant_id = _text(wanted.get("id")), _text(wanted.get("tenant_id"))
    if not tenant_id:
        errors["tenant_id"].append("tenant_id should be present")
    if vif_id in tables.vifs:
        errors["virtual_interface_id"].append(f"Virtual Interface {vif_id} already exists")
    raise_invalid(errors)
    interface = Interface(
        created_at=tables.now(),
        tenant_id=tenant_id or "",
        vif_id=vif_id,
        device_id=_text(wanted.get("device_id")),
    )
    tables.interfaces[interface.id] = interface
    if vif_id:
        tables.vifs[vif_id] = interface
    return interface


def _called(tables: Tables, vif_id: str | None) -> list[Interface]:
    if vif_id is None:
        return [i for i in tables.interfaces.values() if i.vif_id is None]
    return [tables.vifs[vif_id]] if vif_id in tables.vifs else []


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
