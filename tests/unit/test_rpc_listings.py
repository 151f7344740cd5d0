"""Listings that are read page by page: how many may be open."""

from collections.abc import Iterator

import pytest

from qplug.errors import ServiceUnavailable
from qplug.rpc import listings
from qplug.rpc.listings import Listing, Listings


def of(count: int) -> Listing:
    def rows() -> Iterator[int]:
        yield from range(count)

    return Listing(rows(), int, "owner", [])


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "PAGE", 2)
    monkeypatch.setattr(listings, "AT_MOST", 2)


def test_no_more_listings_are_open_than_are_allowed() -> None:
    found = Listings("host-1")
    first = found.first(of(5))
    found.first(of(5))
    with pytest.raises(ServiceUnavailable, match="2 listings are read already"):
        found.first(of(5))
    assert found.first(of(1))["more"] is None  # which needs no place
    found.close(first["more"]["listing"], "owner")
    assert found.first(of(5))["more"] is not None


def test_one_that_has_ended_is_in_nobodys_way_and_can_be_asked_again() -> None:
    found = Listings("host-1")
    ended = found.first(of(3))["more"]
    last = found.next(ended["listing"], ended["page"], "owner")
    assert last["more"] is None
    found.first(of(5))
    found.first(of(5))
    assert found.next(ended["listing"], ended["page"], "owner") == last
    with pytest.raises(ServiceUnavailable):
        found.first(of(5))
