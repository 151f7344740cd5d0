"""What manager services of several hosts do for each other, and networks that move."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import cycle
from typing import Any

import pytest
from fleets import KINDS, Fleet, fleet, instance, noting, until
from netaddr import IPAddress

from qplug.api import NetworkApi
from qplug.errors import (
    HostUnavailable,
    NetworkInTransition,
    NetworkOnOtherHost,
    NoMoreFixedIps,
    QplugError,
)
from qplug.factory import create_manager
from qplug.manager import Context
from qplug.model import Instance, NetworkRequest, Vif
from qplug.testing.values import network_spec

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("database_kind", KINDS)]

__all__ = ["fleet", "noting"]


def _vifs(api: NetworkApi, guest: Instance) -> Sequence[Vif]:
    return api.get_vifs_by_instance(guest.id)


def _ip(address: object) -> IPAddress:
    return IPAddress(str(address))


def test_r34_dhcp_of_a_network_is_changed_on_its_host_whoever_is_asked(fleet: Fleet) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2")
    one.start()
    network = fleet.api().create(network_spec("10.0.0.0/24", "10.1.0.0/24"))
    two.start()
    far, near = fleet.local("host-2"), fleet.local("host-1")
    guest, other = instance(), instance()
    info = far.allocate_for_instance(guest)
    near.allocate_for_instance(other)
    assert set(one.served[network.id]) == {info[0].id, *(v.id for v in _vifs(far, other))}
    assert one.gateways == {network.id}
    assert (two.served, two.gateways) == ({}, set())
    (address, *_) = [one_.address for one_ in info.fixed_ips()]
    far.remove_fixed_ip_from_instance(guest.id, _ip(address))
    assert _ip(address) not in one.served[network.id][info[0].id].addresses
    far.update("blue", mtu=1400)
    assert far.deallocate_for_instance(guest.id) == []
    assert set(one.served[network.id]) == {v.id for v in _vifs(far, other)}
    assert list(far.audit()) == []


def test_r21_dhcp_of_a_network_is_stopped_on_its_host_before_its_gateway_goes(
    fleet: Fleet,
) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2")
    one.start()
    network = fleet.api().create(network_spec("10.0.0.0/24"))
    two.start()
    far, guest = fleet.local("host-2"), instance()
    far.allocate_for_instance(guest)
    far.deallocate_for_instance(guest.id)
    assert set(one.served) == one.gateways == {network.id}
    far.delete("blue")
    assert (one.served, one.gateways) == ({}, set())
    log = one.log
    assert "stop_network" in log


def test_what_fails_after_a_hop_is_taken_back_there(fleet: Fleet) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2")
    one.start()
    fleet.api().create(network_spec("10.0.0.0/29", label="blue"))
    two.start()
    far = fleet.local("host-2")
    there = [instance() for _ in range(4)]
    for guest in there:
        far.allocate_for_instance(guest)
    last = NetworkRequest(network_id="blue")
    with pytest.raises(NoMoreFixedIps):
        far.allocate_for_instance(instance(), [last, last])
    assert list(far.audit()) == []
    (served,) = one.served.values()
    assert len(served) == 4


def test_a_dead_host_stops_no_deallocation_and_does_its_part_when_it_is_back(
    fleet: Fleet,
) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2")
    one.start()
    network = fleet.api().create(network_spec("10.0.0.0/24"))
    guest, other = instance(), instance()
    fleet.api().allocate_for_instance(guest)
    fleet.api().allocate_for_instance(other)
    two.start()
    one.kill()
    far = fleet.local("host-2")
    until(lambda: far.get_services()[0].silent_for > 3)
    begun = time.monotonic()
    (left,) = far.deallocate_for_instance(guest.id)
    assert time.monotonic() - begun < 5
    assert left in one.served[network.id]
    assert guest not in far.get_all_instances()
    begun = time.monotonic()
    with pytest.raises(HostUnavailable, match=r"host-1.*last heard of"):
        far.allocate_for_instance(instance())
    assert time.monotonic() - begun < 5
    one.start()
    until(lambda: left not in one.served[network.id])
    until(lambda: list(far.get_pending()) == [])
    assert list(far.audit()) == []
    assert [v.id for v in _vifs(far, other)] == list(one.served[network.id])


def test_what_a_host_does_after_who_asked_gave_up_leaves_nothing(fleet: Fleet) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2", timeout=4)
    one.start()
    network = fleet.api().create(network_spec("10.0.0.0/24"))
    far, guest = fleet.local("host-2"), instance()
    info = far.allocate_for_instance(guest)
    two.start()
    one.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(2) as threads:
        asked: list[Future[Any]] = [
            threads.submit(far.allocate_for_instance, instance()),
            threads.submit(far.add_fixed_ip_to_instance, guest.id, "blue"),
        ]
        refused = [each.exception() for each in asked]
    assert {type(each) for each in refused} == {HostUnavailable}
    one.process.send_signal(signal.SIGCONT)
    until(lambda: one.log.count(" serve_vif(") == 2 and " tell_vifs(" in one.log)
    before = {info[0].id: tuple(_ip(each.address) for each in info.fixed_ips())}

    def served() -> dict[str, tuple[IPAddress, ...]]:
        return {vif: host.addresses for vif, host in one.served[network.id].items()}

    # What could not be undone is undone by a service, which the audit leaves alone meanwhile.
    until(lambda: served() == before, 60)
    until(lambda: list(far.get_pending()) == [] and list(far.audit()) == [], 150)
    assert served() == before


def test_d18_a_network_without_a_host_gets_one(fleet: Fleet) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2")
    one.start()
    network = fleet.api().create(network_spec("10.0.0.0/24"))
    fleet.api().disassociate("blue", project=False)
    two.start()
    fleet.local("host-2").allocate_for_instance(instance())
    assert fleet.api().get("blue").host == "host-2"
    assert set(two.served) == {network.id}


def test_without_a_bus_a_network_of_another_host_is_out_of_reach(fleet: Fleet) -> None:
    fleet.host("host-1").start()
    fleet.api().create(network_spec("10.0.0.0/24"))
    two = fleet.host("host-2")
    two.file.write_text(two.file.read_text().replace("transport_url", "#transport_url"))
    with closing(create_manager(two.conf)) as manager, pytest.raises(NetworkOnOtherHost):
        manager.allocate_for_instance(Context(is_admin=True), instance())


def test_a_network_moves_from_host_to_host(fleet: Fleet) -> None:
    one, two, three = (fleet.host(f"host-{n}") for n in (1, 2, 3))
    one.start()
    network = fleet.api().create(network_spec("10.0.0.0/24"))
    guest = instance()
    vif = fleet.api().allocate_for_instance(guest)[0].id
    two.start()
    three.start()
    assert fleet.local("host-3").move("blue", "host-2").host == "host-2"
    assert (one.served, one.gateways) == ({}, set())
    assert (set(two.served[network.id]), two.gateways) == ({vif}, {network.id})
    two.kill()
    until(lambda: fleet.api().get_services()[1].silent_for > 3)
    assert fleet.api(host="host-1").move("blue", "host-3").host == "host-3"
    assert set(three.served[network.id]) == {vif}
    two.start()
    until(lambda: two.served == {})
    with pytest.raises(HostUnavailable, match="none is running"):
        fleet.local("host-1").move("blue", "nowhere")
    assert fleet.api().get("blue").host == "host-3"
    assert list(fleet.api().audit()) == []


def test_hosts_that_ask_each_other_at_once_do_not_wait_for_each_other(fleet: Fleet) -> None:
    """One worker each: hops would have none to be done by, were they not given their own."""
    hosts = [fleet.host(f"host-{n}", workers=1) for n in (1, 2)]
    for number, host in enumerate(hosts):
        host.start()
        fleet.api().create(network_spec(f"10.{number}.0.0/24", label=f"net-{number}"))
        fleet.api().move(f"net-{number}", host.name)
    both = [NetworkRequest(network_id="net-0"), NetworkRequest(network_id="net-1")]
    apis = [fleet.api(host=f"client-{n}") for n in range(4)]
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        for info in threads.map(
            lambda n: apis[n % 4].allocate_for_instance(instance(), both), range(16)
        ):
            assert len(info) == 2
    assert time.monotonic() - begun < 15
    assert list(fleet.api().audit()) == []


def test_a_host_that_stops_serves_others_until_what_it_does_itself_has_ended(fleet: Fleet) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2")
    for number, host in enumerate((one, two)):
        host.start()
        fleet.api().create(network_spec(f"10.{number}.0.0/24", label=f"net-{number}"))
        fleet.api().move(f"net-{number}", host.name)
    apis = [fleet.api(host=f"client-{n}") for n in range(4)]
    with ThreadPoolExecutor(4) as threads:
        made = [
            threads.submit(_tried, apis[n % 4], NetworkRequest(network_id=f"net-{n % 2}"))
            for n in range(48)
        ]
        until(lambda: sum(each.done() for each in made) > 8)
        begun = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - begun < 10
        refused = [each.result() for each in made]
    assert {type(each) for each in refused} <= {type(None), HostUnavailable}
    one.start()
    until(lambda: list(fleet.api().get_pending()) == [])
    assert list(fleet.api().audit()) == []


def _tried(api: NetworkApi, wanted: NetworkRequest) -> Exception | None:
    try:
        api.allocate_for_instance(instance(), [wanted])
    except HostUnavailable as error:
        return error
    return None


def test_a_move_that_is_refused_leaves_the_network_served_where_it_is(fleet: Fleet) -> None:
    one, two = fleet.host("host-1", timeout=3), fleet.host("host-2", timeout=3)
    one.start()
    network = fleet.api().create(network_spec("10.0.0.0/24"))
    vif = fleet.api().allocate_for_instance(instance())[0].id
    two.start()
    fleet.mark_updating(network.id)  # as by somebody who is at work, whom a move waits for
    with pytest.raises(NetworkInTransition):
        fleet.api().move("blue", "host-2")
    assert (set(one.served[network.id]), one.gateways) == ({vif}, {network.id})
    assert (two.served, two.gateways) == ({}, set())


def test_a_network_that_moves_while_instances_come_and_go_leaves_nothing_behind(
    fleet: Fleet,
) -> None:
    hosts = [fleet.host(f"host-{n}") for n in (1, 2, 3)]
    for host in hosts:
        host.launch()
    for host in hosts:
        host.wait_ready()
    network = fleet.api().create(network_spec("10.0.0.0/16"))
    apis = [fleet.api(host=f"client-{n}") for n in range(4)]
    over = time.monotonic() + 8
    answers: Counter[str] = Counter()

    def moving() -> None:
        for host in cycle(hosts):
            if time.monotonic() > over:
                return
            answers[_name_of(partial(fleet.api().move, "blue", host.name))] += 1

    def living(api: NetworkApi) -> None:
        while time.monotonic() < over:
            guest = instance()
            answers[_name_of(partial(api.allocate_for_instance, guest))] += 1
            if answers["done"] % 2:
                answers[_name_of(partial(api.deallocate_for_instance, guest.id))] += 1

    with ThreadPoolExecutor(5) as threads:
        for each in [threads.submit(moving), *(threads.submit(living, api) for api in apis)]:
            each.result()
    assert answers.keys() <= {"done", "NetworkMoved", "NetworkHasHost", "NetworkInTransition"}
    api = fleet.api()
    until(lambda: all(work.state == "released" for work in api.get_pending()), 60)
    until(lambda: list(api.audit()) == [])
    there = {vif.id for guest in api.get_all_instances() for vif in _vifs(api, guest)}
    (owner,) = (host for host in hosts if host.name == api.get("blue").host)
    assert set(owner.served[network.id]) == there
    assert owner.gateways == {network.id}
    for host in hosts:
        assert host is owner or (host.served, host.gateways) == ({}, set())


def _name_of(work: Callable[[], object]) -> str:
    try:
        work()
    except QplugError as error:
        return type(error).__name__
    return "done"
