"""The manager's own records. No transaction is open when a method returns.

The store is what listing, searching and network info start from; IPAM and Quantum are asked to
change, and what they answered is written here.
"""

from qplug.db import Database
from qplug.store.instances import InstanceStore
from qplug.store.migrations import MIGRATIONS
from qplug.store.network_updates import NetworkUpdates
from qplug.store.networks import Deletion, NetworkChanges, NetworkStore
from qplug.store.records import InstanceRecord, VifRecord
from qplug.store.rows import NO_MAC
from qplug.store.search import Search

__all__ = ["NO_MAC", "Deletion", "InstanceRecord", "NetworkChanges", "Store", "VifRecord"]


class Store:
    """All records of one database."""

    def __init__(self, url: str) -> None:
        self.database = Database(url, MIGRATIONS)
        self.networks = NetworkStore(self.database)
        self.network_updates = NetworkUpdates(self.database)
        self.instances = InstanceStore(self.database)
        self.search = Search(self.database)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()
