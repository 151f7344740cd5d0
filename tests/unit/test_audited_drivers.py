"""The audit suite on drivers in memory."""

from collections.abc import Mapping
from typing import Any

import pytest

from qplug.testing.auditing import AuditSuite


class TestInMemory(AuditSuite):
    @pytest.fixture
    def drivers(self) -> Mapping[str, Any]:
        return {}
