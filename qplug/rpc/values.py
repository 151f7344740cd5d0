"""What operations take and give, as JSON and back.

The types in the manager's signatures say what is expected, and nothing else is made of a message:
no class is looked up by a name that came over the bus.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any, cast, get_args, get_origin

from cattrs import Converter
from netaddr import EUI, IPAddress, IPNetwork, IPRange

from qplug.model import mac_address
from qplug.network_info import NetworkInfo

Json = Any
"""What ``json`` reads and writes."""


def _converter() -> Converter:
    found = Converter()
    texts: dict[type, Callable[[str], Any]] = {
        IPAddress: IPAddress,
        IPNetwork: IPNetwork,
        EUI: mac_address,
        IPRange: _ip_range,
        datetime: datetime.fromisoformat,
    }
    for kind, parse in texts.items():
        found.register_structure_hook(kind, _reading(parse))
        found.register_unstructure_hook(kind, str)
    found.register_unstructure_hook(datetime, datetime.isoformat)
    found.register_structure_hook_func(
        lambda kind: cast("object", get_origin(kind)) is Collection,
        lambda array, kind: tuple(_array(array, get_args(kind)[0])),
    )
    for kind in (str, int, float, bool):
        found.register_structure_hook(kind, _plain)
    found.register_structure_hook(NetworkInfo, lambda array, _: NetworkInfo.hydrate(array))
    found.register_unstructure_hook(NetworkInfo, NetworkInfo.to_list)
    return found


def _reading(parse: Callable[[str], Any]) -> Callable[[Json, Any], Any]:
    return lambda text, _: parse(_text(text))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _array(value: Json, kind: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no array")
    return (decoded(each, kind) for each in value)


def _ip_range(text: str) -> IPRange:
    first, _, last = text.partition("-")
    return IPRange(first, last)


def _plain(value: Json, kind: type) -> Any:
    """Return a value that is already of its type: ``int("5")`` would hide a mistake."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


_CONVERTER = _converter()


def encoded(value: Any, kind: Any = None) -> Json:
    """Return a value as JSON.

    :param kind: the type by which it will be read
    """
    return _CONVERTER.unstructure(value, unstructure_as=None if kind in (None, Any) else kind)


def decoded(value: Json, kind: Any) -> Any:
    """Return a value of a type from JSON.

    :raises Exception: it is none; cattrs raises groups of whatever its parts raised
    """
    return None if kind in (None, type(None)) else _CONVERTER.structure(value, kind)


def row_kind(kind: Any) -> Any:
    """Return the type of an iterator's rows; ``None`` if the type is no iterator."""
    return get_args(kind)[0] if get_origin(kind) is Iterator else None
