"""The interfaces of an instance; v1.0 has them nowhere else, and makes their ids."""

from http import HTTPStatus

from qplug_ipam_melange.testing.faults import not_found
from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.resources import views
from qplug_ipam_melange.testing.routing import Call, no_such_action, route
from qplug_ipam_melange.testing.state import interfaces

INTERFACES = "instances/{device}/interfaces"


def _list(call: Call) -> Document:
    found = interfaces.of_device(call.tables, call.where["device"])
    return {"instance": {"interfaces": [views.interface(interface) for interface in found]}}


def _replace(call: Call) -> Document:
    """Delete what the instance has, then make what it wants; an error in between stays so."""
    _delete(call)
    instance = call.wanted("instance")
    common = {"tenant_id": instance.get("tenant_id"), "device_id": call.where["device"]}
    made = [
        interfaces.create(call.tables, common | {"network": None} | wanted)
        for wanted in instance.get("interfaces", ())
    ]
    return {"instance": {"interfaces": [views.interface(interface) for interface in made]}}


def _delete(call: Call) -> None:
    for interface in interfaces.of_device(call.tables, call.where["device"]):
        interfaces.delete(call.tables, interface)


def _create(call: Call) -> Document:
    wanted = call.wanted("interface")
    if "id" in wanted:
        raise TypeError("create_and_configure() got an unexpected keyword argument 'id'")
    made = interfaces.create(call.tables, {"device_id": call.where["device"]} | dict(wanted))
    return {"interface": views.interface(made)}


def _show(call: Call) -> Document:
    tenant_id = call.where.get("tenant")
    for interface in interfaces.of_device(call.tables, call.where["device"]):
        if interface.id == call.where["id"] and tenant_id in (None, interface.tenant_id):
            return {"interface": views.interface(interface)}
    raise not_found("Interface Not Found")


ROUTES = [
    route("GET", INTERFACES, _list),
    route("PUT", INTERFACES, _replace),
    route("DELETE", INTERFACES, _delete),
]
OF_V1_0 = [
    route("POST", INTERFACES, _create, HTTPStatus.OK),
    route("GET", f"{INTERFACES}/{{id}}", _show),
    route("DELETE", f"{INTERFACES}/{{id}}", no_such_action),
    route("GET", f"tenants/{{tenant}}/{INTERFACES}/{{id}}", _show),
]
