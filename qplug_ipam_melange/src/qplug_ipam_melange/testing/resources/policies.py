"""Policies and their parts."""

from collections.abc import Mapping
from typing import Any

from qplug_ipam_melange.testing.faults import Errors, raise_invalid
from qplug_ipam_melange.testing.messages import Document
from qplug_ipam_melange.testing.paging import page
from qplug_ipam_melange.testing.resources import views
from qplug_ipam_melange.testing.routing import Call, route
from qplug_ipam_melange.testing.state import policies
from qplug_ipam_melange.testing.state.records import IpOctet, IpRange, Policy
from qplug_ipam_melange.testing.state.tables import find

POLICIES = "tenants/{tenant}/policies"
POLICY = f"{POLICIES}/{{policy}}"
RANGES = f"{POLICY}/unusable_ip_ranges"
OCTETS = f"{POLICY}/unusable_ip_octets"


def _policy_of(call: Call) -> Policy:
    return call.tables.policy(call.where["tenant"], call.where["policy"])


def _list(call: Call) -> Document:
    found = [p for p in call.tables.policies.values() if p.tenant_id == call.where["tenant"]]
    return page(call, "policies", found, views.policy)


def _create(call: Call) -> Document:
    wanted = call.wanted("policy")
    _check_name(wanted.get("name"))
    made = Policy(
        created_at=call.tables.now(),
        tenant_id=call.where["tenant"],
        name=wanted["name"],
        description=wanted.get("description"),
    )
    call.tables.policies[made.id] = made
    return {"policy": views.policy(made)}


def _show(call: Call) -> Document:
    return {"policy": views.policy(_policy_of(call))}


def _update(call: Call) -> Document:
    policy, wanted = _policy_of(call), call.wanted("policy")
    _check_name(wanted.get("name", policy.name))
    policy.name = wanted.get("name", policy.name)
    policy.description = wanted.get("description", policy.description)
    policy.updated_at = call.tables.now()
    return {"policy": views.policy(policy)}


def _check_name(name: Any) -> None:
    if not name:
        raise_invalid({"name": ["name should be present"]})


def _delete(call: Call) -> None:
    policies.delete(call.tables, _policy_of(call).id)


def _list_ranges(call: Call) -> Document:
    return page(call, "ip_ranges", _policy_of(call).ip_ranges.values(), views.ip_range)


def _create_range(call: Call) -> Document:
    policy, wanted = _policy_of(call), call.wanted("ip_range")
    _check_range(wanted)
    offset, length = int(wanted["offset"]), int(wanted["length"])
    now = call.tables.now()
    made = IpRange(created_at=now, policy_id=policy.id, offset=offset, length=length)
    policy.ip_ranges[made.id] = made
    return {"ip_range": views.ip_range(made)}


def _check_range(wanted: Mapping[str, Any]) -> None:
    _check_integers(wanted, "offset", "length")
    if int(wanted["length"]) < 0:
        raise_invalid({"length": ["length should be a positive integer"]})


def _check_integers(wanted: Mapping[str, Any], *names: str) -> None:
    errors: Errors = {}
    for name in names:
        try:
            int(wanted[name])
        except (KeyError, TypeError, ValueError):
            errors[name] = [f"{name} should be of type integer"]
    raise_invalid(errors)


def _range_of(call: Call) -> IpRange:
    return find(_policy_of(call).ip_ranges, call.where["range"], "IpRange")


def _show_range(call: Call) -> Document:
    return {"ip_range": views.ip_range(_range_of(call))}


def _update_range(call: Call) -> Document:
    ip_range = _range_of(call)
    wanted = {"offset": ip_range.offset, "length": ip_range.length}
    wanted |= dict(call.wanted("ip_range"))
    _check_range(wanted)
    ip_range.offset, ip_range.length = int(wanted["offset"]), int(wanted["length"])
    ip_range.updated_at = call.tables.now()
    return {"ip_range": views.ip_range(ip_range)}


def _delete_range(call: Call) -> None:
    del _policy_of(call).ip_ranges[_range_of(call).id]


def _list_octets(call: Call) -> Document:
    return page(call, "ip_octets", _policy_of(call).ip_octets.values(), views.ip_octet)


def _create_octet(call: Call) -> Document:
    policy, wanted = _policy_of(call), call.wanted("ip_octet")
    _check_integers(wanted, "octet")
    octet = int(wanted["octet"])
    made = IpOctet(created_at=call.tables.now(), policy_id=policy.id, octet=octet)
    policy.ip_octets[made.id] = made
    return {"ip_octet": views.ip_octet(made)}


def _octet_of(call: Call) -> IpOctet:
    return find(_policy_of(call).ip_octets, call.where["octet"], "IpOctet")


def _show_octet(call: Call) -> Document:
    return {"ip_octet": views.ip_octet(_octet_of(call))}


def _update_octet(call: Call) -> Document:
    octet = _octet_of(call)
    wanted = {"octet": octet.octet} | dict(call.wanted("ip_octet"))
    _check_integers(wanted, "octet")
    octet.octet = int(wanted["octet"])
    octet.updated_at = call.tables.now()
    return {"ip_octet": views.ip_octet(octet)}


def _delete_octet(call: Call) -> None:
    del _policy_of(call).ip_octets[_octet_of(call).id]


ROUTES = [
    route("GET", POLICIES, _list),
    route("POST", POLICIES, _create),
    route("GET", POLICY, _show),
    route("PUT", POLICY, _update),
    route("DELETE", POLICY, _delete),
    route("GET", RANGES, _list_ranges),
    route("POST", RANGES, _create_range),
    route("GET", f"{RANGES}/{{range}}", _show_range),
    route("PUT", f"{RANGES}/{{range}}", _update_range),
    route("DELETE", f"{RANGES}/{{range}}", _delete_range),
    route("GET", OCTETS, _list_octets),
    route("POST", OCTETS, _create_octet),
    route("GET", f"{OCTETS}/{{octet}}", _show_octet),
    route("PUT", f"{OCTETS}/{{octet}}", _update_octet),
    route("DELETE", f"{OCTETS}/{{octet}}", _delete_octet),
]
