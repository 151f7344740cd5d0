"""Finding where two long listings differ, whatever their order, in memory that does not grow.

The first look adds the hash of each row of one listing to a tally, of which there are a fixed
number, and subtracts that of each row of the other. Only the rows of tallies that are not zero
then are kept in a second look, which thereby is a second observation too.
"""

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

Listing = Callable[[], Iterable[K]]
"""Begins to list anew."""

TALLIES = 1 << 16

KEPT = 40_000
"""How many rows are kept at once; the second look is repeated where more may differ."""

_BITS = (1 << 64) - 1


@dataclass(frozen=True)
class Apart(Generic[K]):
    """Rows that only one of the listings has, in no order."""

    left: Sequence[K]
    right: Sequence[K]


def differing(
    left: Listing[K], right: Listing[K], place: Callable[[K], Hashable], kept: int = KEPT
) -> Iterator[Apart[K]]:
    """Yield all rows that only one listing has, a part at a time.

    Where they are equal each is read once; a row that is listed twice counts as one.

    :param place: rows for which it is the same come together, in one part
    """
    first = _Tallies()
    for row in left():
        first.count(hash(place(row)), hash(row))
    for row in right():
        first.count(hash(place(row)), -hash(row))
    for suspects in first.suspects(kept):
        yield _apart(left, right, place, suspects)


class _Tallies:
    def __init__(self) -> None:
        self._sums = array("Q", bytes(8 * TALLIES))
        self._rows = array("Q", bytes(8 * TALLIES))

    def count(self, place: int, value: int) -> None:
        number = place % TALLIES
        self._sums[number] = (self._sums[number] + value) & _BITS
        self._rows[number] += 1

    def suspects(self, limit: int) -> Iterator[bytearray]:
        """Yield flags of tallies that are not zero, of so many at once as have ``limit`` rows."""
        flags, rows = bytearray(TALLIES), 0
        for number, total in enumerate(self._sums):
            if not total:
                continue
            if rows and rows + self._rows[number] > limit:
                yield flags
                flags, rows = bytearray(TALLIES), 0
            flags[number] = 1
            rows += self._rows[number]
        if rows:
            yield flags


def _apart(
    left: Listing[K], right: Listing[K], place: Callable[[K], Hashable], suspects: bytearray
) -> Apart[K]:
    ours = {row for row in left() if suspects[hash(place(row)) % TALLIES]}
    both, theirs = set(), []
    for row in right():
        if suspects[hash(place(row)) % TALLIES]:
            if row in ours:
                both.add(row)
            else:
                theirs.append(row)
    return Apart(list(ours - both), list(dict.fromkeys(theirs)))
