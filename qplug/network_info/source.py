"""Reading JSON that somebody else may have written: a value of ours, or an Invalid error."""

from collections.abc import Callable, Mapping
from functools import partial
from reprlib import repr as shortened
from typing import Any, TypeVar

from netaddr import EUI, AddrFormatError, IPAddress, IPNetwork

from qplug.errors import InvalidInput, InvalidIpAddressError
from qplug.model import mac_address

T = TypeVar("T")


class Source:
    """A JSON object whose values are taken one by one; the rest is meta.

    A key that is absent counts as null, as an absent list counts as empty.
    """

    def __init__(self, kind: str, data: object) -> None:
        self._kind = kind
        self._left = dict(json_object(kind, data))

    def take(self, key: str, read: Callable[[object], T]) -> T:
        """Take what must be there."""
        return read(self._left.pop(key, None))

    def maybe(self, key: str, read: Callable[[object], T]) -> T | None:
        """Take what may be null."""
        value = self._left.pop(key, None)
        return None if value is None else read(value)

    def each(self, key: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """Take a list."""
        values = self.maybe(key, partial(json_array, f"{self._kind} {key}"))
        return tuple(read(value) for value in values or ())

    def text(self, key: str) -> str:
        """Take text that must be there."""
        return self.take(key, partial(json_text, f"{self._kind} {key}"))

    def maybe_text(self, key: str) -> str | None:
        """Take text that may be null."""
        return self.maybe(key, partial(json_text, f"{self._kind} {key}"))

    def rest(self) -> Mapping[str, Any]:
        """Return what nobody took, meta included."""
        return self._left

    def meta(self) -> Mapping[str, Any]:
        """Return the meta object, with the keys that nobody took merged into it."""
        meta = self.maybe("meta", partial(json_object, f"{self._kind} meta"))
        return {**(meta or {}), **self._left}


def json_object(what: str, value: object) -> Mapping[str, Any]:
    """Return the value if it is a JSON object."""
    if isinstance(value, Mapping):
        return value
    raise InvalidInput(what, shown(value), "a JSON object")


def json_array(what: str, value: object) -> list[Any] | tuple[Any, ...]:
    """Return the value if it is a JSON array."""
    if isinstance(value, list | tuple):
        return value
    raise InvalidInput(what, shown(value), "a JSON array")


def json_text(what: str, value: object) -> str:
    """Return the value if it is text."""
    if isinstance(value, str):
        return value
    raise InvalidInput(what, shown(value), "text")


def ip_address(value: object) -> IPAddress:
    """Return the address that the text says."""
    try:
        return IPAddress(_text(value))
    except (AddrFormatError, ValueError) as error:
        raise InvalidIpAddressError(shown(value)) from error


def ip_network(value: object) -> IPNetwork:
    """Return the cidr that the text says."""
    try:
        return IPNetwork(_text(value))
    except (AddrFormatError, ValueError) as error:
        raise InvalidInput("cidr", shown(value), "one like 10.0.0.0/24") from error


def mac(value: object) -> EUI:
    """Return the MAC address that the text says."""
    try:
        return mac_address(_text(value))
    except (AddrFormatError, ValueError) as error:
        wanted = "one like fa:16:3e:12:34:56"
        raise InvalidInput("MAC address", shown(value), wanted) from error


def ip_version(value: object) -> int:
    """Return the IP version."""
    if isinstance(value, int) and value in (4, 6):
        return value
    raise InvalidInput("IP version", shown(value), "4 or 6")


def shown(value: object) -> str:
    """Return how an error shows the value."""
    return value[:80] if isinstance(value, str) else shortened(value)


def _text(value: object) -> str:
    """Return the value if it is text; netaddr would take 10 for 0.0.0.10."""
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is no text")
