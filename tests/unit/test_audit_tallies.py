"""The comparison of two listings in whatever order, which is to find every difference."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qplug.manager.audit.tallies import Apart, differing


class Row(NamedTuple):
    """A key with a value."""

    key: str
    value: str


rows = st.lists(st.builds(Row, st.sampled_from("abcdefgh"), st.sampled_from("xyz")), max_size=30)


class Looks:
    """A listing that is counted, and comes in another order each time."""

    def __init__(self, listed: Sequence[Row]) -> None:
        self.times = 0
        self._rows = listed

    def __call__(self) -> Sequence[Row]:
        self.times += 1
        return random.sample(self._rows, len(self._rows))


def apart(left: Looks, right: Looks, kept: int) -> set[tuple[str, Row]]:
    found = []
    for part in differing(left, right, lambda row: row.key, kept):
        found += [("left", row) for row in part.left] + [("right", row) for row in part.right]
    assert len(found) == len(set(found))
    return set(found)


@given(left=rows, right=rows, kept=st.integers(1, 40))
def test_exactly_what_only_one_listing_has_is_found_however_little_is_kept_at_once(
    left: list[Row], right: list[Row], kept: int
) -> None:
    expected = {("left", row) for row in {*left} - {*right}}
    expected |= {("right", row) for row in {*right} - {*left}}
    assert apart(Looks(left), Looks(right), kept) == expected


def test_listings_that_are_equal_are_looked_at_once() -> None:
    same = [Row(str(number), "x") for number in range(1000)]
    left, right = Looks(same), Looks(same)
    assert apart(left, right, 10) == set()
    assert (left.times, right.times) == (1, 1)


@pytest.mark.parametrize(("kept", "looks"), [(1000, 2), (300, 5), (1, 101)])
def test_no_more_is_kept_at_once_than_is_allowed(kept: int, looks: int) -> None:
    listed = [Row(str(number), "x") for number in range(1000)]
    left, right = Looks(listed), Looks([Row(key, "y") for key, _ in listed[:100]] + listed[100:])
    parts = list(differing(left, right, lambda row: row.key, kept))
    assert sum(len(part.left) for part in parts) == 100
    assert left.times <= looks


def test_rows_of_one_place_come_together() -> None:
    left = [Row(str(number), "x") for number in range(100)]
    right = [Row(str(number), "y") for number in range(100)]
    for part in differing(Looks(left), Looks(right), lambda row: row.key, 10):
        assert {row.key for row in part.left} == {row.key for row in part.right}


def test_what_is_put_right_before_the_second_look_is_not_found() -> None:
    listed = [Row("a", "x"), Row("b", "x")]
    answers = iter([listed[:1], listed])
    (found,) = differing(lambda: next(answers), Looks(listed), lambda row: row.key, 10)
    assert found == Apart([], [])
