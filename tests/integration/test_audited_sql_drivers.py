"""The audit suite on the drivers of the default configuration, on every database."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.testing.auditing import AuditSuite
from qplug.testing.databases import every_database
from qplug.testing.requirements import require

pytestmark = pytest.mark.integration


@every_database
class TestNovaAndLocal(AuditSuite):
    @pytest.fixture
    def drivers(self, conf: ConfigOpts) -> Iterator[Mapping[str, Any]]:
        there = "nova" in loader.installed(loader.IPAM)
        require(there, "no ipam driver 'nova' is installed; run make")
        conf.set_override("driver", "nova", "ipam")
        conf.set_override("driver", "local", "quantum")
        with ExitStack() as closing:
            nova = loader.load(loader.IPAM, "nova", conf)
            local = loader.load(loader.QUANTUM, "local", conf)
            closing.callback(nova.close)
            closing.callback(local.close)
            yield {"ipam": nova, "quantum": local}
