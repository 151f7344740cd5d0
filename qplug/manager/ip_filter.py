"""Finding instances by patterns of their addresses."""

import re
from dataclasses import dataclass

from netaddr import IPAddress

from qplug.errors import InvalidInput

MAX_LENGTH = 255
"""Characters in a pattern; enough for any address with wildcards."""

MAX_REPEATS = 4
"""Repetitions in a pattern: each may multiply the work by an address's length."""

IN_CLASS = r"(?:(?!--)[\w.:-]|\\[dDwWsS.:-])"
CHARACTER = rf"(?:[^\\^$.|?*+()\[\]{{}}]|\.|\\[dDwWsS]|\\[^\w]|\[\^?{IN_CLASS}+\])"
REPETITION = r"(?:[*+?]|\{\d{1,2}(?:,\d{0,2})?\})\??"
PART = re.compile(rf"{CHARACTER}({REPETITION})?|[\^$|]", re.ASCII)
SIMPLE = re.compile(rf"(?:{PART.pattern})*", re.ASCII)
"""No groups, so that nothing is repeated but a character, and nothing refers to another part.

What such a pattern can cost is known without trying: a power of the address's length.
"""

SIMPLY = (
    "made of characters, '.', '[...]', '^', '$' and '|', without groups, "
    f"and with at most {MAX_REPEATS} repetitions of single characters"
)


@dataclass(frozen=True, kw_only=True)
class IpMatch:
    """An instance found by one of its addresses."""

    instance_uuid: str
    ip: str


class IpFilter:
    """Matches addresses with a regular expression for each IP version, from their start.

    A version without one matches nothing, unless neither has one.

    :raises InvalidInput: an expression is none, or less simple than addresses need
    """

    def __init__(self, ip: str | None, ip6: str | None) -> None:
        self._patterns = {4: _compiled(ip), 6: _compiled(ip6)}
        self._everything = ip is None and ip6 is None

    def matches(self, address: IPAddress) -> bool:
        """Say whether the address is one of those asked for."""
        pattern = self._patterns[address.version]
        return self._everything or bool(pattern and pattern.match(str(address)))


def _compiled(text: object) -> re.Pattern[str] | None:
    if text is None:
        return None
    if not isinstance(text, str) or not 0 < len(text) <= MAX_LENGTH:
        raise InvalidInput("filter", str(text)[:80], f"a text of 1 to {MAX_LENGTH} characters")
    if not SIMPLE.fullmatch(text) or sum(map(bool, PART.findall(text))) > MAX_REPEATS:
        raise InvalidInput("filter", text[:80], SIMPLY)
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise InvalidInput("filter", text, f"a regular expression ({error})") from error
