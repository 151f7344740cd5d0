"""The manager's own records. No transaction is open when a method returns.

The store is what listing, searching and network info start from; IPAM and Quantum are asked to
change, and what they answered is written here.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from qplug.db import Database
from qplug.store.instance_releases import InstanceReleases
from qplug.store.instance_updates import InstanceUpdates
from qplug.store.instances import InstanceStore
from qplug.store.marks import Marks
from qplug.store.migrations import MIGRATIONS
from qplug.store.network_creations import NetworkCreations
from qplug.store.network_deletions import NetworkDeletions
from qplug.store.network_marks import MarkedNetwork
from qplug.store.network_updates import NetworkUpdates
from qplug.store.networks import NetworkChanges, NetworkStore
from qplug.store.records import InstanceRecord, Leaving, VifRecord
from qplug.store.requests import Answered, Begun, RequestStore, Running
from qplug.store.rows import NO_MAC
from qplug.store.search import Search
from qplug.store.services import Service, ServiceStore
from qplug.store.tombstones import Tombstone, Tombstones
from qplug.store.work import Work, WorkStore

if TYPE_CHECKING:
    from qplug.store.audit import AuditReads

__all__ = [
    "NO_MAC",
    "Answered",
    "Begun",
    "InstanceRecord",
    "Leaving",
    "MarkedNetwork",
    "NetworkChanges",
    "Running",
    "Service",
    "Store",
    "Tombstone",
    "VifRecord",
    "Work",
]


class Store:
    """All records of one database."""

    def __init__(self, url: str, host: str) -> None:
        """Open nothing yet.

        :param host: the name of this one, by which others know whose work is unfinished
        """
        self.database = Database(url, MIGRATIONS)
        marks = Marks(host)
        self.networks = NetworkStore(self.database, marks)
        self.network_creations = NetworkCreations(self.database, marks)
        self.network_updates = NetworkUpdates(self.database, marks)
        self.network_deletions = NetworkDeletions(self.database, marks)
        self.instances = InstanceStore(self.database, marks)
        self.instance_updates = InstanceUpdates(self.database, marks)
        self.instance_releases = InstanceReleases(self.database, marks)
        self.tombstones = Tombstones(self.database, marks)
        self.work = WorkStore(self.database, marks)
        self.search = Search(self.database)
        self.requests = RequestStore(self.database, marks)
        self.services = ServiceStore(self.database, marks)

    @cached_property
    def audit(self) -> "AuditReads":
        """What an audit reads; other commands start without it."""
        from qplug.store.audit import AuditReads

        return AuditReads(self.database)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()
