"""The fail suite: whichever call of a driver goes wrong, nothing is left that should not be."""

from qplug.testing.failing.suite import FailSuite

__all__ = ["FailSuite"]
