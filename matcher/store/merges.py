"""One company, several feeds: merges of suppliers, and texts from pages and files.

A merged supplier keeps its row and leaves the lists; the one it was merged into is read with
its texts and with what it knows beyond. So a merge can be undone, and each feed goes on
updating its own row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, insert, select, update

from matcher.codes import find_organisation_number
from matcher.records import Supplier, Text
from matcher.store import schema
from matcher.store.plan import BOOKKEEPING, stamp

REGISTERS = ("brreg", "cvr", "prh", "bolagsverket")
"""Sources whose record is kept when a company is merged."""

NextChange = Callable[[Connection, int], int]
_CHUNK = 500


def merge_by_number(
    connection: Connection, written: list[Supplier], next_change: NextChange
) -> int:
    """Merge suppliers just written with those that have the same organisation number.

    Only numbers with a right check digit count. A pair that a person parted stays parted.

    Returns:
        How many were merged.
    """
    numbers = {
        s.organisation_number: s
        for s in written
        if s.organisation_number and find_organisation_number(s.organisation_number, s.country)
    }
    table, merged = schema.supplier, 0
    wanted = list(numbers)
    for start in range(0, len(wanted), _CHUNK):
        rows = connection.execute(
            select(table.c.id, table.c.source, table.c.organisation_number, table.c.country).where(
                table.c.organisation_number.in_(wanted[start : start + _CHUNK]),
                ~table.c.deleted,
                table.c.merged_into.is_(None),
            )
        ).all()
        groups: dict[tuple[str, str], list[Any]] = {}
        for row in rows:
            groups.setdefault((row.country, row.organisation_number), []).append(row)
        for (country, number), group in groups.items():
            kept, *others = sorted(group, key=lambda r: (r.source not in REGISTERS, r.id))
            for other in others:
                pair = _pair(connection, kept.id, other.id)
                if pair is None or pair.state == "suggested":
                    reason = f"same organisation number {country} {number}"
                    record_merge(connection, kept.id, other.id, reason, "merged")
                    join(connection, kept.id, other.id, next_change)
                    merged += 1
    return merged


def _pair(connection: Connection, one: str, other: str) -> Any:
    table = schema.supplier_merge
    return connection.execute(
        select(table).where(table.c.kept_id.in_([one, other]), table.c.merged_id.in_([one, other]))
    ).first()


def record_merge(connection: Connection, kept: str, merged: str, reason: str, state: str) -> None:
    """Write a merge or suggestion down, in place of what was known of the pair."""
    table = schema.supplier_merge
    values = {"reason": reason, "state": state, "changed_at": datetime.now(UTC)}
    known = _pair(connection, kept, merged)
    if known is None:
        values |= {"kept_id": kept, "merged_id": merged}
        connection.execute(insert(table).values(**values))
    else:
        connection.execute(update(table).where(table.c.id == known.id).values(**values))


def join(connection: Connection, kept: str, merged: str, next_change: NextChange) -> None:
    """Make one supplier part of another; what was part of it follows."""
    table = schema.supplier
    connection.execute(
        update(table)
        .where((table.c.id == merged) | (table.c.merged_into == merged))
        .values(merged_into=kept)
    )
    touch(connection, [kept, merged], next_change)


def touch(connection: Connection, ids: Iterable[str], next_change: NextChange) -> None:
    """Mark suppliers as changed, so that the index reads them again."""
    table = schema.supplier
    for supplier_id in ids:
        number = next_change(connection, 1)
        connection.execute(update(table).where(table.c.id == supplier_id).values(**stamp(number)))


def touch_kept(connection: Connection, ids: list[str], next_change: NextChange) -> None:
    """Mark the suppliers that some rows are part of as changed, for they read otherwise now."""
    table = schema.supplier
    kept: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        query = select(table.c.merged_into).where(
            table.c.id.in_(ids[start : start + _CHUNK]), table.c.merged_into.is_not(None)
        )
        kept |= set(connection.execute(query).scalars())
    touch(connection, sorted(kept), next_change)


def listed(table: Table) -> ColumnElement[bool]:
    """What is listed: not deleted, and not part of another supplier."""
    found = ~table.c.deleted
    return found & table.c.merged_into.is_(None) if table is schema.supplier else found


def has_parts(connection: Connection, ids: list[str]) -> list[str]:
    """Return those of some suppliers that something was merged into, or that have texts."""
    table, texts = schema.supplier, schema.supplier_text
    found: list[str] = []
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        found += connection.execute(
            select(table.c.merged_into).where(table.c.merged_into.in_(chunk))
        ).scalars()
        found += connection.execute(
            select(texts.c.supplier_id).where(texts.c.supplier_id.in_(chunk))
        ).scalars()
    return found


def with_parts(connection: Connection, suppliers: dict[str, Supplier]) -> dict[str, Supplier]:
    """Return suppliers with what was merged into them and with texts from pages and files."""
    if not suppliers:
        return suppliers
    found = dict(suppliers)
    ids = list(found)
    table, texts = schema.supplier, schema.supplier_text
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        parts = connection.execute(
            select(table)
            .where(table.c.merged_into.in_(chunk), ~table.c.deleted)
            .order_by(table.c.id)
        ).all()
        for row in parts:
            found[row.merged_into] = _joined(found[row.merged_into], _supplier(row))
        owners = {row.id: row.merged_into for row in parts} | {i: i for i in chunk}
        rows = connection.execute(
            select(texts)
            .where(texts.c.supplier_id.in_(list(owners)))
            .order_by(texts.c.supplier_id, texts.c.url, texts.c.position)
        ).all()
        added: dict[str, list[Text]] = {}
        for row in rows:
            added.setdefault(owners[row.supplier_id], []).append(
                Text(
                    lang=row.lang,
                    title=row.title,
                    body=row.body,
                    source_url=row.url,
                    retrieved=row.retrieved,
                )
            )
        for owner, more in added.items():
            held = found[owner]
            found[owner] = held.model_copy(update={"texts": (*held.texts, *more)})
    return found


def _supplier(row: Any) -> Supplier:
    values = {k: v for k, v in row._mapping.items() if k not in BOOKKEEPING and k != "title"}
    return Supplier(**values)


def _joined(kept: Supplier, other: Supplier) -> Supplier:
    """What the kept one lacks comes from the other; texts and codes are added up."""
    known = {t.body for t in kept.texts}
    update: dict[str, Any] = {
        "texts": (*kept.texts, *(t for t in other.texts if t.body and t.body not in known)),
        "cpv": tuple(dict.fromkeys((*kept.cpv, *other.cpv))),
        "nace": tuple(dict.fromkeys((*kept.nace, *other.nace))),
        "no_advertising": kept.no_advertising or other.no_advertising,
        "personal_data": kept.personal_data or other.personal_data,
    }
    for name in ("country", "region", "url", "organisation_number", "municipality", "employees",
                 "founded", "legal_form", "size"):  # fmt: skip
        if getattr(kept, name) in ("", None):
            update[name] = getattr(other, name)
    return kept.model_copy(update=update)
