"""The drivers of the default configuration, whichever call of theirs goes wrong and however."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.testing.failing import FailSuite
from qplug.testing.requirements import require

pytestmark = pytest.mark.integration


class TestNovaAndLocal(FailSuite):
    @pytest.fixture
    def drivers(self, conf: ConfigOpts) -> Iterator[Mapping[str, Any]]:
        there = "nova" in loader.installed(loader.IPAM)
        require(there, "no ipam driver 'nova' is installed; run make")
        with ExitStack() as closing:
            nova = loader.load(loader.IPAM, "nova", conf)
            local = loader.load(loader.QUANTUM, "local", conf)
            closing.callback(nova.close)
            closing.callback(local.close)
            yield {"ipam": nova, "quantum": local}
