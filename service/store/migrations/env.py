"""Alembic's own entry: runs the steps on the connection it is given, in that connection's transaction."""

from alembic import context

from service.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
