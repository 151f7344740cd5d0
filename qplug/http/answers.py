"""What came over HTTP."""

import json
from dataclasses import dataclass
from typing import Any

LONGEST = 200
"""Letters of a page that a sentence quotes."""


@dataclass(frozen=True)
class Answer:
    """An answer, read to the end."""

    status: int
    kind: str
    """Its content type, without parameters."""
    body: bytes
    asked: str
    """Method and URL of the request."""

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return what the body says; ``None`` if it is empty or no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def text(self) -> str:
        """Return the first words of a body that is text, on one line."""
        return " ".join(self.body.decode("utf-8", "replace").split())[:LONGEST]

    def outline(self) -> str:
        """Return what can be said of an answer that says nothing."""
        return f"{self.status} and {len(self.body)} octets of {self.kind or 'no type'}"
