"""What the parts of an audit find, and what is left out of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from qplug.model import Difference


@dataclass(frozen=True)
class Finding:
    """A difference, with what carries its plan out."""

    difference: Difference
    mend: Callable[[], object] | None = None
    """Carries the plan out, or raises why it cannot; ``None`` without a plan."""
    is_asked_for: bool = False
    """Whether this very thing was named by the caller, so that it needs no other word."""


def kept(difference: Difference, reason: str) -> Finding:
    """Return what is left alone."""
    return Finding(replace(difference, kept=reason))


class Kept(Exception):
    """A repair looked again and left something alone; the text says why."""


@dataclass
class Scope:
    """What is not compared."""

    networks: set[str] = field(default_factory=set)
    """Those that other drivers than the configured ones serve."""
    subnets: set[str] = field(default_factory=set)
    """The subnets of those."""
    lost: set[str] = field(default_factory=set)
    """Networks that Quantum has not, so that it has no ports of them."""
