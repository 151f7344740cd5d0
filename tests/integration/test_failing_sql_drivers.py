"""The drivers of the default configuration, whichever call of theirs goes wrong and however."""

import pytest

from qplug import loader
from qplug.testing.failing import FailSuite, Makers
from qplug.testing.requirements import require

pytestmark = pytest.mark.integration


class TestNovaAndLocal(FailSuite):
    @pytest.fixture
    def drivers(self) -> Makers:
        there = "nova" in loader.installed(loader.IPAM)
        require(there, "no ipam driver 'nova' is installed; run make")
        return {
            "ipam": lambda conf: loader.load(loader.IPAM, "nova", conf),
            "quantum": lambda conf: loader.load(loader.QUANTUM, "local", conf),
        }
