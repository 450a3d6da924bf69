"""Texts about a supplier from its page or its files, kept beside its own record."""

from __future__ import annotations

from datetime import date

from sqlalchemy import delete, insert, select

from matcher.errors import NotFoundError
from matcher.records import Kind, Text
from matcher.store import schema
from matcher.store.merges import touch
from matcher.store.store import Store


def save_supplier_texts(
    store: Store, supplier_id: str, url: str, texts: list[Text], retrieved: date
) -> bool:
    """Keep the texts of one page or file in place of what was read from it before.

    Returns:
        Whether anything changed. Unchanged texts leave the supplier unchanged, so that the
        index need not read it again.

    Raises:
        NotFoundError: There is no such supplier.
    """
    table = schema.supplier_text
    if supplier_id not in store.get_many(Kind.SUPPLIER, [supplier_id]):
        raise NotFoundError(f"no supplier {supplier_id!r}")
    where = (table.c.supplier_id == supplier_id) & (table.c.url == url[:1000])
    with store.writing() as connection:
        held = [
            (row.lang, row.title, row.body)
            for row in connection.execute(select(table).where(where).order_by(table.c.position))
        ]
        if held == [(t.lang, t.title, t.body) for t in texts]:
            return False
        connection.execute(delete(table).where(where))
        rows = [
            {
                "supplier_id": supplier_id,
                "url": url[:1000],
                "position": position,
                "lang": text.lang,
                "title": text.title,
                "body": text.body,
                "retrieved": retrieved.isoformat(),
            }
            for position, text in enumerate(texts)
        ]
        if rows:
            connection.execute(insert(table), rows)
        touch(connection, [supplier_id], store.next_change)
    return True
