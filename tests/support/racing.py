"""Processes that take addresses of one network from each other, and note how it went."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context

from netaddr import IPAddress
from oslo_config.cfg import ConfigOpts
from race_log import Operation

from qplug.api import NetworkApi
from qplug.factory import create_manager
from qplug.manager import Context, Manager, SubnetChanges
from qplug.model import Network, NetworkRequest
from qplug.testing.chain import instance
from qplug.testing.clock import Statements, counted_statements
from qplug.testing.processes import at_once

PROCESSES = 8
PATIENCE = 60.0
"""Seconds that a process waits for the slowest one to be as far."""


class Racer:
    """One process's part: what it does, what it has by then, and its notes."""

    def __init__(
        self,
        api: NetworkApi,
        network: Network,
        sent: Statements,
        *,
        number: int,
        chance: random.Random,
    ) -> None:
        self._api = api
        self._sent = sent
        self.network = network
        self.number = number
        self.chance = chance
        self.phase = ""
        self.has: dict[str, list[str]] = {}
        """The addresses of each of its instances."""
        self.notes: list[Operation] = []

    @property
    def refused(self) -> str:
        """The class of the error that the last operation ended with, if it did."""
        return self.notes[-1].refused

    def allocate(self, *wanted: str) -> bool:
        """Make an instance with addresses, and say whether it got any."""
        new = instance()
        request = NetworkRequest(
            network_id=self.network.id, addresses=tuple(map(IPAddress, wanted))
        )

        def work() -> list[str]:
            info = self._api.allocate_for_instance(new, [request])
            return [str(ip.address) for ip in info.fixed_ips()]

        return self._take("allocate", new.id, work, wanted)

    def add(self, owner: str, *wanted: str) -> bool:
        """Give an instance one address more, and say whether there was one."""
        address = IPAddress(wanted[0]) if wanted else None

        def work() -> list[str]:
            network = self.network.id
            return [str(self._api.add_fixed_ip_to_instance(owner, network, address=address))]

        return self._take("add", owner, work, wanted)

    def deallocate(self) -> None:
        """Take back one of its instances."""
        owner = self.chance.choice(sorted(self.has))

        def work() -> list[str]:
            left = self._api.deallocate_for_instance(owner)
            assert not left
            return self.has.pop(owner)

        self._note("deallocate", owner, work)

    def remove(self, owner: str) -> None:
        """Take back one of an instance's addresses."""
        address = self.chance.choice(self.has[owner])

        def work() -> list[str]:
            self._api.remove_fixed_ip_from_instance(owner, IPAddress(address))
            self.has[owner].remove(address)
            return [address]

        self._note("remove", owner, work)

    def narrow(self, changes: SubnetChanges, closed: Sequence[str]) -> None:
        """Change the network so that vifs may have some addresses no more."""
        self._change("narrow", changes, closed)

    def widen(self, changes: SubnetChanges, opened: Sequence[str]) -> None:
        """Change the network so that vifs may have some addresses again."""
        self._change("widen", changes, opened)

    def _change(self, act: str, changes: SubnetChanges, addresses: Sequence[str]) -> None:
        def work() -> Sequence[str]:
            self._api.update(self.network.id, changes)
            return addresses

        self._note(act, "operator", work)

    def _take(
        self, act: str, owner: str, work: Callable[[], list[str]], wanted: Sequence[str]
    ) -> bool:
        given = self._note(act, owner, work, wanted)
        if given:
            self.has.setdefault(owner, []).extend(given)
        return bool(given)

    def _note(
        self,
        act: str,
        owner: str,
        work: Callable[[], Sequence[str]],
        wanted: Sequence[str] = (),
    ) -> Sequence[str]:
        addresses: Sequence[str] = ()
        refused, said = "", ""
        self._sent.clear()
        began = time.monotonic_ns()
        try:
            addresses = work()
        except Exception as error:  # whatever it is, it will be judged
            refused, said = type(error).__name__, str(error)
        ended = time.monotonic_ns()
        self.notes.append(
            Operation(
                act=act,
                instance=owner,
                began=began,
                ended=ended,
                addresses=tuple(addresses),
                wanted=tuple(wanted),
                refused=refused,
                said=said,
                phase=self.phase,
                statements=len(self._sent),
                rollbacks=self._sent.rollbacks,
            )
        )
        return addresses


Part = Callable[[Racer], None]


def race(
    conf: ConfigOpts,
    network: Network,
    phases: Mapping[str, Part],
    *,
    seed: int,
    manager: Manager | None = None,
) -> Sequence[Operation]:
    """Let processes use a network at once, and return what they did.

    A phase begins when the last process has ended the one before.

    :param manager: the one that all use through the fork; else each opens its own
    """
    lines = {name: get_context("fork").Barrier(PROCESSES) for name in phases}

    def work(number: int) -> str:
        with _opened(conf, manager) as mine, counted_statements() as sent:
            api = NetworkApi(mine, Context(is_admin=True))
            chance = random.Random(f"{seed} {number}")
            racer = Racer(api, network, sent, number=number, chance=chance)
            for racer.phase, part in phases.items():
                lines[racer.phase].wait(PATIENCE)
                part(racer)
        return json.dumps([asdict(each) for each in racer.notes])

    ends = at_once([partial(work, number) for number in range(PROCESSES)])
    assert [end.said for end in ends if end.status] == []
    return [Operation(**note) for end in ends for note in json.loads(end.said)]


@contextmanager
def _opened(conf: ConfigOpts, manager: Manager | None) -> Iterator[Manager]:
    if manager is not None:
        yield manager
    else:
        with closing(create_manager(conf)) as mine:
            yield mine
