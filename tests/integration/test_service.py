"""The manager service as a process: its life, and what a caller and the command line see."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from fleets import KINDS, MANAGER, Fleet, fleet, instance, noting, until
from millions import use_many

from qplug.errors import (
    NetworkNotFound,
    ResultLost,
    ServiceUnavailable,
)
from qplug.model import NetworkRequest
from qplug.testing.values import PROJECT, network_spec

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("database_kind", KINDS)]

__all__ = ["fleet", "noting"]

QPLUG = (sys.executable, "-m", "qplug.cli.main")


def test_one_service_does_what_is_asked_over_the_bus(fleet: Fleet) -> None:
    host = fleet.host("host-1")
    host.start()
    api = fleet.api()
    network = api.create(network_spec("10.0.0.0/24"))
    assert network.host == "host-1"
    guest = instance()
    info = api.allocate_for_instance(guest, [NetworkRequest(network_id="blue")])
    assert set(host.served[network.id]) == {info[0].id}
    assert host.gateways == {network.id}
    assert list(api.audit()) == []
    (service,) = api.get_services()
    assert (service.host, service.networks) == ("host-1", 1)
    assert host.stop() == 0
    assert "host host-1 is served" in host.log


# --- a service's life -----------------------------------------------------------------------------


def test_a_host_has_one_service(fleet: Fleet) -> None:
    host = fleet.host("host-1")
    host.start()
    again = subprocess.run(
        [*MANAGER, "--config-file", str(host.file)], capture_output=True, text=True, timeout=30
    )
    assert again.returncode == 1
    assert "host 'host-1' is served already" in again.stderr.splitlines()[-1]
    assert "Traceback" not in again.stderr
    host.kill()
    host.start()  # who is dead is in nobody's way


def test_a_host_with_ten_thousand_addresses_is_ready_at_most_two_seconds_later(
    fleet: Fleet,
) -> None:
    one = fleet.host("host-1")
    one.start()
    for number in range(4):
        fleet.api().create(network_spec(f"10.{number}.0.0/16", label=f"net-{number}"))
    assert one.stop() == 0
    none = one.seconds_to_start()
    use_many(fleet.engine, fleet.api().get_all(), 10_000)
    assert one.stop() == 0
    many = one.seconds_to_start()
    assert sum(len(hosts) for hosts in one.served.values()) == 10_000
    assert many - none < 2
    assert one.stop() == 0


def test_a_service_that_is_told_to_stop_ends_what_runs_and_leaves_the_rest(fleet: Fleet) -> None:
    one = fleet.host("host-1")
    one.start()
    api = fleet.api()
    api.create(network_spec("10.0.0.0/24"))
    with ThreadPoolExecutor(8) as threads:
        made = [threads.submit(fleet.api().allocate_for_instance, instance()) for _ in range(24)]
        until(lambda: any(each.done() for each in made))
        assert one.stop() == 0
        assert fleet.services() == []
        one.start()
        infos = [each.result() for each in made]
    assert len({info[0].fixed_ips()[0].address for info in infos}) == 24
    assert list(api.audit()) == []
    assert "Traceback" not in one.log


def test_jobs_run_and_their_errors_end_nothing(fleet: Fleet) -> None:
    one = fleet.host("host-1")
    one.start()
    until(lambda: 'qplug_jobs_total{job="sweep",result="ok"}' in one.page("/metrics")[1])
    assert fleet.to_database is not None
    fleet.to_database.cut()
    until(lambda: 'job="heartbeat",result="DatabaseUnavailable"' in one.page("/metrics")[1])
    until(lambda: one.page("/health")[0] == 503)
    fleet.to_database.mend()
    until(lambda: one.page("/health")[0] == 200)
    (service,) = fleet.api().get_services()
    assert service.silent_for < 3


def test_metrics_count_operations_drivers_and_what_is_pending(fleet: Fleet) -> None:
    one = fleet.host("host-1")
    one.start()
    api = fleet.api()
    api.create(network_spec("10.0.0.0/24"))
    api.allocate_for_instance(instance())
    with pytest.raises(NetworkNotFound):
        api.get("red")
    status, text = one.page("/metrics")
    assert status == 200
    for line in (
        'qplug_operations_total{operation="create_network",result="ok"} 1.0',
        'qplug_operations_total{operation="get_network",result="NetworkNotFound"} 1.0',
        'qplug_operation_seconds_count{operation="allocate_for_instance"} 1.0',
        'qplug_driver_calls_total{kind="ipam",result="ok"}',
        "qplug_pending_work 0.0",
        'qplug_database_connections{state="in_use"}',
    ):
        assert line in text
    status, health = one.page("/health")
    told = json.loads(health)
    assert (status, told["healthy"], told["host"]) == (200, True, "host-1")
    assert one.page("/other")[0] == 404


def test_what_a_killed_service_was_doing_is_done_once_its_host_is_back(fleet: Fleet) -> None:
    one, two = fleet.host("host-1", timeout=120), fleet.host("host-2")
    one.start()
    fleet.api().create(network_spec("10.0.0.0/24"))
    guest, api = instance(), fleet.api(host="client-2")
    with ThreadPoolExecutor(1) as thread:
        with one.dhcp_held():
            made = thread.submit(api.allocate_for_instance, guest)
            until(lambda: fleet.requests_under_way() == 1)
            two.start()
            one.kill()
        time.sleep(4)  # the caller asks again, and host-2 may not know that the other one is dead
        assert not made.done()
        begun = time.monotonic()
        one.start()
        assert len(made.result()) == 1
        assert time.monotonic() - begun < 12
    assert len(fleet.api().get_vifs_by_instance(guest.id)) == 1
    assert list(fleet.api().audit()) == []


def test_a_request_whose_service_dies_before_it_keeps_the_result_is_not_done_twice(
    fleet: Fleet,
) -> None:
    one, api, guest = fleet.host("host-1"), fleet.api(), instance()
    one.start()
    api.create(network_spec("10.0.0.0/24"))
    api.allocate_for_instance(guest)
    for ask in (
        partial(api.add_fixed_ip_to_instance, guest.id, "blue"),
        partial(api.create, network_spec("10.1.0.0/24", label="red")),
    ):
        assert one.stop() == 0
        one.launch([sys.executable, "-c", DIES_BEFORE_IT_KEEPS])
        one.wait_ready()
        with ThreadPoolExecutor(1) as thread:
            asked = thread.submit(ask)
            one.process.wait(20)
            one.kill()
            one.start()
            with pytest.raises(ResultLost, match="look at what there is"):
                asked.result()
    assert len(api.get_vifs_by_instance(guest.id)) == 1
    assert len(list(api.get_all_fixed_ips())) == 2
    assert sorted(one_.label for one_ in api.get_all()) == ["blue", "red"]
    assert list(api.audit()) == []


DIES_BEFORE_IT_KEEPS = """
import os, signal, sys
from qplug.service.main import main
from qplug.store.requests import RequestStore
RequestStore.end = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.exit(main(sys.argv[1:]))
"""


def test_work_that_a_killed_command_left_is_finished_by_a_service(fleet: Fleet) -> None:
    one = fleet.host("host-1")
    one.start()
    fleet.api().create(network_spec("10.0.0.0/24"))
    guest = instance()
    fleet.api().allocate_for_instance(guest)
    code = (
        "import os, signal, sys\n"
        "from qplug.manager.release import Release\n"
        "Release.addresses = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from qplug.cli.main import main\n"
        f"sys.exit(main(['--config-file', '{one.file}', 'instance', 'deallocate', '{guest.id}']))"
    )
    killed = subprocess.run([sys.executable, "-c", code], timeout=30)
    assert killed.returncode == -signal.SIGKILL
    until(lambda: list(fleet.api().get_pending()) == [] and list(fleet.api().audit()) == [])
    assert list(fleet.api().get_all_fixed_ips()) == []


def test_a_cached_network_info_that_is_wrong_is_healed(fleet: Fleet) -> None:
    one = fleet.host("host-1")
    one.start()
    api = fleet.api()
    api.create(network_spec("10.0.0.0/24"))
    guest = instance()
    api.allocate_for_instance(guest)
    cached = fleet.cached_info(guest.id)
    fleet.spoil_info(guest.id)
    until(lambda: fleet.cached_info(guest.id) == cached)


def test_cached_network_info_is_healed_for_services_that_are_dead(fleet: Fleet) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2")
    one.start()
    two.start()
    api = fleet.api()
    api.create(network_spec("10.0.0.0/24"))
    guests = [instance() for _ in range(8)]
    for guest in guests:
        api.allocate_for_instance(guest)
    cached = [fleet.cached_info(guest.id) for guest in guests]
    two.kill()
    for guest in guests:
        fleet.spoil_info(guest.id)
    until(lambda: [fleet.cached_info(guest.id) for guest in guests] == cached)


# --- the command line -----------------------------------------------------------------------------


def test_the_command_line_has_the_same_answers_and_exit_codes_via_a_service(fleet: Fleet) -> None:
    one = fleet.host("host-1")
    one.start()

    def both(line: str) -> None:
        near, far = (
            subprocess.run(
                [*QPLUG, "--config-file", str(one.file), *via, *line.split()],
                capture_output=True,
                text=True,
                timeout=60,
            )
            for via in ([], ["--via-service"])
        )
        assert (far.returncode, far.stdout, far.stderr) == (
            near.returncode,
            near.stdout,
            near.stderr,
        )

    fleet.api().create(network_spec("10.0.0.0/24"))
    guest = instance()
    fleet.api().allocate_for_instance(guest)
    both("network list -f json")
    both("network show blue -f yaml")
    both("network show red")
    both("--project nobody network list")
    both("--project nobody network delete blue")
    both(f"instance show {guest.id} -f json")
    both("fixed-ip list -f csv")
    both("instance find --fixed-ip 10.0.0.2 -f value")
    both("network usage")
    both("dhcp hosts blue --legacy")
    both("pending list")
    both(f"network create blue --cidr 10.9.0.0/24 --project {PROJECT}")
    both("network set blue --mtu 5")
    both("audit")
    both("host list -f value -c host")
    both("network delete blue")


def test_the_list_of_hosts_says_who_is_alive(fleet: Fleet) -> None:
    one, two = fleet.host("host-1"), fleet.host("host-2")
    one.start()
    two.start()
    fleet.api().create(network_spec("10.0.0.0/24"))
    two.kill()
    until(lambda: fleet.api().get_services()[1].silent_for > 3)
    listed = subprocess.run(
        [*QPLUG, "--config-file", str(one.file), "host", "list", "-f", "json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    rows = json.loads(listed.stdout)
    assert [(row["host"], row["alive"], row["pid"]) for row in rows] == [
        ("host-1", True, one.process.pid),
        ("host-2", False, two.process.pid),
    ]
    assert sum(row["networks"] for row in rows) == 1
    assert one.stop() == 0


def test_via_a_service_that_is_not_there_one_sentence_says_so(fleet: Fleet) -> None:
    one = fleet.host("host-1", timeout=1)
    ended = subprocess.run(
        [*QPLUG, "--config-file", str(one.file), "--via-service", "network", "list"],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ended.returncode == 1
    assert "a manager service does not answer" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_queue_that_nobody_reads_any_more_is_not_waited_for_long(fleet: Fleet) -> None:
    one = fleet.host("host-1")
    one.start()
    api = fleet.api(host="host-1")
    assert list(api.get_all()) == []
    one.kill()
    for ask in (api.get_all, api.init_host):  # of any service, and of the one of a host
        begun = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="no qplug-manager is running"):
            ask()
        assert time.monotonic() - begun < 25  # of 50 seconds


def test_without_the_file_of_keys_one_sentence_says_so(fleet: Fleet) -> None:
    one = fleet.host("host-1")
    fleet.key.chmod(0o644)
    ended = subprocess.run(
        [*MANAGER, "--config-file", str(one.file)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "chmod 600" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
