"""Rules of the kernel, changed through libnftables in this process."""

import ctypes
import json
import os
from collections.abc import Sequence
from threading import Lock
from typing import Any

from qplug_l3_linux.errors import KernelRefused, LibraryMissing, NotPermitted, TooMuchAtOnce

LIBRARY = "libnftables.so.1"
JSON, TERSE = 1 << 4, 1 << 11
"""Output flags of libnftables: as JSON, and without the elements of sets."""

ABSENT = "No such file or directory"


class Nftables:
    """Runs commands of ``nft``; each text is one transaction, done whole or not at all.

    It acts on the network namespace in which it was first used.
    """

    def __init__(self) -> None:
        """Open nothing: that is done where it is needed."""
        self._turn = Lock()
        self._context: int | None = None
        self._process = 0
        self.transactions = 0
        """How many were run."""

    def run(self, text: str) -> None:
        """Change rules.

        :raises NotPermitted: this process may not
        :raises TooMuchAtOnce: it is larger than the socket takes
        :raises KernelRefused: the kernel, or libnftables, refuses
        """
        self.transactions += 1
        self._ask(text, 0)

    def tables(self) -> Sequence[tuple[str, str]]:
        """Return family and name of each table."""
        found = self._json("list tables")
        return [(one["table"]["family"], one["table"]["name"]) for one in found if "table" in one]

    def comment(self, table: str) -> str | None:
        """Return the comment of a table that is there."""
        for line in self._ask(f"list table {table}", TERSE).splitlines():
            name, _, text = line.strip().partition(" ")
            if name == "comment":
                return text.strip('"')
        return None

    def sets(self, table: str) -> dict[str, Sequence[Any]]:
        """Return the elements of each set of a table, as libnftables has them in JSON.

        Of a table that is not there, nothing.
        """
        try:
            found = self._json(f"list table {table}")
        except KernelRefused as error:
            if ABSENT in error.reason:
                return {}
            raise
        return {one["set"]["name"]: one["set"].get("elem", []) for one in found if "set" in one}

    def _json(self, text: str) -> Sequence[dict[str, Any]]:
        answer = self._ask(text, JSON)
        return list(json.loads(answer)["nftables"]) if answer else []

    def _ask(self, text: str, flags: int) -> str:
        with self._turn:
            library, context = self._library(), self._opened()
            library.nft_ctx_output_set_flags(context, flags)
            code = library.nft_run_cmd_from_buffer(context, text.encode())
            answer = library.nft_ctx_get_output_buffer(context).decode(errors="replace")
            error = library.nft_ctx_get_error_buffer(context).decode(errors="replace")
        if code:
            raise _refusal(error)
        return str(answer)

    def _opened(self) -> int:
        if self._context is None or self._process != os.getpid():  # after a fork it is another's
            library = self._library()
            context = library.nft_ctx_new(0)
            library.nft_ctx_buffer_output(context)
            library.nft_ctx_buffer_error(context)
            self._context, self._process = int(context), os.getpid()
        return self._context

    @staticmethod
    def _library() -> Any:
        global _loaded
        if _loaded is None:
            _loaded = _load()
        return _loaded

    def close(self) -> None:
        """Give the context back."""
        with self._turn:
            if self._context is not None and self._process == os.getpid():
                self._library().nft_ctx_free(self._context)
            self._context = None


_loaded: Any = None


def _load() -> Any:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise LibraryMissing(LIBRARY, "libnftables1") from error
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, answer, arguments in (
        ("nft_ctx_new", pointer, [ctypes.c_uint32]),
        ("nft_ctx_free", None, [pointer]),
        ("nft_ctx_buffer_output", ctypes.c_int, [pointer]),
        ("nft_ctx_buffer_error", ctypes.c_int, [pointer]),
        ("nft_ctx_output_set_flags", None, [pointer, ctypes.c_uint]),
        ("nft_run_cmd_from_buffer", ctypes.c_int, [pointer, text]),
        ("nft_ctx_get_output_buffer", text, [pointer]),
        ("nft_ctx_get_error_buffer", text, [pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = answer, arguments
    return library


def _refusal(error: str) -> KernelRefused | NotPermitted:
    reason = next((line for line in error.splitlines() if line.strip()), "it does not say why")
    if "Operation not permitted" in reason:
        return NotPermitted("rules of nftables to be changed")
    if "Message too long" in reason:
        return TooMuchAtOnce("so many rules at once", reason.removeprefix("Error: "))
    return KernelRefused("rules of nftables", reason.removeprefix("Error: "))
