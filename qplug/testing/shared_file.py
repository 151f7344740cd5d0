"""State that several processes share, in a file: one may be killed at any moment."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from oslo_config.cfg import ConfigOpts

from qplug.errors import BackendUnavailable
from qplug.model import Call

T = TypeVar("T")
State = dict[str, Any]

POLL = 0.001
"""Seconds between two tries to have a file for oneself."""


class SharedFile:
    """A mapping in a file of JSON, which is read and replaced by one process at a time."""

    def __init__(self, conf: ConfigOpts, name: str, empty: Mapping[str, Any]) -> None:
        self.path = Path(conf.state_path) / f"{name}.json"
        self._empty = json.dumps(empty)

    def change(self, call: Call, work: Callable[[State], T]) -> T:
        """Let work change what is kept, and return what it returns; nothing if it raises.

        :raises BackendUnavailable: the file cannot be used, or others have it until the deadline
        """
        with self._alone(call):
            state = self.read()
            result = work(state)
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(state))
            new.replace(self.path)
            return result

    def read(self) -> State:
        """Return what is kept; it is never half written."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            text = self._empty
        found: State = json.loads(text)
        return found

    @contextmanager
    def _alone(self, call: Call) -> Iterator[None]:
        """Have a lock that ends with its process; the file itself is replaced, so it is beside."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path.with_suffix(".lock"), "w") as lock:
                while not _locked(lock.fileno()):
                    if not call.remaining():
                        raise BackendUnavailable(str(self.path), "it is locked")
                    time.sleep(POLL)
                yield
        except OSError as error:
            raise BackendUnavailable(str(self.path), str(error)) from error


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
