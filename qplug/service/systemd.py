"""Words to systemd, where it has started us; sd_notify(3)."""

import os
import socket
from contextlib import suppress


def tell(state: str) -> None:
    """Tell systemd what has become of this service; without systemd nobody is told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.connect("\0" + address[1:] if address.startswith("@") else address)
        wire.sendall(state.encode())
