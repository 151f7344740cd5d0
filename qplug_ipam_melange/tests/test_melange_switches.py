"""The switches of the stand-in."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from http.client import IncompleteRead, RemoteDisconnected
from time import monotonic, sleep
from typing import Any

import pytest

from qplug.testing.processes import start
from qplug_ipam_melange.testing import StandIn
from qplug_ipam_melange.testing.client import Client

BLOCKS = "tenants/t1/ip_blocks"


def make_block(client: Client, cidr: str, **wanted: Any) -> None:
    wanted = {"cidr": cidr, "network_id": "net-1", "type": "private"} | wanted
    assert client.ask("POST", BLOCKS, {"ip_block": wanted})[0] == 201


def blocks(client: Client) -> list[Any]:
    found: list[Any] = client.ask("GET", BLOCKS)[1]["ip_blocks"]
    return found


def test_requests_are_kept_in_their_order_with_their_queries(
    melange: StandIn, client: Client
) -> None:
    with closing(client.connect()) as connection:
        connection.request("GET", "/v0.1/ipam/allocated_ip_addresses.json?address=10.0.0.1")
        connection.getresponse().read()
    client.ask("DELETE", "interfaces/vif-1")
    assert melange.requests == [
        ("GET", "/v0.1/ipam/allocated_ip_addresses.json?address=10.0.0.1"),
        ("DELETE", "/v0.1/ipam/interfaces/vif-1.json"),
    ]


def test_an_outage_refuses_connections_and_forgets_nothing(
    melange: StandIn, client: Client
) -> None:
    make_block(client, "10.0.0.0/24")
    melange.outage = True
    with pytest.raises(ConnectionRefusedError):
        client.ask("GET", BLOCKS)
    melange.outage = False
    assert [block["cidr"] for block in blocks(client)] == ["10.0.0.0/24"]


def test_an_outage_ends_connections_that_were_open(melange: StandIn, client: Client) -> None:
    with closing(client.connect()) as connection:
        connection.request("GET", "/")
        connection.getresponse().read()
        melange.outage = True
        assert connection.sock.recv(1) == b""


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_outage_also_refuses_while_a_fork_of_the_servers_process_lives(
    melange: StandIn, client: Client
) -> None:
    child = start(lambda: sleep(60))
    try:
        melange.outage = True
        with pytest.raises(ConnectionRefusedError):
            client.ask("GET", BLOCKS, timeout=1)
        melange.outage = False
        assert blocks(client) == []
    finally:
        child.kill()


def test_latency_delays_every_answer(melange: StandIn, client: Client) -> None:
    melange.latency = 0.2
    began = monotonic()
    assert blocks(client) == []
    assert monotonic() - began >= 0.2


def test_who_hangs_answers_nobody_and_does_what_was_wanted_when_it_goes_on(
    melange: StandIn, client: Client
) -> None:
    melange.hang = True
    wanted = {"ip_block": {"cidr": "10.0.0.0/24", "type": "private"}}
    with pytest.raises(TimeoutError):
        client.ask("POST", BLOCKS, wanted, timeout=0.2)
    assert not melange.tables.blocks
    melange.hang = False
    deadline = monotonic() + 10
    while not blocks(client):
        assert monotonic() < deadline
        sleep(0.01)


def test_the_end_waits_neither_for_a_hang_nor_for_latency() -> None:
    before = set(threading.enumerate())
    for switch in ({"hang": True}, {"latency": 600.0}):
        began = monotonic()
        with StandIn() as melange:
            for name, value in switch.items():
                setattr(melange, name, value)
            with pytest.raises(TimeoutError):
                Client(melange.url).ask("GET", BLOCKS, timeout=0.1)
        assert monotonic() - began < 5
    assert set(threading.enumerate()) == before


def test_failures_come_as_often_as_wanted_and_nothing_is_done(
    melange: StandIn, client: Client
) -> None:
    melange.fail_next(502, times=2)
    for _ in range(2):
        with closing(client.connect()) as connection:
            connection.request("POST", f"/v0.1/ipam/{BLOCKS}", "{}")
            response = connection.getresponse()
            assert (response.status, response.getheader("Content-Type")) == (
                502,
                "text/html; charset=UTF-8",
            )
            assert b"<html>" in response.read()
    assert blocks(client) == []
    assert melange.errors == []


def test_a_failure_may_wait_for_a_method_and_come_after_the_work(
    melange: StandIn, client: Client
) -> None:
    melange.fail_next(504, method="POST", text='"gave up"', works=True)
    assert blocks(client) == []
    wanted = {"cidr": "10.0.0.0/24", "network_id": "net-1", "type": "private"}
    assert client.ask("POST", BLOCKS, {"ip_block": wanted}) == (504, "gave up")
    assert len(blocks(client)) == 1


@pytest.mark.parametrize(("works", "made"), [(True, 1), (False, 0)])
def test_a_lost_answer_hides_whether_the_work_was_done(
    melange: StandIn, client: Client, works: bool, made: int
) -> None:
    melange.lose_next(method="POST", works=works)
    with pytest.raises(RemoteDisconnected):
        make_block(client, "10.0.0.0/24")
    assert len(blocks(client)) == made


def test_a_cut_answer_ends_in_the_middle_of_its_body(melange: StandIn, client: Client) -> None:
    make_block(client, "10.0.0.0/24")
    melange.cut_next()
    with pytest.raises(IncompleteRead) as cut:
        blocks(client)
    assert cut.value.partial.startswith(b'{"ip_blocks": [{')


def test_reset_forgets_what_clients_made(melange: StandIn, client: Client) -> None:
    make_block(client, "10.0.0.0/24")
    melange.reset()
    assert blocks(client) == []


@pytest.mark.integration
def test_by_hand_it_says_where_it_is_gives_macs_and_ends_with_a_signal() -> None:
    command = [sys.executable, "-m", "qplug_ipam_melange.testing", "--port", "0"]
    command += ["--mac-range", "02:16:3e:00:00:00/24"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        ranges = Client(url).ask("GET", "mac_address_ranges")[1]["mac_address_ranges"]
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
    assert [mac_range["cidr"] for mac_range in ranges] == ["02:16:3e:00:00:00/24"]
