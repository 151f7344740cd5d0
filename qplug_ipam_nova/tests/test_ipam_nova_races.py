"""The driver nova used by several threads at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest
from netaddr import IPAddress
from sqlalchemy.engine import Connection

from qplug.db import Database
from qplug.errors import NetworkInUse, NetworkNotFound, NoMoreFixedIps, QplugError
from qplug.model import Network
from qplug.testing.databases import every_database
from qplug.testing.ipam.asking import give, held, kept
from qplug.testing.suite import race
from qplug.testing.values import call, subnet, vif
from qplug_ipam_nova import races
from qplug_ipam_nova.driver import NovaIpam
from qplug_ipam_nova.migrations import MIGRATIONS
from qplug_ipam_nova.races import Line, RaceLost, settle

pytestmark = every_database


def test_after_a_lost_race_whoever_comes_stands_in_line_at_once_for_a_while(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stood: list[str] = []
    line = Line(lambda _: stood.append(name))

    def work(_: Connection) -> None:
        if name == "loses" and not stood:
            raise RaceLost

    with closing(Database(database_url, MIGRATIONS)) as database:
        for name in ("alone", "loses", "comes then", "comes late"):
            if name == "comes late":
                monkeypatch.setattr(races, "MEMORY", 0)
                line.lost()
            settle(database, call(), work, line=line)
    assert stood == ["loses", "comes then"]


def test_8_threads_fill_a_27_giving_no_address_twice_and_missing_none(driver: NovaIpam) -> None:
    net = kept(driver, "10.0.0.0/27")

    def take_all(_: int) -> Sequence[str]:
        given: list[str] = []
        while True:
            try:
                given += give(driver, net)
            except NoMoreFixedIps:
                [usage] = driver.usage(call(), [net.id])
                assert (usage.used, usage.free) == (29, 0)
                return given

    with ThreadPoolExecutor(8) as threads:
        given = [address for part in threads.map(take_all, range(8)) for address in part]
    assert sorted(given, key=IPAddress) == [f"10.0.0.{n}" for n in range(2, 31)]


def test_8_threads_share_8_addresses_and_each_always_finds_one(driver: NovaIpam) -> None:
    net = kept(driver, subnet("10.0.0.0/24", pools=["10.0.0.10-10.0.0.17"]))

    def come_and_go() -> None:
        for _ in range(10):
            owner = vif(net)
            assert held(driver, by=owner) == [] != give(driver, net, owner)
            driver.deallocate(call(), net, owner)

    assert race([come_and_go] * 8) == [None] * 8
    assert driver.usage(call(), [net.id])[0].free == 8


@pytest.mark.parametrize("cidr", ["10.0.0.0/24", "fd00::/64"])
def test_a_network_is_deleted_or_gives_addresses_but_never_both(
    driver: NovaIpam, cidr: str
) -> None:
    for _ in range(10):
        net = kept(driver, cidr)

        def delete(net: Network = net) -> Sequence[str]:
            driver.delete_subnets(call(), net)
            return []

        tasks: Sequence[Callable[[], Sequence[str]]] = [delete, *[partial(give, driver, net)] * 3]
        deleted, *given = race(tasks)
        if not isinstance(deleted, QplugError):
            assert [type(each) for each in given] == [NetworkNotFound] * 3
            assert held(driver, network=net) == []
        else:
            assert isinstance(deleted, NetworkInUse)
            assert len(held(driver, network=net)) == 3
