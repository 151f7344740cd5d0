"""What tests of the manager share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.contracts import IpamDriver
from qplug.testing.chain import RecordedChain
from qplug.testing.fixtures import MakeManager
from qplug.testing.requirements import require


@pytest.fixture
def make_chain(
    make_manager: MakeManager, conf: ConfigOpts
) -> Iterator[Callable[..., RecordedChain]]:
    """Return a maker of recorded chains; all are closed later."""
    with ExitStack() as closing:

        def make(**given: Any) -> RecordedChain:
            chain = RecordedChain(make_manager, conf, **given)
            closing.callback(chain.close)
            return chain

        yield make


@pytest.fixture
def chain(make_chain: Callable[..., RecordedChain]) -> RecordedChain:
    """Return a manager on recording drivers alone."""
    return make_chain()


@pytest.fixture(params=["memory", "nova"])
def each_ipam(request: pytest.FixtureRequest, conf: ConfigOpts) -> Iterator[IpamDriver]:
    """Return every IPAM driver of ours, one after the other."""
    there = request.param in loader.installed(loader.IPAM)
    require(there, f"no ipam driver '{request.param}' is installed; run make")
    driver = loader.load(loader.IPAM, request.param, conf)
    yield driver
    driver.close()
