"""The suites of processes that end, or stand still, in the middle of an operation."""

from qplug.testing.crash.killing import KillSuite
from qplug.testing.crash.pausing import PauseSuite
from qplug.testing.crash.stage import Makers

__all__ = ["KillSuite", "Makers", "PauseSuite"]
