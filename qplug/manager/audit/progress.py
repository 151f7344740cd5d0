"""How far an audit has come."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

STEP = 1000
"""Rows between two words about progress."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How many rows were read of what is looked at just now."""

    looking_at: str
    rows: int
    total: int | None
    """How many there may be; ``None`` if nobody knows."""


Watch = Callable[[Progress], object]


class Count:
    """Counts the rows of several listings together, and tells who watches."""

    def __init__(self, watch: Watch, looking_at: str, total: int | None = None) -> None:
        self._watch = watch
        self._looking_at = looking_at
        self._total = total
        self._rows = 0
        self._tell()

    def of(self, rows: Iterable[T]) -> Iterator[T]:
        """Yield the same rows."""
        for row in rows:
            self._rows += 1
            if self._rows % STEP == 0:
                self._tell()
            yield row

    def _tell(self) -> None:
        # A second look takes longer than was expected.
        total = None if self._total is None else max(self._total, self._rows)
        self._watch(Progress(looking_at=self._looking_at, rows=self._rows, total=total))
