"""A Quantum server for each test, and the driver on it."""

import sys
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.testing.fixtures import (
    api_of,
    clock,
    conf,
    database_kind,
    database_url,
    make_manager,
    new_id,
    server_databases,
)

# pytest takes the folder of the distribution, which has the package's name, for the package.
if getattr(sys.modules.get("qplug_quantum_v1"), "__file__", None) is None:
    sys.modules.pop("qplug_quantum_v1", None)

from qplug_quantum_v1.driver import QuantumV1
from qplug_quantum_v1.options import GROUP, OPTS
from qplug_quantum_v1.testing import Settings, StandIn
from qplug_quantum_v1.testing.fixtures import quantum, quantum_settings

__all__ = [
    "api_of",
    "clock",
    "conf",
    "database_kind",
    "database_url",
    "driver",
    "make_manager",
    "new_id",
    "quantum",
    "quantum_conf",
    "quantum_settings",
    "server_databases",
]


@pytest.fixture
def quantum_conf(conf: ConfigOpts, quantum: StandIn, quantum_settings: Settings) -> ConfigOpts:
    """Return a configuration that names the server, in the newest version that it speaks."""
    conf.register_opts(OPTS, group=GROUP)
    conf.set_override("port", urlsplit(quantum.url).port, GROUP)
    conf.set_override("api_version", quantum_settings.versions[-1], GROUP)
    return conf


@pytest.fixture
def driver(quantum_conf: ConfigOpts) -> Iterator[QuantumV1]:
    """Return the driver, started."""
    with closing(QuantumV1(quantum_conf)) as driver:
        yield driver
