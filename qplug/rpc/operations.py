"""The operations that go over the bus: all public ones of the manager, as their signatures say."""

import json
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, Signature, getmembers, isfunction, signature
from typing import Any

from qplug.manager import Manager
from qplug.rpc.values import Json, decoded, encoded, row_kind

VERSION = (1, 0)
"""Of the messages: the first number changes with what the other side cannot understand, the second
with each operation or argument more."""

READING = frozenset(
    {
        "get_all_networks",
        "get_network",
        "validate_networks",
        "get_network_usage",
        "get_instance_nw_info",
        "get_all_instances",
        "get_instance_uuids_by_ip_filter",
        "get_vifs_by_instance",
        "get_vif_by_mac_address",
        "get_fixed_ip",
        "get_fixed_ip_by_address",
        "get_all_fixed_ips",
        "get_dhcp_hosts",
        "get_dhcp_domain",
        "get_dhcp_leases",
        "get_pending",
        "get_services",
    }
)
"""What may be done again at any time; of all other operations the result is kept."""

AT_HOME = frozenset({"init_host", "sweep_host", "plug_vif", "unplug_vif"})
"""What is about the host of whoever asks, and done by the service there."""


@dataclass(frozen=True)
class Operation:
    """A method of the manager, without its context."""

    name: str
    signature: Signature
    kinds: Mapping[str, Any]
    """The types of its parameters, and of ``return``."""

    @property
    def rows(self) -> Any:
        """The type of what it yields; ``None`` if it is no iterator."""
        return row_kind(self.kinds["return"])

    @property
    def is_kept(self) -> bool:
        """Whether its result is kept, so that it is not done twice."""
        return self.name not in READING and self.rows is None

    @property
    def watchers(self) -> Mapping[str, Any]:
        """The functions it may be given, by name, each with the type of its one argument."""
        return {
            name: typing.get_args(kind)[0][0]
            for name, kind in self.kinds.items()
            if typing.get_origin(kind) is Callable
        }

    def encoded(self, *args: Any, **kwargs: Any) -> tuple[dict[str, Json], dict[str, Any]]:
        """Return the arguments as JSON, by name, and the functions among them.

        :raises TypeError: they do not fit the method
        """
        bound = self.signature.bind(*args, **kwargs).arguments
        called = {name: bound.pop(name) for name in self.watchers if name in bound}
        given: dict[str, Json] = {}
        for name, value in bound.items():
            if self._is_open(name):
                given |= {each: encoded(one) for each, one in value.items()}
            else:
                given[name] = encoded(value, self.kinds[name])
        return given, called

    def decoded(self, given: Mapping[str, Json]) -> dict[str, Any]:
        """Return the arguments of JSON.

        :raises Exception: they are not what the method takes
        """
        found: dict[str, Any] = {}
        rest: dict[str, Json] = {}
        for name, value in given.items():
            if name in self.signature.parameters and name not in self.watchers:
                found[name] = decoded(value, self.kinds[name])
            else:
                rest[name] = value
        for name in self.signature.parameters:
            if rest and self._is_open(name):
                found |= self._open(name, rest)
                rest = {}
        if rest:
            raise TypeError(f"it takes no {', '.join(sorted(rest))}")
        return found

    def _is_open(self, name: str) -> bool:
        """Say whether a parameter takes further keywords, as a ``TypedDict`` lists them."""
        return self.signature.parameters[name].kind is Parameter.VAR_KEYWORD

    def _open(self, name: str, rest: Mapping[str, Json]) -> dict[str, Any]:
        known = typing.get_type_hints(typing.get_args(self.kinds[name])[0])
        # What is no such keyword is the manager's to refuse, in its own words.
        return {
            name: decoded(value, known[name]) if name in known else value
            for name, value in rest.items()
        }


@cache
def operations() -> Mapping[str, Operation]:
    """Return all of them by name."""
    return {name: _operation(name, method) for name, method in _methods()}


def _methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, method in getmembers(Manager, isfunction):
        if not name.startswith("_") and list(signature(method).parameters)[1:2] == ["context"]:
            yield name, method


def _operation(name: str, method: Callable[..., Any]) -> Operation:
    _, _, *parameters = signature(method).parameters.values()
    kinds = typing.get_type_hints(method)
    del kinds["context"]
    return Operation(name, Signature(parameters), kinds)


def as_text(value: Json) -> str:
    """Return JSON in one spelling, of which a digest can be made."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
