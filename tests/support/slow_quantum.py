"""A Quantum driver that has its process stop where a test wants it; see ``talking``."""

import os
from importlib import import_module
from typing import Any

from qplug.builtin.local_quantum import LocalQuantum
from qplug.model import Call, PortRequest


class Slow(LocalQuantum):
    """Waits with a port in its hands, and again before it gives it back."""

    def attach_port(
        self, call: Call, project_id: str, network_id: str, request: PortRequest
    ) -> str:
        """Attach it, and wait."""
        port = super().attach_port(call, project_id, network_id, request)
        say_and_wait("attached")
        return port

    def detach_port(self, call: Call, project_id: str, network_id: str, port_id: str) -> bool:
        """Wait, and detach it."""
        say_and_wait("detaching")
        return super().detach_port(call, project_id, network_id, port_id)


def say_and_wait(word: str) -> None:
    """Tell the test how far it came, if there is one that listens, and wait for its answer."""
    if "SAID" in os.environ:
        os.write(int(os.environ["SAID"]), word.encode())
        os.read(int(os.environ["HEARD"]), 1)


def stop_at(where: str) -> None:
    """Wait whenever a function is called that is named like ``time:sleep``."""
    module, _, name = where.partition(":")
    function = getattr(import_module(module), name)

    def stopping(*args: Any) -> Any:
        say_and_wait(name)
        return function(*args)

    setattr(import_module(module), name, stopping)


if "STOP_AT" in os.environ:
    stop_at(os.environ["STOP_AT"])
