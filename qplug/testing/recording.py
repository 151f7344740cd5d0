"""What drivers were asked, noted in a journal by which they can be made to fail.

``watched(MemoryIpam(conf), "ipam", journal.run)`` is a driver whose calls are noted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any

from qplug.builtin.memory_ipam import MemoryIpam
from qplug.builtin.memory_quantum import MemoryQuantum
from qplug.testing.memory import MemoryDhcp, MemoryL3, MemoryMac
from qplug.testing.watching import DriverCall, promised

IN_MEMORY: Mapping[str, type[Any]] = {
    "ipam": MemoryIpam,
    "quantum": MemoryQuantum,
    "mac": MemoryMac,
    "l3": MemoryL3,
    "dhcp": MemoryDhcp,
}
"""A driver of each kind that keeps every optional contract."""

STEPS = frozenset(f"{kind}.{name}" for kind, made in IN_MEMORY.items() for name in promised(made))
"""Every step that a driver can take."""


@dataclass
class _Failure:
    error: BaseException
    after: bool
    times: int


class Journal:
    """What the drivers that share it were asked, and where they are to fail."""

    def __init__(self) -> None:
        self.entries: list[DriverCall] = []
        self._failures: dict[str, _Failure] = {}
        self._lock = RLock()

    @property
    def steps(self) -> Sequence[str]:
        """The calls in their order, as ``kind.method``."""
        with self._lock:
            return [entry.step for entry in self.entries]

    def of(self, step: str) -> Sequence[DriverCall]:
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

    def run(self, made: DriverCall, work: Callable[[], Any]) -> Any:
        """Note a call, and do its work unless it is to fail before."""
        failure = None if made.reading else self._begin(made)
        if failure and not failure.after:
            raise failure.error
        result = work()
        if failure:
            raise failure.error
        return result

    def _begin(self, entry: DriverCall) -> _Failure | None:
        with self._lock:
            self.entries.append(entry)
            failure = self._failures.get(entry.step)
            if failure is None or failure.times == 0:
                return None
            failure.times -= 1
            return failure


def _known(step: str) -> None:
    if step not in STEPS:
        raise ValueError(f"no driver takes a step '{step}'; there are {sorted(STEPS)}")
