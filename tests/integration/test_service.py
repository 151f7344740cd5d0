"""The manager service as a process, on several hosts."""

import json
import signal
import subprocess
import sys
import time
from uuid import uuid4

import pytest
from fleets import MANAGER, Fleet, fleet, until

from qplug.errors import HostUnavailable, NetworkOnOtherHost, ServiceUnavailable
from qplug.model import Instance, NetworkRequest
from qplug.testing.values import PROJECT, network_spec

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("database_kind", ["postgresql"])]

__all__ = ["fleet"]

QPLUG = (sys.executable, "-m", "qplug.cli.main")


def instance() -> Instance:
    return Instance(id=str(uuid4()), project_id=PROJECT)


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
