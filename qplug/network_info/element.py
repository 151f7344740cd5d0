"""What all parts of network info have in common: meta, and a form in JSON's types."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from netaddr import EUI, IPAddress, IPNetwork

from qplug.model import mac_address

JsonObject = dict[str, Any]
E = TypeVar("E", bound="Element")


@dataclass(frozen=True, kw_only=True, eq=False)
class Element:
    """A JSON object with fixed keys, and a ``meta`` object for everything else."""

    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        settle(self, meta=dict(self.meta))  # never shared with who gave it

    def get_meta(self, key: str, default: Any = None) -> Any:
        """Return what meta says under the key."""
        return self.meta.get(key, default)

    def to_dict(self) -> JsonObject:
        """Return the element in JSON's types; ``from_dict`` of that is the element again."""
        own = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "meta"}
        return own | {"meta": dict(self.meta)}


def settle(element: Element, **values: object) -> None:
    """Set attributes of a frozen element while it is made."""
    for name, value in values.items():
        object.__setattr__(element, name, value)


def added(there: tuple[E, ...], new: E) -> tuple[E, ...]:
    """Return the elements with the new one last, unless an equal one is among them."""
    return there if new in there else (*there, new)


def plain(value: object) -> Any:
    """Return the value in JSON's types."""
    match value:
        case Element():
            return value.to_dict()
        case tuple():
            return [plain(one) for one in value]
        case EUI():
            return str(mac_address(value))
        case IPAddress() | IPNetwork():
            return str(value)
        case _:
            return value
