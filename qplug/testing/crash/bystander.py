"""Another process that works beside those that are struck, and must not be disturbed."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from qplug.api import NetworkApi
from qplug.model import NetworkRequest
from qplug.testing.chain import instance
from qplug.testing.crash.stage import Stage
from qplug.testing.crash.subject import BLUE
from qplug.testing.crash.world import BYSTANDER, vifs_shown
from qplug.testing.processes import Child, die_with_parent

ROUNDS = 1
"""How often it allocates and deallocates in the time of one strike and of its repair."""


class Bystander:
    """A process that allocates and deallocates when its parent says so.

    It has an instance all the time too, which stays as it is.
    """

    def __init__(self, child: Child, line: socket.socket) -> None:
        self._child = child
        self._line = line
        self._works = False

    def work(self) -> None:
        """Let it begin."""
        self._works = True
        with suppress(ConnectionError):  # it is told when it is to rest
            self._line.send(b"w")

    def rest(self) -> None:
        """Let it end what it does, and wait until it rests."""
        if not self._works:
            return
        self._works = False
        with suppress(ConnectionError):
            self._line.send(b"r")
            if self._line.recv(1):
                return
        raise AssertionError(f"a bystander was disturbed: {self._child().said}")

    def leave(self) -> int:
        """Let it go, and return how many instances came and went."""
        self._line.shutdown(socket.SHUT_WR)
        ended = self._child()
        assert ended.status == 0, f"a bystander was disturbed: {ended.said}"
        return int(ended.said)


@contextmanager
def bystander(stage: Stage) -> Iterator[Bystander]:
    """Yield a process that rests; it is gone afterwards."""
    ours, theirs = socket.socketpair()
    child = Child(partial(_stand_by, stage, theirs))
    theirs.close()
    try:
        yield Bystander(child, ours)
    finally:
        child.kill()
        ours.close()


def _stand_by(stage: Stage, line: socket.socket) -> int:
    die_with_parent()
    rounds = 0
    with stage.opened() as opened:
        home = instance(BYSTANDER)
        opened.api.allocate_for_instance(home, [NetworkRequest(network_id=BLUE)])
        before = vifs_shown(opened.api, home.id)
        while line.recv(1):
            for _ in range(ROUNDS):
                _come_and_go(opened.api)
                rounds += 1
            assert vifs_shown(opened.api, home.id) == before
            line.recv(1)
            line.send(b".")
        assert not opened.api.deallocate_for_instance(home.id)
    return rounds


def _come_and_go(api: NetworkApi) -> None:
    guest = instance(BYSTANDER)
    info = api.allocate_for_instance(guest, [NetworkRequest(network_id=BLUE)])
    assert len(info.fixed_ips()) == 2
    assert not api.deallocate_for_instance(guest.id)
