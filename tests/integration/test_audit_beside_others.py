"""An audit while other processes work: what they do just now is no difference, nor disturbed."""

import random
import time
from contextlib import ExitStack, closing

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import NetworkRequest
from qplug.testing.chain import instance
from qplug.testing.databases import every_database
from qplug.testing.processes import start
from qplug.testing.values import network_spec

pytestmark = [pytest.mark.integration, every_database]

WORKERS = 3
SECONDS = 6.0
LABELS = ("blue", "green")
ON_BOTH = [NetworkRequest(network_id=label) for label in LABELS]
"""Others make and delete networks, on which an allocation may come too late."""


@pytest.fixture
def shared(conf: ConfigOpts) -> ConfigOpts:
    """Return a configuration whose drivers several processes can use."""
    conf.set_override("driver", "nova", "ipam")
    conf.set_override("driver", "local", "quantum")
    conf.set_override("port_security", True, "quantum")
    conf.set_override("reuse_delay", 0, "ipam")
    return conf


def busy(conf: ConfigOpts, seed: int) -> int:
    """Allocate, change and deallocate until the time is over, and return how often."""
    chance, until, done = random.Random(seed), time.monotonic() + SECONDS, 0
    with closing(create_manager(conf)) as manager:
        api = NetworkApi(manager, Context(is_admin=True))
        while time.monotonic() < until:
            mine = instance()
            api.allocate_for_instance(mine, ON_BOTH)
            added = api.add_fixed_ip_to_instance(mine.id, chance.choice(LABELS))
            if chance.random() < 0.5:
                api.remove_fixed_ip_from_instance(mine.id, added)
            api.deallocate_for_instance(mine.id)
            if chance.random() < 0.2:
                made = api.create(network_spec(f"10.{100 + seed}.0.0/24", label=f"own-{seed}"))
                api.delete(made.id)
            done += 1
    return done


@pytest.mark.parametrize("repair", [False, True])
def test_work_in_progress_is_no_difference(shared: ConfigOpts, repair: bool) -> None:
    with closing(create_manager(shared)) as manager:
        api = NetworkApi(manager, Context(is_admin=True))
        for number, label in enumerate(LABELS):
            api.create(network_spec(f"10.{number}.0.0/24", f"fd00:{number}::/112", label=label))
        for _ in range(20):
            api.allocate_for_instance(instance(), ON_BOTH)
    audits = 0
    with ExitStack() as closing_all:
        workers = [start(lambda seed=seed: busy(shared, seed)) for seed in range(WORKERS)]  # type: ignore[misc]  # bound now
        for worker in workers:
            closing_all.callback(worker.kill)
        manager = closing_all.enter_context(closing(create_manager(shared)))
        api = NetworkApi(manager, Context(is_admin=True))
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            assert list(api.audit(repair=repair)) == []
            audits += 1
        ended = [worker() for worker in workers]
        assert [worker.status for worker in ended] == [0] * WORKERS, ended
        assert list(api.audit()) == []
    assert audits > 3
    assert all(int(worker.said) > 3 for worker in ended)
