"""How networks that qplug made are told from those of others: by a mark at the end of the name.

Quantum keeps nothing else of a network. Without the mark a network whose making was cut short
could not be found again, and an audit would take everybody's networks for ours.
"""

import re
from typing import NamedTuple

from qplug.errors import InvalidInput

LONGEST = 255
"""Characters of a name in Quantum's database."""
MARKED = re.compile(r"(?s)(.*) \(([\w-]+) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)")


class Marked(NamedTuple):
    """A name, taken apart."""

    label: str
    site: str | None = None
    """By which the network was made; ``None`` if it has no mark."""
    key: str | None = None
    """Of the wish that made it."""


def marked(label: str, site: str, key: str) -> str:
    """Return the name of a network that is made for a wish.

    :raises InvalidInput: Quantum has no room for it
    """
    name = f"{label} ({site} {key})"
    if len(name) > LONGEST:
        room = LONGEST - (len(name) - len(label))
        wanted = f"at most {room} characters, as Quantum keeps it in a name beside qplug's mark"
        raise InvalidInput("label", f"{label[:80]}…", wanted)
    return name


def read(name: object) -> Marked:
    """Take a name apart; some networks have none."""
    text = "" if name is None else str(name)
    found = MARKED.fullmatch(text)
    return Marked(*found.groups()) if found else Marked(text)
