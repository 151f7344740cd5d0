"""Messages as they go over the bus: a text, and a signature that only holders of the key can make.

The bus authenticates nobody: whoever reaches it can write to every queue. What is signed is the
very text that is sent, so nothing depends on how somebody else would spell it.
"""

import hmac
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qplug.errors import ConfigInvalid, InvalidInput, MessageRefused
from qplug.rpc.values import Json

SHORTEST = 32
"""Characters of a key."""

REQUEST, REPLY = b"qplug request\0", b"qplug reply\0"
"""What begins a signed text, so that one is never taken for the other."""


class Keys:
    """The keys of a file: the first one signs, and all of them are believed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = keys

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._keys)

    def signature(self, kind: bytes, text: str) -> str | None:
        """Return the signature of a text; ``None`` without a key."""
        return _digest(self._keys[0], kind, text) if self._keys else None

    def believes(self, kind: bytes, text: str, signature: object) -> bool:
        """Say whether a holder of one of the keys signed the text."""
        if not isinstance(signature, str) or not signature.isascii():
            return False
        return any(hmac.compare_digest(_digest(key, kind, text), signature) for key in self._keys)


def _digest(key: bytes, kind: bytes, text: str) -> str:
    return hmac.new(key, kind + text.encode(), "sha256").hexdigest()


def read_keys(path: str | None) -> Keys:
    """Return the keys of a file, one a line; without a path there are none.

    :raises ConfigInvalid: it cannot be read, others may read it, or a key is short
    """
    if not path:
        return Keys(())
    source = f"[rpc] key_file {path}"
    try:
        with open(path, encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(source, f"it cannot be read: {error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigInvalid(source, "others than its owner have rights to it; run chmod 600 on it")
    keys = [line.encode() for line in lines if line]
    if not keys or any(len(key) < SHORTEST for key in keys):
        wanted = f"it must have a key of at least {SHORTEST} characters on each line"
        raise ConfigInvalid(source, f"{wanted}; 'openssl rand -hex 32' makes one")
    return Keys(keys)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A request."""

    version: tuple[int, int]
    id: str
    """By which it is known when it comes again."""
    operation: str
    arguments: Mapping[str, Json]
    context: Mapping[str, Json]
    to: str | None
    """The host that is to do it; ``None`` is any."""
    sent: float
    """When, by the sender's clock: seconds since 1970."""
    seconds: float
    """How long its sender waits."""

    def text(self) -> str:
        """Return the text to be signed and sent.

        :raises InvalidInput: an argument is what no operation takes
        """
        try:
            return json.dumps(vars(self))
        except (TypeError, ValueError) as error:
            raise InvalidInput("argument", str(error)[:200], "what the operation takes") from error


def message_of(text: object) -> Message:
    """Return the message of a text.

    :raises MessageRefused: it is none
    """
    try:
        found = json.loads(text if isinstance(text, str) else "")
        version = found["version"]
        message = Message(
            version=(_of(int, version[0]), _of(int, version[1])),
            id=_of(str, found["id"]),
            operation=_of(str, found["operation"]),
            arguments=_of(dict, found["arguments"]),
            context=_of(dict, found["context"]),
            to=None if found["to"] is None else _of(str, found["to"]),
            sent=float(found["sent"]),
            seconds=float(found["seconds"]),
        )
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise MessageRefused("it is no request of qplug's") from error
    if not 0 < len(message.id) <= 64 or not message.id.isascii():
        raise MessageRefused("its id is not 1 to 64 characters of ASCII")
    return message


def _of(kind: type, value: Json) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
