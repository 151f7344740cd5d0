"""The Linux drivers in the chain: whichever call fails, and whoever is killed."""

import pytest
from crashing import LONG
from hosts import LinuxHost, linux_host
from linux_looks import LinuxLooks
from oslo_config.cfg import ConfigOpts
from scenes import linux_options

from qplug.testing.crash import KillSuite
from qplug.testing.crash.repair import finish
from qplug.testing.crash.stage import Makers
from qplug.testing.failing import FailSuite
from qplug_dhcp_dnsmasq.driver import DnsmasqDhcp
from qplug_l3_linux.driver import LinuxL3

pytestmark = pytest.mark.integration

__all__ = ["linux_host"]


STRIKES = ("works and is unavailable", "hangs and fails")
"""What drivers do of all that they may do, where it is not all tried."""
KILLED = ("allocate", "network delete")
"""What is killed at each of its points, and finished."""


@pytest.fixture(autouse=True)
def short(request: pytest.FixtureRequest) -> None:
    """Leave the rest to make test-long: it takes ten minutes."""
    chosen = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if LONG or "operation" not in chosen:
        return
    if "remedy" in chosen:
        wanted = chosen["remedy"] is finish and str(chosen["operation"]) in KILLED
    else:
        wanted = str(chosen.get("strike", STRIKES[0])) in STRIKES
    if not wanted:
        pytest.skip("it takes long; run make test-long")


@pytest.fixture
def linux_drivers(conf: ConfigOpts, linux_host: LinuxHost) -> Makers:
    linux_options(conf, linux_host)
    return {"l3": LinuxL3, "dhcp": DnsmasqDhcp}


class TestFailures(LinuxLooks, FailSuite):
    @pytest.fixture
    def drivers(self, linux_drivers: Makers) -> Makers:
        return linux_drivers


class TestKills(LinuxLooks, KillSuite):
    @pytest.fixture
    def drivers(self, linux_drivers: Makers) -> Makers:
        return linux_drivers
