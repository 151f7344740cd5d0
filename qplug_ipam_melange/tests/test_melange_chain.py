"""The drivers in the whole chain: whichever call fails, whoever is killed, and what an audit sees.

Melange's job keeps nothing and runs all the time: an operation whose undoing asks for an address by
name can be undone only if that address does not rest.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from crashing import one_remedy
from oslo_config.cfg import ConfigOpts

from qplug.testing.auditing import AuditSuite
from qplug.testing.crash import KillSuite
from qplug.testing.crash.stage import Makers
from qplug.testing.failing import FailSuite
from qplug_ipam_melange.driver import MelangeIpam
from qplug_ipam_melange.mac import MelangeMac
from qplug_ipam_melange.testing import Settings, StandIn
from qplug_ipam_melange.testing.client import Client

__all__ = ["one_remedy"]

SITE = "qplug"
"""The tenant of the keepers, which are interfaces of no vif."""


@pytest.fixture
def melange_settings() -> Settings:
    return Settings(keep_deallocated_ips_for_days=0, job_always_runs=True)


@pytest.fixture
def both(melange_conf: ConfigOpts, client: Client) -> Makers:
    """Return what makes both drivers, on a server that has MAC addresses to give."""
    wanted = {"mac_address_range": {"cidr": "02:16:3e:00:00:00/24"}}
    assert client.ask("POST", "mac_address_ranges", wanted)[0] == 201
    melange_conf.set_override("driver", "melange", "mac")  # networks remember it, for IPAM to know
    return {"ipam": MelangeIpam, "mac": MelangeMac}


class LooksAtMelange:
    """Sees at the server which vifs have a MAC address."""

    @pytest.fixture(autouse=True)
    def server(self, melange: StandIn) -> None:
        self.melange = melange

    def vifs_with_mac(self, driver: Any) -> Collection[str]:
        interfaces = self.melange.tables.interfaces.values()
        return [each.vif_id for each in interfaces if each.vif_id and each.tenant_id != SITE]


class TestFailuresOfTheIpamDriver(FailSuite):
    @pytest.fixture
    def drivers(self, melange_conf: ConfigOpts) -> Makers:
        return {"ipam": MelangeIpam}


class TestFailuresOfBothDrivers(LooksAtMelange, FailSuite):
    @pytest.fixture
    def drivers(self, both: Makers) -> Makers:
        return both


class TestAudits(AuditSuite):
    @pytest.fixture
    def drivers(self, driver: MelangeIpam) -> Mapping[str, Any]:
        return {"ipam": driver}


@pytest.mark.integration
class TestKillsOfBothDrivers(LooksAtMelange, KillSuite):
    @pytest.fixture
    def drivers(self, both: Makers) -> Makers:
        return both
