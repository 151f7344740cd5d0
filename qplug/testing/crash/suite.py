"""What the kill suite and the pause suite share."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from oslo_config.cfg import ConfigOpts

from qplug import loader
from qplug.testing.crash.bystander import Bystander, bystander
from qplug.testing.crash.operations import Operation
from qplug.testing.crash.stage import Makers, Stage
from qplug.testing.crash.subject import set_up
from qplug.testing.crash.world import Onlooker
from qplug.testing.files import FileDhcp, FileL3, FileMac
from qplug.testing.looking import Looks
from qplug.testing.requirements import require
from qplug.testing.suite import Suite


class CrashSuite(Suite, Looks, base=True):
    """Operations on your drivers, and on those for files of the other kinds."""

    @pytest.fixture
    def drivers(self) -> Makers:
        """Return what makes your drivers, by kind: as a rule their classes. Override it."""
        pytest.fail(f"{type(self).__name__} lacks a fixture 'drivers'")

    @pytest.fixture
    def stage(self, conf: ConfigOpts, drivers: Makers) -> Iterator[Stage]:
        """Return where operations take place, with what is there all the time."""
        nova = "nova" in loader.installed(loader.IPAM)
        require(nova or "ipam" in drivers, "no ipam driver 'nova' is installed; run make")
        with closing(Stage(conf, drivers)) as stage:
            with stage.opened() as opened:
                set_up(opened.api)
            yield stage

    @pytest.fixture
    def beside(self, stage: Stage) -> Iterator[Bystander]:
        """Return somebody who works on the same network, and is never disturbed."""
        with bystander(stage) as found:
            yield found

    @pytest.fixture
    def onlooker(self, stage: Stage, operation: Operation) -> Iterator[Onlooker]:
        """Return who sees what there is, unless the drivers cannot do the operation at all."""
        with stage.opened() as opened:
            if not operation.possible(opened):
                pytest.skip(f"the drivers cannot do '{operation}'")
            yield Onlooker(stage, opened, self, operation.stands)

    def _of(self, driver: Any, ours: type, method: str) -> Any:
        if isinstance(driver, FileMac | FileL3 | FileDhcp):
            return driver
        return super()._of(driver, ours, method)
