"""A Melange server for each test."""

import sys

# pytest takes the folder of the distribution, which has the package's name, for the package.
if getattr(sys.modules.get("qplug_ipam_melange"), "__file__", None) is None:
    sys.modules.pop("qplug_ipam_melange", None)

from qplug_ipam_melange.testing.fixtures import client, melange, melange_settings

__all__ = ["client", "melange", "melange_settings"]
