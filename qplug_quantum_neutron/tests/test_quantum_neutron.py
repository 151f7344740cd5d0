"""The contract's suite, on a real Neutron."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.testing.deaf import deaf_port
from qplug.testing.quantum import QuantumDriverSuite
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP

pytestmark = pytest.mark.integration


class TestContract(QuantumDriverSuite):
    """What every Quantum driver is asked."""

    patience = 0.5
    attachments_are_unique = True

    @pytest.fixture
    def gone_driver(self, neutron_conf: ConfigOpts) -> Iterator[NeutronQuantum]:
        with deaf_port() as port:
            neutron_conf.set_override("url", f"http://127.0.0.1:{port}", GROUP)
            with closing(NeutronQuantum(neutron_conf)) as gone:
                yield gone
