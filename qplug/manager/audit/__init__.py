"""Comparing IPAM and Quantum with the store, and repairing what differs.

What is listed twice, and then looked at by itself between two readings of the store, is certain.
Only what the store knows is repaired; what it knows nothing of is kept, and reported. Other
commands start without ``auditing`` and all that it needs.
"""

from qplug.manager.audit.progress import Progress, Watch

__all__ = ["Progress", "Watch"]
