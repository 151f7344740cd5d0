"""The driver in the chain: whichever call fails, whoever is killed, and what an audit sees."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from neutron import Neutron
from oslo_config.cfg import ConfigOpts

from qplug.testing.auditing import AuditSuite
from qplug.testing.crash import KillSuite
from qplug.testing.crash.stage import Makers
from qplug.testing.failing import FailSuite
from qplug.testing.failing.outages import OutageSuite
from qplug.testing.http import Front
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP

pytestmark = pytest.mark.integration


class TestFailures(FailSuite):
    @pytest.fixture
    def drivers(self, neutron_conf: ConfigOpts) -> Makers:
        return {"quantum": NeutronQuantum}


class TestOutages(OutageSuite):
    @pytest.fixture
    def service(self, neutron: Neutron) -> Iterator[Front]:
        with Front(neutron.url) as front:
            yield front

    @pytest.fixture
    def drivers(self, neutron_conf: ConfigOpts, service: Front) -> Makers:
        neutron_conf.set_override("url", service.url, GROUP)
        return {"quantum": NeutronQuantum}


class TestAudits(AuditSuite):
    @pytest.fixture
    def drivers(self, driver: NeutronQuantum) -> Mapping[str, Any]:
        return {"quantum": driver}


class TestKills(KillSuite):
    @pytest.fixture
    def drivers(self, neutron_conf: ConfigOpts) -> Makers:
        return {"quantum": NeutronQuantum}
