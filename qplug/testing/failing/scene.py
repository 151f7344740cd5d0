"""Operations on your drivers, and on those in memory of the other kinds."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from oslo_config.cfg import ConfigOpts

from qplug.testing.crash.operations import OPERATIONS, Operation
from qplug.testing.crash.stage import Makers, Stage
from qplug.testing.crash.subject import SUBJECT, set_up
from qplug.testing.crash.world import Onlooker
from qplug.testing.failing.rounds import Scene
from qplug.testing.failing.striking import Striker
from qplug.testing.looking import Looks
from qplug.testing.recording import IN_MEMORY
from qplug.testing.suite import Suite

named = {operation.name: operation for operation in OPERATIONS}
FIRST = replace(named["network create"], name="first network create")
"""With which a host is initialised."""
DEALLOCATE = replace(named["deallocate"], act=lambda api: api.deallocate_for_instance(SUBJECT.id))
DELETE = named["network delete"]
ALL_OR_NOTHING = [
    named["allocate"],
    FIRST,
    named["network set"],
    named["fixed-ip add"],
    named["fixed-ip remove"],
]


class SceneSuite(Suite, Looks, base=True):
    """Operations that fail in one process."""

    @pytest.fixture
    def drivers(self) -> Makers:
        """Return what makes your drivers, by kind: as a rule their classes. Override it."""
        pytest.fail(f"{type(self).__name__} lacks a fixture 'drivers'")

    @pytest.fixture
    def scene(self, conf: ConfigOpts, drivers: Makers, operation: Operation) -> Iterator[Scene]:
        """Return a manager on these drivers, and on those in memory of the other kinds."""
        striker, stage = Striker(), Stage(conf, {**IN_MEMORY, **drivers})
        with closing(stage), stage.opened(striker) as opened:
            if not operation.possible(opened):
                pytest.skip(f"the drivers cannot do '{operation}'")
            if operation is not FIRST:
                set_up(opened.api)
            yield Scene(opened, striker, Onlooker(stage, opened, self, operation.stands))
