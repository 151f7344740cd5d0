"""The contract's suite, on the servers that keep to their tenants."""

from collections.abc import Iterator
from contextlib import closing
from typing import ClassVar

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.testing.deaf import deaf_port
from qplug.testing.quantum import QuantumDriverSuite
from qplug.testing.suite import Calls
from qplug_quantum_v1.driver import QuantumV1
from qplug_quantum_v1.options import GROUP
from qplug_quantum_v1.testing import Settings


class ContractOnServer(QuantumDriverSuite, base=True):
    """What every Quantum driver is asked."""

    patience = 0.5
    attachments_are_unique = True
    attachments_are_global = True
    calls: ClassVar[Calls] = {
        method: ask
        for method, ask in QuantumDriverSuite.calls.items()
        if method != "network_by_key"  # which asks nobody
    }

    @pytest.fixture
    def gone_driver(self, quantum_conf: ConfigOpts) -> Iterator[QuantumV1]:
        with deaf_port() as port:
            quantum_conf.set_override("port", port, GROUP)
            with closing(QuantumV1(quantum_conf)) as gone:
                yield gone


class TestOnOpenVswitch(ContractOnServer):
    pass


class TestOnLinuxBridge(ContractOnServer):
    @pytest.fixture
    def quantum_settings(self) -> Settings:
        return Settings(plugin="linuxbridge")


class TestOnSamplePlugin(ContractOnServer):
    @pytest.fixture
    def quantum_settings(self) -> Settings:
        return Settings(plugin="sample")


class TestByV10(ContractOnServer):
    @pytest.fixture
    def quantum_conf(self, quantum_conf: ConfigOpts) -> ConfigOpts:
        quantum_conf.set_override("api_version", "v1.0", GROUP)
        return quantum_conf
