"""Alembic's way in: the connection and the version table are given by ``qplug.db.migrate``."""

from alembic import context

attributes = context.config.attributes
context.configure(connection=attributes["connection"], version_table=attributes["version_table"])
with context.begin_transaction():
    context.run_migrations()
