"""Three services, eight clients, and everything between them cut now and then."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

import pytest
from fleets import Fleet, fleet, noting, until

from qplug.api import NetworkApi
from qplug.errors import QplugError, Unavailable
from qplug.model import Instance, NetworkRequest
from qplug.testing.values import PROJECT, network_spec

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_kind", ["postgresql", "mariadb"]),
]

__all__ = ["fleet", "noting"]

INSTANCES = 200
CLIENTS = 8
SEED = 8


def test_whatever_is_cut_each_request_is_answered_and_nothing_is_left_or_done_twice(
    fleet: Fleet,
) -> None:
    hosts = [fleet.host(f"host-{n}", timeout=15) for n in (1, 2, 3)]
    for host in hosts:
        host.launch()
    for host in hosts:
        host.wait_ready()
    for number, host in enumerate(hosts):
        spec = network_spec(f"10.{number}.0.0/16", label=f"net-{number}")
        fleet.api().create(spec)
        fleet.api().move(f"net-{number}", host.name)
    storm = Storm(fleet)
    answers: Counter[str] = Counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        storm.begin()
        done = clients.map(lambda n: lives(fleet.api(host=f"client-{n}"), n), range(CLIENTS))
        try:
            for each in done:
                answers += each
        finally:
            storm.end()
    assert answers["allocated"] == INSTANCES, answers
    assert not any(name.startswith("bug") for name in answers), answers
    assert sum(storm.done.values()) >= 4, storm.done
    # What could not be ended under way ends now, by the services or at the next request.
    api = fleet.api()
    until(lambda: _emptied(api), 90)
    # Once more what may still be written late is released, a minute after; that is no work left.
    until(lambda: all(work.state == "released" for work in api.get_pending()), 90)
    assert list(api.audit()) == []
    assert list(api.get_all_fixed_ips()) == []
    for host in hosts:
        assert all(not served for served in host.served.values()), (host.name, host.served)
        assert "Traceback" not in host.log


def lives(api: NetworkApi, number: int) -> Counter[str]:
    """Allocate and free instances until enough were, and return how often each answer came.

    Who is told to try again later waits a moment, and then has another instance.
    """
    answers: Counter[str] = Counter()
    chance = random.Random(f"{SEED} {number}")
    while answers["allocated"] < INSTANCES // CLIENTS and answers.total() < 20 * INSTANCES:
        guest = Instance(id=str(uuid4()), project_id=PROJECT)
        wanted = NetworkRequest(network_id=f"net-{chance.randrange(3)}")
        if answer(answers, "allocated", partial(api.allocate_for_instance, guest, [wanted])):
            answer(answers, "looked at", partial(alone, api, guest))
        answer(answers, "freed", partial(api.deallocate_for_instance, guest.id))
    return answers


def answer(answers: Counter[str], done: str, work: Callable[[], object]) -> bool:
    """Count how a request is answered; whatever is no error of ours is a bug."""
    try:
        work()
    except Unavailable as error:
        answers[type(error).__name__] += 1
        time.sleep(0.3)
        return False
    except QplugError as error:
        answers[f"refused {type(error).__name__}"] += 1
        return False
    except Exception as error:
        answers[f"bug {type(error).__name__}: {error}"] += 1
        return False
    answers[done] += 1
    return True


def alone(api: NetworkApi, guest: Instance) -> None:
    """Find out that a request was not done twice."""
    assert len(api.get_instance_nw_info(guest.id)) == 1


def _emptied(api: NetworkApi) -> bool:
    """Free whom an answer was lost for, and say whether nobody is left."""
    try:
        for guest in list(api.get_all_instances()):
            api.deallocate_for_instance(guest.id)
        return list(api.get_all_instances()) == []
    except QplugError:
        return False


class Storm:
    """Kills services and cuts connections, one after the other."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._chance = random.Random(SEED)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._rage)
        self.done: Counter[str] = Counter()

    def begin(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Leave everything as it should be."""
        self._over.set()
        self._thread.join()
        self._fleet.to_broker.mend()
        if self._fleet.to_database is not None:
            self._fleet.to_database.mend()
        for host in self._fleet.hosts.values():
            if host.process.poll() is not None:
                host.start()

    def _rage(self) -> None:
        blows = ["kill", "broker", "stop", "database"]
        while not self._over.wait(0.5):
            blow = blows[sum(self.done.values()) % len(blows)]
            host = self._fleet.hosts[f"host-{self._chance.randrange(3) + 1}"]
            if blow == "kill":
                host.kill()
                time.sleep(0.5)
                host.start()
            elif blow == "stop":
                assert host.stop() == 0
                host.start()
            else:
                proxy = self._fleet.to_broker
                if blow == "database":
                    assert self._fleet.to_database is not None
                    proxy = self._fleet.to_database
                proxy.cut()
                time.sleep(1)
                proxy.mend()
            self.done[blow] += 1
