"""Texts as they may be shown: on one line, and without secrets."""

import re
from collections.abc import Sequence
from functools import cache

NAMES = (
    r"(?:pass(?:word|wd|phrase)?|pwd|pswd|secret|token|credentials?"
    r"|(?:api|access|auth|private|encryption)[_-]?key)(?:[_-]\w{1,40}|\d{1,9})?"
)
"""How what is called a secret ends: ``os_password``, ``X-Auth-Token``, ``secret_id``."""

GIVEN = r"""(?:\\*["']?\s*[=:]\s*|["']\s*,\s*(?=b?["']))"""
"""What stands between a name and its value: ``=``, ``:``, or the comma of a pair of texts."""

QUOTED = r"""[bru]{0,2}(?P<quote>\\*["'])(?:(?!(?P=quote))(?:\\.|.))*(?:(?P=quote)|\Z)"""

OPEN = r"(?!\*{3}|(?:yes|no)\))"
"""What shows no secret: one that is masked, and MariaDB's ``(using password: YES)``."""


def printable(text: str) -> str:
    """Return the text with whatever would break the line or the terminal escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def masked(text: str) -> str:
    """Return the text with ``***`` for passwords, in URLs too, tokens and headers that log in."""
    for secret in _secrets():
        text = secret.sub(r"\1***", text)
    return text


@cache  # nothing is compiled for a command that has nothing to tell
def _secrets() -> Sequence[re.Pattern[str]]:
    patterns = (
        r"(://[^\s/:@]{0,200}:)\S{0,2000}(?=@)",
        rf"((?<![\w-])--[\w-]{{0,40}}{NAMES}\s+)\S+",
        rf"({NAMES}{GIVEN}){OPEN}(?:{QUOTED}|\S+)",
        rf"((?:authorization|cookie){GIVEN})(?:{QUOTED}|[^\n]+)",
    )
    return [re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns]
