"""Neutron away for a while, or killed in the middle of something."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from neutron import Neutron
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.builtin.memory_ipam import MemoryIpam
from qplug.errors import Unavailable
from qplug.http.server import Answer, Front, Request
from qplug.model import Instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import PROJECT, call, network_spec
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP, OPTS

pytestmark = pytest.mark.integration

ApiAt = Callable[[str], NetworkApi]


@pytest.fixture
def ipam(conf: ConfigOpts) -> MemoryIpam:
    return MemoryIpam(conf)


@pytest.fixture
def api_at(
    make_manager: MakeManager, api_of: ApiOf, conf: ConfigOpts, ipam: MemoryIpam
) -> Iterator[ApiAt]:
    """Return what gives operations with a network, on the Neutron at a url."""
    drivers: list[NeutronQuantum] = []

    def make(url: str) -> NetworkApi:
        conf.register_opts(OPTS, group=GROUP)
        conf.set_override("url", url, GROUP)
        drivers.append(NeutronQuantum(conf))
        api = api_of(make_manager(quantum=drivers[-1], ipam=ipam))
        api.create(network_spec("10.0.0.0/24"))
        return api

    yield make
    for driver in drivers:
        driver.close()


def instance() -> Instance:
    return Instance(id=str(uuid4()), project_id=PROJECT)


def vifs_with_ports(neutron: Neutron) -> set[str]:
    ports = neutron.ask("GET", "ports", description="qplug")["ports"]
    return {port["name"] for port in ports if not port["name"].startswith("gw-")}


@pytest.mark.parametrize("how", ["outage", "hang"])
def test_what_is_deallocated_meanwhile_is_pending_and_finished_when_neutron_is_back(
    api_at: ApiAt, neutron: Neutron, ipam: MemoryIpam, conf: ConfigOpts, how: str
) -> None:
    with Front(neutron.url) as front:
        api = api_at(front.url)
        one = instance()
        api.allocate_for_instance(one)
        conf.set_override("timeout", 0.3, GROUP)
        setattr(front, how, True)
        api.deallocate_for_instance(one.id)
        (work,) = api.get_pending()
        assert "Neutron" in str(work.error)
        assert api.retry_pending() != []  # still away
        assert len(list(ipam.allocations(call()))) == 1  # nobody else may have it yet
        conf.set_override("timeout", 60.0, GROUP)
        setattr(front, how, False)
        assert api.retry_pending() == []
        assert vifs_with_ports(neutron) == set()
        assert list(ipam.allocations(call())) == []
        assert list(api.audit()) == []


@pytest.mark.parametrize("how", ["outage", "hang"])
def test_what_is_allocated_meanwhile_fails_in_time_and_leaves_nothing(
    api_at: ApiAt, neutron: Neutron, conf: ConfigOpts, how: str
) -> None:
    with Front(neutron.url) as front:
        api = api_at(front.url)
        api.allocate_for_instance(instance())
        before = vifs_with_ports(neutron)
        conf.set_override("operation_timeout", 4)
        conf.set_override("timeout", 0.3, GROUP)
        setattr(front, how, True)
        start = time.monotonic()
        with pytest.raises(
            Unavailable, match=r"Neutron at http://127\.0\.0\.1:\d+ does not answer"
        ):
            api.allocate_for_instance(instance())
        assert time.monotonic() - start < 4
        conf.set_override("operation_timeout", 60)
        conf.set_override("timeout", 60.0, GROUP)
        setattr(front, how, False)
        assert api.retry_pending() == []
        assert vifs_with_ports(neutron) == before
        assert list(api.audit()) == []


class Killer(Front):
    """Kills the server behind it where a request has got there, and before it is answered."""

    def __init__(self, neutron: Neutron) -> None:
        super().__init__(neutron.url)
        self._neutron = neutron
        self.kills = ""
        """The method of the request that it waits for."""

    def answer(self, request: Request) -> Answer:
        """Pass it on; the answer to a deadly one is lost with the server."""
        answer = super().answer(request)
        if request.method == self.kills:
            self.kills = ""
            self._neutron.kill()
            return Answer(502, b"the server is gone")
        return answer


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Neutron]:
    """Return a server of the test's own."""
    server = Neutron(tmp_path / "neutron")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_a_neutron_that_is_killed_and_restarted_has_nothing_too_much_or_too_little(
    api_at: ApiAt, mortal: Neutron
) -> None:
    with Killer(mortal) as front:
        api = api_at(front.url)
        one = instance()
        api.allocate_for_instance(one)

        front.kills = "POST"
        with pytest.raises(Unavailable):
            api.allocate_for_instance(instance())
        mortal.start()
        assert len(vifs_with_ports(mortal)) == 2  # it was made, and nobody was told
        assert api.retry_pending() == []
        assert len(vifs_with_ports(mortal)) == 1

        front.kills = "DELETE"
        api.deallocate_for_instance(one.id)
        assert len(api.get_pending()) == 1
        mortal.start()
        assert api.retry_pending() == []
        assert vifs_with_ports(mortal) == set()
        assert list(api.audit()) == []
