"""Make a Neutron's tables in a SQLite file, as its migrations cannot; run it with its Python."""

import sys

import sqlalchemy
from neutron.db.migration.models import head

head.get_metadata().create_all(sqlalchemy.create_engine(f"sqlite:///{sys.argv[1]}"))
