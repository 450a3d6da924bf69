"""Where each connector goes on from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select

from matcher.store import schema
from matcher.store.store import Store


def read_cursor(store: Store, connector: str) -> dict[str, Any]:
    """Return a connector's cursor, empty if it never ran."""
    table = schema.sync_state
    with store.engine.connect() as connection:
        query = select(table.c.cursor).where(table.c.connector == connector)
        return dict(connection.execute(query).scalar_one_or_none() or {})


def save_cursor(store: Store, connector: str, cursor: dict[str, Any]) -> None:
    """Keep a connector's cursor."""
    table = schema.sync_state
    with store.writing() as connection:
        connection.execute(delete(table).where(table.c.connector == connector))
        connection.execute(
            insert(table).values(connector=connector, cursor=cursor, changed_at=datetime.now(UTC))
        )
