"""Several processes, each with a manager of its own, on one Melange and one database."""

from collections import Counter
from contextlib import closing
from functools import partial
from uuid import uuid4

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.errors import NoMoreFixedIps, NoMoreMacs
from qplug.model import Instance
from qplug.testing.chain import instance
from qplug.testing.crash.stage import Stage
from qplug.testing.mac import give
from qplug.testing.processes import at_once
from qplug.testing.values import PROJECT, network_spec
from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.mac import MelangeMac
from qplug_ipam_melange.testing import StandIn
from qplug_ipam_melange.testing.client import Client

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

PROCESSES = 4


@pytest.fixture
def stage(melange_conf: ConfigOpts, client: Client) -> Stage:
    wanted = {"mac_address_range": {"cidr": "02:16:3e:00:00:00/24"}}
    assert client.ask("POST", "mac_address_ranges", wanted)[0] == 201
    melange_conf.set_override("driver", "melange", "mac")
    return Stage(melange_conf, {"ipam": MelangeIpam, "mac": MelangeMac})


def take(stage: Stage, instances: list[Instance], *, give_back: bool) -> str:
    """Allocate, and give back every second one; return the addresses of those that stay."""
    left: list[str] = []
    with stage.opened() as opened:
        for number, each in enumerate(instances):
            try:
                (made,) = opened.api.allocate_for_instance(each)
            except NoMoreFixedIps:
                continue
            if give_back and number % 2:
                assert not opened.api.deallocate_for_instance(each.id)
            else:
                left += [str(ip.address) for ip in made.fixed_ips()]
    return " ".join(left)


def in_processes(stage: Stage, each: int, *, give_back: bool) -> list[str]:
    works = [
        partial(take, stage, [instance() for _ in range(each)], give_back=give_back)
        for _ in range(PROCESSES)
    ]
    ends = at_once(works)
    assert [end.said for end in ends if end.status] == []
    return [address for end in ends for address in end.said.split()]


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
def test_what_processes_take_and_give_back_at_once_is_nobody_elses(
    stage: Stage, melange: StandIn
) -> None:
    with closing(stage), stage.opened() as opened:
        opened.api.create(network_spec("10.0.0.0/24", "fd00:10::/112", project_id=PROJECT))
        given = in_processes(stage, 6, give_back=True)
        assert len(given) == PROCESSES * 3 * 2
        assert max(Counter(given).values()) == 1
        assert list(opened.api.audit()) == []
        assert given_by(melange) == len(given)


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_last_addresses_go_to_one_process_each(stage: Stage, melange: StandIn) -> None:
    with closing(stage), stage.opened() as opened:
        opened.api.create(network_spec("10.0.0.0/28", project_id=PROJECT))
        given = in_processes(stage, 5, give_back=False)
        assert sorted(given) == sorted(f"10.0.0.{n}" for n in range(2, 15))
        assert list(opened.api.audit()) == []
        assert given_by(melange) == 13
        macs = [
            each.mac for each in melange.tables.interfaces.values() if each.tenant_id == PROJECT
        ]
        assert len(macs) == len(set(macs)) == 13


def given_by(melange: StandIn) -> int:
    """Return how many addresses Melange says that vifs hold."""
    interfaces = melange.tables.interfaces.values()
    return sum(len(each.addresses) for each in interfaces if each.tenant_id == PROJECT)


def test_processes_have_mac_addresses_of_their_own(
    mac_driver: MelangeMac, melange: StandIn, client: Client
) -> None:
    wanted = {"mac_address_range": {"cidr": "02:16:3e:00:00:00/42"}}  # 64 of them
    assert client.ask("POST", "mac_address_ranges", wanted)[0] == 201
    ends = at_once([partial(take_macs, mac_driver, 16)] * PROCESSES)
    given = [mac for end in ends for mac in end.said.split()]
    assert [end.status for end in ends] == [0] * PROCESSES
    assert len(given) == len(set(given)) == 64
    with pytest.raises(NoMoreMacs):
        give(mac_driver)


def take_macs(driver: MelangeMac, count: int) -> str:
    return " ".join(str(give(driver, str(uuid4()))) for _ in range(count))
