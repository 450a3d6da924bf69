"""Alembic's entry point: runs migrations on the connection it is handed."""

from alembic import context

from matcher.store import dialogue, people  # noqa: F401
from matcher.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
