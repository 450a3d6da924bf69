"""What brokers said of suppliers for needs: relevant, partly, not."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum

from sqlalchemy import delete, insert, select

from matcher.records import Kind
from matcher.store import schema
from matcher.store.store import Store


class Grade(IntEnum):
    """Judgement of the text alone, not of price, place or buyer."""

    NOT = 0
    PARTLY = 1
    RELEVANT = 2


class Judgements:
    """Reads and writes judgements."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def give(self, need_id: str, supplier_id: str, grade: Grade | None) -> None:
        """Judge a supplier for a need anew; None takes the judgement back.

        Raises:
            NotFoundError: There is no such need or supplier.
        """
        self._store.get(Kind.NEED, need_id)
        self._store.get(Kind.SUPPLIER, supplier_id)
        table = schema.judgement
        with self._store.writing() as connection:
            connection.execute(
                delete(table).where(table.c.need_id == need_id, table.c.supplier_id == supplier_id)
            )
            if grade is not None:
                connection.execute(
                    insert(table).values(
                        need_id=need_id,
                        supplier_id=supplier_id,
                        grade=int(grade),
                        judged_at=datetime.now(UTC),
                    )
                )

    def of(self, need_id: str) -> dict[str, int]:
        """Judgements of one need: supplier id -> grade."""
        table = schema.judgement
        query = select(table.c.supplier_id, table.c.grade).where(table.c.need_id == need_id)
        with self._store.engine.connect() as connection:
            return {row.supplier_id: row.grade for row in connection.execute(query)}

    def all(self) -> dict[str, dict[str, int]]:
        """All judgements: need id -> supplier id -> grade."""
        table = schema.judgement
        found: dict[str, dict[str, int]] = {}
        query = select(table.c.need_id, table.c.supplier_id, table.c.grade)
        with self._store.engine.connect() as connection:
            for need, supplier, grade in connection.execute(query):
                found.setdefault(need, {})[supplier] = grade
        return found
