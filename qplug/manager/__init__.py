"""The driver chain: which step comes when, and what happens when one fails.

It knows the contracts and the store, never a driver. ``Manager`` is the door; behind it are
``networks``, ``creating``, ``changing``, ``deleting``, ``instances``, ``fixed_ips`` and ``hosts``,
which trust their arguments' rights.
"""

from qplug.manager.chain import Chain
from qplug.manager.context import Context
from qplug.manager.door import Manager
from qplug.manager.requests import NetworkSpec
from qplug.manager.subnet_changes import SubnetChanges

__all__ = ["Chain", "Context", "Manager", "NetworkSpec", "SubnetChanges"]
