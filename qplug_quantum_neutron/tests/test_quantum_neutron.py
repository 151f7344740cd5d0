"""The contract's suite, on a real Neutron."""

from collections.abc import Iterator
from contextlib import closing
from typing import ClassVar

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.testing.deaf import deaf_port
from qplug.testing.quantum import QuantumDriverSuite
from qplug.testing.suite import Calls
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP

pytestmark = pytest.mark.integration


MIRRORS = ("mirror_subnets", "mirror_addresses")


class ContractOnNeutron(QuantumDriverSuite, base=True):
    """What every Quantum driver is asked."""

    patience = 0.5
    attachments_are_unique = True

    @pytest.fixture
    def gone_driver(self, neutron_conf: ConfigOpts) -> Iterator[NeutronQuantum]:
        with deaf_port() as port:
            neutron_conf.set_override("url", f"http://127.0.0.1:{port}", GROUP)
            with closing(NeutronQuantum(neutron_conf)) as gone:
                yield gone


class TestWithoutMirror(ContractOnNeutron):
    calls: ClassVar[Calls] = {
        method: ask
        for method, ask in QuantumDriverSuite.calls.items()
        if method not in MIRRORS  # which ask nobody
    }


class TestWithMirror(ContractOnNeutron):
    @pytest.fixture
    def neutron_conf(self, neutron_conf: ConfigOpts) -> ConfigOpts:
        neutron_conf.set_override("mirror_addresses", True, GROUP)
        return neutron_conf
