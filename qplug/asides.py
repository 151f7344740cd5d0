"""What is done by the way for others, so that its failures are no news to who is there now."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ASIDE: ContextVar[bool] = ContextVar("aside", default=False)


@contextmanager
def aside() -> Iterator[None]:
    """Have what is logged inside of this be others' concern."""
    token = _ASIDE.set(True)
    try:
        yield
    finally:
        _ASIDE.reset(token)


def is_aside() -> bool:
    """Say whether what happens just now is."""
    return _ASIDE.get()
