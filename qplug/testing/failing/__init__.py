"""The fail suite: whichever call of a driver goes wrong, nothing is left that should not be.

For drivers of services behind HTTP, :mod:`qplug.testing.failing.outages` has one more.
"""

from qplug.testing.crash.stage import Makers
from qplug.testing.failing.suite import FailSuite

__all__ = ["FailSuite", "Makers"]
