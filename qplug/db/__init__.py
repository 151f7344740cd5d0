"""A small helper over SQLAlchemy Core for the store, and for plugins that keep tables.

``Database`` runs functions in transactions, again in a new one when the database says so, and
raises our errors. ``Migrations`` names where a distribution's schema comes from. ``HostFile`` is
for what a driver does on its host.
"""

from qplug.db.clock import clock
from qplug.db.engine import Database
from qplug.db.hostfile import HostFile, Turnstile
from qplug.db.migrate import Migrations
from qplug.db.options import connection_opt, connection_url
from qplug.db.types import Address, Moment, identifier, long_text, name

__all__ = [
    "Address",
    "Database",
    "HostFile",
    "Migrations",
    "Moment",
    "Turnstile",
    "clock",
    "connection_opt",
    "connection_url",
    "identifier",
    "long_text",
    "name",
]
