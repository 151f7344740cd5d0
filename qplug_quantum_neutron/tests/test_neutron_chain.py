"""The driver in the chain: whichever call fails, whoever is killed, and what an audit sees."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from crashing import LONG
from neutron import Neutron
from oslo_config.cfg import ConfigOpts

from qplug.http.server import Front
from qplug.testing.auditing import AuditSuite
from qplug.testing.crash import KillSuite
from qplug.testing.crash.repair import finish
from qplug.testing.crash.stage import Makers
from qplug.testing.failing import FailSuite
from qplug.testing.failing.outages import OutageSuite
from qplug_quantum_neutron.driver import NeutronQuantum
from qplug_quantum_neutron.options import GROUP

pytestmark = pytest.mark.integration

SHORT = ("allocate", "deallocate", "first network create", "network delete")
"""What is done again and again, until it was struck or killed everywhere."""
STRIKE = "works and is unavailable"
"""What Neutron does when its answer is lost."""
KILLED = ("allocate", "deallocate")
"""What is killed at each of its points, and finished."""


@pytest.fixture(autouse=True)
def short(request: pytest.FixtureRequest) -> None:
    """Leave the rest to make test-long: a port takes Neutron a fifth of a second."""
    chosen = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if LONG or "operation" not in chosen:
        return
    operation = str(chosen["operation"])
    if "remedy" in chosen:
        wanted = chosen["remedy"] is finish and operation in KILLED
    else:
        how = str(chosen.get("strike")) == STRIKE or chosen.get("works", False)
        wanted = how and operation in SHORT
    if not wanted:
        pytest.skip("it takes long; run make test-long")


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


class TestAuditsOfMirror(TestAudits):
    @pytest.fixture
    def neutron_conf(self, neutron_conf: ConfigOpts) -> ConfigOpts:
        neutron_conf.set_override("mirror_addresses", True, GROUP)
        return neutron_conf


@pytest.mark.skipif(not LONG, reason="it takes long; run make test-long")
class TestOutagesOfMirror(TestOutages):
    @pytest.fixture
    def neutron_conf(self, neutron_conf: ConfigOpts) -> ConfigOpts:
        neutron_conf.set_override("mirror_addresses", True, GROUP)
        return neutron_conf
