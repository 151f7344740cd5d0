"""Which process works on something, so that another one can tell when it is dead."""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Self


@dataclass(frozen=True)
class Worker:
    """A process, told from every other one that ever ran."""

    host: str
    """As configured: no two machines have the same."""
    boot: str
    """The kernel's id of its last start; empty where the system tells none."""
    namespace: str
    """The pid namespace, in which alone the pid means something."""
    pid: int
    started: int
    """When it began, in the kernel's ticks since the start: pids are used again."""

    def __str__(self) -> str:
        """Return the text that the store keeps."""
        return f"{self.host} {self.boot} {self.namespace} {self.pid} {self.started}"

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Return the worker of such a text."""
        host, boot, namespace, pid, started = text.rsplit(" ", 4)
        return cls(host, boot, namespace, int(pid), int(started))

    def is_dead(self, seen_from: "Worker") -> bool:
        """Say whether it provably runs no more; what cannot be found out is no.

        :param seen_from: the process that asks
        """
        if self.host != seen_from.host or not (self.boot and seen_from.boot):
            return False
        if self.boot != seen_from.boot:
            return True
        return self.namespace == seen_from.namespace and not _runs(self.pid, self.started)


def this_worker(host: str) -> Worker:
    """Return the process that calls, on the host of that name."""
    return _worker(host, os.getpid())


@lru_cache(maxsize=8)
def _worker(host: str, pid: int) -> Worker:
    """Return this process; its pid, by which it is remembered, is another one after a fork."""
    boot = namespace = ""
    with suppress(OSError):
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    began = _state(pid)
    return Worker(host, boot if began else "", namespace, pid, began[1] if began else 0)


def _runs(pid: int, started: int) -> bool:
    """Say whether a process runs. Who may not look into ``/proc`` must take it for running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's, but it is there
    found = _state(pid)
    return found is None or (found[0] not in "ZX" and found[1] == started)


def _state(pid: int) -> tuple[str, int] | None:
    """Return the letter of a process's state and when it began; proc_pid_stat(5)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
        return words[0], int(words[19])
    except (OSError, IndexError, ValueError):
        return None
