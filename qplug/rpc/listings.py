"""Listings that are read page by page, by who asked for them."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import uuid4

from qplug.errors import ServiceUnavailable
from qplug.rpc.values import Json, encoded

PAGE = 500
"""Rows of a page."""

BRIEF = 0.5
"""Seconds after which a page is given as it is, so that who watches sees something."""

IDLE = 300.0
"""Seconds after which a listing is closed that nobody reads."""

AT_MOST = 1000
"""Listings that may be open at once."""


@dataclass
class Listing:
    """Rows that are still to come."""

    rows: Iterator[Any]
    kind: Any
    owner: str
    seen: list[tuple[str, Json]]
    """What watchers are to be told before the next row."""
    used: float = field(default_factory=time.monotonic)
    page: int = 0
    last: Mapping[str, Json] | None = None
    """The page given last, as its reader may ask for it again."""
    turn: Any = field(default_factory=Lock)

    @property
    def has_ended(self) -> bool:
        """Whether all was given, and it is kept only to be asked again."""
        return self.last is not None and self.last["more"] is None


class Listings:
    """The listings that this process has open."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._open: dict[str, Listing] = {}
        self._turn = Lock()

    def first(self, listing: Listing) -> Mapping[str, Json]:
        """Return the first page."""
        self.close_idle()
        key = str(uuid4())
        page = self._page(key, listing)
        if page["more"] is not None:
            with self._turn:
                if sum(not one.has_ended for one in self._open.values()) >= AT_MOST:
                    listing.rows.close()  # type: ignore[attr-defined]  # a generator
                    raise ServiceUnavailable(
                        f"host '{self._host}'", f"{AT_MOST} listings are read already"
                    )
                self._open[key] = listing
        return page

    def next(self, key: str, page: int, owner: str) -> Mapping[str, Json]:
        """Return the page after one, or the same again if it was given before.

        :raises ServiceUnavailable: there is no such listing, or no longer
        """
        with self._turn:
            listing = self._open.get(key)
        if listing is None or listing.owner != owner:
            reason = "the listing was broken off"
            raise ServiceUnavailable(f"host '{self._host}'", reason)
        with listing.turn:
            if page == listing.page - 1 and listing.last is not None:
                return listing.last
            try:
                found = self._page(key, listing)
            except BaseException:
                self.close(key, owner)
                raise
        return found

    def close(self, key: str, owner: str) -> None:
        """Read no further."""
        with self._turn:
            listing = self._open.get(key)
            if listing is None or listing.owner != owner:
                return
            del self._open[key]
        listing.rows.close()  # type: ignore[attr-defined]  # a generator

    def close_idle(self, seconds: float = IDLE) -> None:
        """Close what nobody has read for so long."""
        until = time.monotonic() - seconds
        with self._turn:
            idle = [(key, one.owner) for key, one in self._open.items() if one.used <= until]
        for key, owner in idle:
            self.close(key, owner)

    def _page(self, key: str, listing: Listing) -> Mapping[str, Json]:
        until, ended = time.monotonic() + BRIEF, True
        found: list[tuple[str, Json]] = []
        for row in listing.rows:
            found += listing.seen
            listing.seen.clear()
            found.append(("row", encoded(row, listing.kind)))
            if len(found) >= PAGE or time.monotonic() >= until:
                ended = False
                break
        if ended:
            found += listing.seen
            listing.seen.clear()
        listing.page += 1
        listing.used = time.monotonic()
        more = {"listing": key, "page": listing.page, "host": self._host}
        listing.last = {"rows": found, "more": None if ended else more}
        return listing.last
