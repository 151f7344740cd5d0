"""Quantum away for a while, and what an operator is told of it."""

import time
from uuid import uuid4

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.api import NetworkApi
from qplug.builtin.memory_ipam import MemoryIpam
from qplug.errors import Unavailable
from qplug.model import Instance
from qplug.testing.fixtures import ApiOf, MakeManager
from qplug.testing.values import PROJECT, call, network_spec
from qplug_quantum_v1.driver import QuantumV1
from qplug_quantum_v1.options import GROUP
from qplug_quantum_v1.testing import StandIn


@pytest.fixture
def ipam(conf: ConfigOpts) -> MemoryIpam:
    return MemoryIpam(conf)


@pytest.fixture
def api(
    make_manager: MakeManager, api_of: ApiOf, driver: QuantumV1, ipam: MemoryIpam
) -> NetworkApi:
    api = api_of(make_manager(quantum=driver, ipam=ipam))
    api.create(network_spec("10.0.0.0/24"))
    return api


def instance() -> Instance:
    return Instance(id=str(uuid4()), project_id=PROJECT)


def attached(quantum: StandIn) -> set[str]:
    """Return the vifs that have a port."""
    ports = [port for net in quantum.state.all.values() for port in net.ports.values()]
    return {p.attachment for p in ports if p.attachment and not p.attachment.startswith("gw-")}


@pytest.mark.parametrize("how", ["outage", "hang"])
def test_what_is_deallocated_meanwhile_is_pending_and_finished_when_quantum_is_back(
    api: NetworkApi, quantum: StandIn, ipam: MemoryIpam, conf: ConfigOpts, how: str
) -> None:
    conf.set_override("timeout", 0.3, GROUP)
    one = instance()
    api.allocate_for_instance(one)
    setattr(quantum, how, True)
    api.deallocate_for_instance(one.id)
    (work,) = api.get_pending()
    assert "Quantum" in str(work.error)
    assert api.retry_pending() != []  # still away
    assert len(list(ipam.allocations(call()))) == 1  # nobody else may have it yet
    setattr(quantum, how, False)
    assert api.retry_pending() == []
    assert attached(quantum) == set()
    assert list(ipam.allocations(call())) == []
    assert list(api.audit()) == []


@pytest.mark.parametrize("how", ["outage", "hang"])
def test_what_is_allocated_meanwhile_fails_in_time_and_leaves_nothing(
    api: NetworkApi, quantum: StandIn, conf: ConfigOpts, how: str
) -> None:
    conf.set_override("operation_timeout", 4)
    conf.set_override("timeout", 0.3, GROUP)
    api.allocate_for_instance(instance())
    before = attached(quantum)
    setattr(quantum, how, True)
    start = time.monotonic()
    with pytest.raises(Unavailable, match=r"Quantum at http://127\.0\.0\.1:\d+ does not answer"):
        api.allocate_for_instance(instance())
    assert time.monotonic() - start < 4
    setattr(quantum, how, False)
    assert api.retry_pending() == []
    assert attached(quantum) == before
    assert len(list(api.get_all_instances())) == 1
    assert list(api.audit()) == []
