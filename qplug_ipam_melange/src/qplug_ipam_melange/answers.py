"""What came over HTTP, and what it means."""

import json
from dataclasses import dataclass
from typing import Any

from qplug.errors import QplugError
from qplug_ipam_melange.errors import MelangeBroken, MelangeForbids, MelangeRefused, NotMelange

READERS_OWN = (400, 415)
"""What Melange's reader of bodies answers in plain text."""


@dataclass(frozen=True)
class Answer:
    """An answer, read to the end."""

    status: int
    kind: str
    """Its content type, without parameters."""
    body: bytes

    def json(self) -> Any:
        """Return what the body says; ``None`` if it is empty or no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def refusal(self, asked: str) -> QplugError:
        """Return what a status that is no success means."""
        if self.status in (401, 403):
            return MelangeForbids(asked, self.status)
        detail = self._detail()
        if self.status >= 500:
            return MelangeBroken(asked, self.status, detail or self.outline())
        if detail is None and self.status not in READERS_OWN:
            return NotMelange(asked, self.outline())
        return MelangeRefused(asked, self.status, detail or self._text())

    def outline(self) -> str:
        """Return what can be said of an answer that says nothing."""
        return f"{self.status} and {len(self.body)} octets of {self.kind or 'no type'}"

    def _detail(self) -> str | None:
        """Return what a fault says; ``None`` if this is none of Melange's."""
        told = self.json()
        fault = next(iter(told.values()), None) if isinstance(told, dict) else None
        if not isinstance(fault, dict) or "code" not in fault:
            return None
        return str(fault.get("detail") or fault.get("message") or "")

    def _text(self) -> str:
        words = self.body.decode("utf-8", "replace").split()
        return " ".join(words)[:200]
