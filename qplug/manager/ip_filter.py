"""Finding instances by patterns of their addresses."""

import re
from dataclasses import dataclass

from netaddr import IPAddress

from qplug.errors import InvalidInput

MAX_LENGTH = 255
"""Characters in a pattern; enough for any address with wildcards."""

MAX_REPEATS = 4
"""Repetitions in a pattern: on what people send of their own choice, many take for ever."""

REPEAT = re.compile(r"[*+?{]")
REPEATED_GROUP = re.compile(r"\)[*+?{]")


@dataclass(frozen=True, kw_only=True)
class IpMatch:
    """An instance found by one of its addresses."""

    instance_uuid: str
    ip: str


class IpFilter:
    """Matches addresses with a regular expression for each IP version, from their start.

    A version without one matches nothing, unless neither has one.

    :raises InvalidInput: an expression is none, or could take for ever
    """

    def __init__(self, ip: str | None, ip6: str | None) -> None:
        self._patterns = {4: _compiled(ip), 6: _compiled(ip6)}
        self._everything = ip is None and ip6 is None

    def matches(self, address: IPAddress) -> bool:
        """Say whether the address is one of those asked for."""
        pattern = self._patterns[address.version]
        return self._everything or bool(pattern and pattern.match(str(address)))


def _compiled(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    if len(text) > MAX_LENGTH:
        raise InvalidInput("filter", text[:80], f"at most {MAX_LENGTH} characters long")
    if len(REPEAT.findall(text)) > MAX_REPEATS or REPEATED_GROUP.search(text):
        wanted = f"without repeated groups and with at most {MAX_REPEATS} repetitions"
        raise InvalidInput("filter", text[:80], wanted)
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise InvalidInput("filter", text, f"a regular expression ({error})") from error
