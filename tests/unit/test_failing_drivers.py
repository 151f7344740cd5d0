"""All or nothing, whichever call of a driver goes wrong and however."""

from collections.abc import Mapping
from typing import Any

import pytest

from qplug.testing.failing import FailSuite


class TestInMemory(FailSuite):
    @pytest.fixture
    def drivers(self) -> Mapping[str, Any]:
        return {}
