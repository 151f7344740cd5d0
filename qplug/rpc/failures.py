"""Errors that arrive as what they were."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import get_type_hints

from qplug import errors
from qplug.errors import QplugError
from qplug.rpc.values import Json, decoded, encoded


@dataclass(eq=False)
class Told:
    """An error of a plugin that is not here: its kind and its sentence are kept."""

    name: str
    text: str

    def sentence(self) -> str:
        """Return what it said where it was raised."""
        return self.text


class ToldNotFound(Told, errors.NotFound):
    """A NotFound of a plugin that is not here."""


class ToldConflict(Told, errors.Conflict):
    """A Conflict of a plugin that is not here."""


class ToldInvalid(Told, errors.Invalid):
    """An Invalid of a plugin that is not here."""


class ToldForbidden(Told, errors.Forbidden):
    """A Forbidden of a plugin that is not here."""


class ToldExhausted(Told, errors.Exhausted):
    """An Exhausted of a plugin that is not here."""


class ToldUnavailable(Told, errors.Unavailable):
    """An Unavailable of a plugin that is not here."""


class ToldDriverError(Told, errors.DriverError):
    """A DriverError of a plugin that is not here, or of no kind that is known here."""


TOLD: Mapping[str, Callable[[str, str], QplugError]] = {
    "NotFound": ToldNotFound,
    "Conflict": ToldConflict,
    "Invalid": ToldInvalid,
    "Forbidden": ToldForbidden,
    "Exhausted": ToldExhausted,
    "Unavailable": ToldUnavailable,
    "DriverError": ToldDriverError,
}


def failure_json(error: QplugError) -> Json:
    """Return an error as JSON."""
    kind = next(each.__name__ for each in type(error).__mro__ if each.__name__ in TOLD)
    found: Json = {"name": _name(type(error)), "kind": kind, "text": str(error)}
    with suppress(Exception):  # facts may be anything: then its sentence has to do
        hints = get_type_hints(type(error))
        facts = {name: encoded(fact, hints[name]) for name, fact in error.facts().items()}
        json.dumps(facts)
        found["facts"] = facts
    return found


def failure_of(found: Json) -> QplugError:
    """Return the error of JSON, of its own class wherever that is known here already."""
    name, kind, text = (str(found.get(part)) for part in ("name", "kind", "text"))
    known = next((each for each in _leaves(QplugError) if _name(each) == name), None)
    if known is not None and isinstance(found.get("facts"), dict):
        with suppress(Exception):  # another release's error of the same name has other facts
            hints = get_type_hints(known)
            facts = {each: decoded(fact, hints[each]) for each, fact in found["facts"].items()}
            return known(**facts)
    told: QplugError = TOLD.get(kind, ToldDriverError)(name, text)
    return told


def _name(kind: type[QplugError]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _leaves(kind: type[QplugError]) -> Iterator[type[QplugError]]:
    """Yield the classes that are imported here; none is imported because a message names it."""
    for each in kind.__subclasses__():
        yield each
        yield from _leaves(each)
