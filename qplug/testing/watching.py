"""Any driver, with somebody who is told of each call and does with it what he likes.

``watched(MyIpam(conf), "ipam", watcher)`` is the driver as it was, with its attributes and optional
contracts, but each method that a contract declares goes through ``watcher(driver_call, work)``. It
returns ``work()``, or raises in its place, before or after it, or waits, or ends the process.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, TypeVar, cast

from qplug.contracts import Driver

D = TypeVar("D", bound=Driver)


@dataclass(frozen=True)
class DriverCall:
    """A call of a driver, or the reading of what it answered."""

    kind: str
    method: str
    args: Mapping[str, Any]
    """By name, as far as they were given; without the ``call``."""
    deadline: float
    """When the call's time is over, by :func:`time.monotonic`."""
    reading: bool = False
    """Whether an iterator that the method returned is asked for its next item."""

    @property
    def step(self) -> str:
        """``dhcp.apply``, say."""
        return f"{self.kind}.{self.method}"


Watcher = Callable[[DriverCall, Callable[[], Any]], Any]
"""Is told of a call before it is made, makes it, and returns its answer."""


def watched(driver: D, kind: str, watcher: Watcher) -> D:
    """Return the driver with all calls of its contract, and of optional ones, going by a watcher.

    What the driver calls of itself is not seen. Where a method returns an iterator, each further
    item is a call of its own, as drivers may ask their backend for the next page then.
    """
    return cast("D", _Watched(_Watch(driver, kind, watcher)))


def promised(driver: type) -> frozenset[str]:
    """Return the methods that the contracts of a driver's class declare."""
    names = {name for base in driver.__mro__ for name in getattr(base, "__abstractmethods__", ())}
    return frozenset(name for name in names if callable(getattr(driver, name)))


class _Watch:
    """Has the calls of a driver go by a watcher."""

    def __init__(self, driver: Driver, kind: str, watcher: Watcher) -> None:
        self.driver = driver
        self.methods = promised(type(driver))
        self._kind = kind
        self._watcher = watcher

    def seen(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that the watcher is told of."""
        shape = signature(getattr(type(self.driver), name))

        def seen(*args: Any, **kwargs: Any) -> Any:
            _, (_, call), *given = shape.bind(self.driver, *args, **kwargs).arguments.items()
            made = DriverCall(self._kind, name, dict(given), call.deadline)
            answer = self._watcher(made, lambda: method(*args, **kwargs))
            return self._read(made, answer) if isinstance(answer, Iterator) else answer

        return seen

    def _read(self, made: DriverCall, answer: Iterator[Any]) -> Iterator[Any]:
        reading, end = replace(made, reading=True), object()
        while (item := self._watcher(reading, lambda: next(answer, end))) is not end:
            yield item


class _Watched:
    """Stands before a driver and says that it is of its class."""

    def __init__(self, watch: _Watch) -> None:
        self.__dict__["_watch"] = watch

    @property  # type: ignore[misc]  # what isinstance() asks besides type()
    def __class__(self) -> type:
        return type(self._watch.driver)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._watch.driver, name)
        return self._watch.seen(name, found) if name in self._watch.methods else found

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._watch.driver, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._watch.driver, name)
