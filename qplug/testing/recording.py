"""In-memory drivers that note each call in a shared journal, and fail where they are told to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from threading import RLock
from typing import Any, ClassVar, NamedTuple

from oslo_config.cfg import ConfigOpts

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.testing.memory import MemoryDhcp, MemoryL3, MemoryMac


class Entry(NamedTuple):
    """A call of a driver, noted when it began."""

    kind: str
    method: str
    args: Mapping[str, Any]
    """By name, as far as they were given; without the ``call``."""

    @property
    def step(self) -> str:
        """``dhcp.apply``, say."""
        return f"{self.kind}.{self.method}"


@dataclass
class _Failure:
    error: BaseException
    after: bool
    times: int


class Journal:
    """What the recording drivers that share it were asked, and where they are to fail."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._failures: dict[str, _Failure] = {}
        self._lock = RLock()

    @property
    def steps(self) -> Sequence[str]:
        """The calls in their order, as ``kind.method``."""
        with self._lock:
            return [entry.step for entry in self.entries]

    def of(self, step: str) -> Sequence[Entry]:
        """Return the calls of one step, in their order."""
        _known(step)
        with self._lock:
            return [entry for entry in self.entries if entry.step == step]

    def fail(self, step: str, error: BaseException, *, after: bool = False, times: int = 1) -> None:
        """Let the next calls of a step raise.

        :param after: whether the work is done first, as when only the answer is lost
        """
        _known(step)
        with self._lock:
            self._failures[step] = _Failure(error, after, times)

    def mend(self) -> None:
        """Let everything work again."""
        with self._lock:
            self._failures.clear()

    def clear(self) -> None:
        """Forget the calls so far."""
        with self._lock:
            self.entries.clear()

    def run(self, entry: Entry, work: Callable[[], Any]) -> Any:
        """Note a call, and do its work unless it is to fail before."""
        failure = self._begin(entry)
        if failure and not failure.after:
            raise failure.error
        result = work()
        if failure:
            raise failure.error
        return result

    def _begin(self, entry: Entry) -> _Failure | None:
        with self._lock:
            self.entries.append(entry)
            failure = self._failures.get(entry.step)
            if failure is None or failure.times == 0:
                return None
            failure.times -= 1
            return failure


class Recording:
    """Comes first among the bases of a driver, and has all its contract's methods noted."""

    STEPS: ClassVar[set[str]] = set()
    """Every step that any recording driver can take."""

    def __init__(self, conf: ConfigOpts, journal: Journal) -> None:
        super().__init__(conf)  # type: ignore[call-arg]  # the driver's constructor comes next
        self.journal = journal

    def __init_subclass__(cls, *, kind: str) -> None:
        """Wrap each method that a contract, or an optional one, declares."""
        super().__init_subclass__()
        for name in _promised(cls):
            setattr(cls, name, _noted(kind, name, getattr(cls, name)))
            Recording.STEPS.add(f"{kind}.{name}")


def _promised(driver: type) -> Iterable[str]:
    """Return the methods declared by the abstract ones among a driver's bases."""
    names = {name for base in driver.__mro__ for name in getattr(base, "__abstractmethods__", ())}
    return sorted(name for name in names if callable(getattr(driver, name)))


def _noted(kind: str, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    shape = signature(method)

    @wraps(method)
    def noted(self: Recording, *args: Any, **kwargs: Any) -> Any:
        _, _, *given = shape.bind(self, *args, **kwargs).arguments.items()
        return self.journal.run(
            Entry(kind, name, dict(given)), lambda: method(self, *args, **kwargs)
        )

    return noted


def _known(step: str) -> None:
    if step not in Recording.STEPS:
        raise ValueError(f"no driver takes a step '{step}'; there are {sorted(Recording.STEPS)}")


# --- the drivers --------------------------------------------------------------------------------


class RecordingIpam(Recording, MemoryIpam, kind="ipam"):
    """:class:`MemoryIpam`, noted."""


class RecordingQuantum(Recording, MemoryQuantum, kind="quantum"):
    """:class:`MemoryQuantum`, noted."""


class RecordingMac(Recording, MemoryMac, kind="mac"):
    """:class:`MemoryMac`, noted."""


class RecordingL3(Recording, MemoryL3, kind="l3"):
    """:class:`MemoryL3`, noted."""


class RecordingDhcp(Recording, MemoryDhcp, kind="dhcp"):
    """:class:`MemoryDhcp`, noted."""
