"""The driver in the chain: whichever call fails, whoever is killed, and what an audit sees."""

from collections.abc import Mapping
from typing import Any

import pytest
from crashing import one_remedy
from oslo_config.cfg import ConfigOpts

from qplug.testing.auditing import AuditSuite
from qplug.testing.crash import KillSuite
from qplug.testing.crash.stage import Makers
from qplug.testing.failing import FailSuite
from qplug.testing.failing.outages import OutageSuite
from qplug_quantum_v1.driver import QuantumV1
from qplug_quantum_v1.testing import StandIn

__all__ = ["one_remedy"]


class TestFailures(FailSuite):
    @pytest.fixture
    def drivers(self, quantum_conf: ConfigOpts) -> Makers:
        return {"quantum": QuantumV1}


class TestOutages(OutageSuite):
    @pytest.fixture
    def service(self, quantum: StandIn) -> StandIn:
        return quantum

    @pytest.fixture
    def drivers(self, quantum_conf: ConfigOpts) -> Makers:
        return {"quantum": QuantumV1}


class TestAudits(AuditSuite):
    @pytest.fixture
    def drivers(self, driver: QuantumV1) -> Mapping[str, Any]:
        return {"quantum": driver}


@pytest.mark.integration
class TestKills(KillSuite):
    @pytest.fixture
    def drivers(self, quantum_conf: ConfigOpts) -> Makers:
        return {"quantum": QuantumV1}
