"""What saving a batch would do: which records are new, changed, older or another source's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from matcher.codes import find_organisation_number
from matcher.records import Contact, Need, Record, Supplier
from matcher.store import schema

BOOKKEEPING = {"digest", "sequence", "changed_at", "deleted", "merged_into"}
"""Columns that are no part of a record."""

# The same notice from several feeds: the fuller one is kept.
_FULLNESS = {"eforms": 3, "ted-xml": 3, "ocds": 2, "ted": 1, "doffin": 1}
_CHUNK = 500

PROFILE = "profile"
"""Source of a record that its owner has written. No feed overwrites it or brings it back."""


@dataclass
class SaveResult:
    """What became of a batch of records.

    ``taken`` lists ids that belong to a record of another source and were left alone, with
    that source; ``older`` counts notices that were not taken because a newer version, or the
    same one from a fuller feed, is held; ``merged`` suppliers that were joined by their number.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    taken: list[tuple[str, str]] = field(default_factory=list)
    older: dict[str, int] = field(default_factory=dict)


@dataclass
class Plan:
    """Records to insert and to update, each with its digest."""

    inserts: list[tuple[Record, str]] = field(default_factory=list)
    updates: list[tuple[Record, str]] = field(default_factory=list)


def make_plan(
    connection: Connection,
    table: Table,
    batch: dict[str, Record],
    result: SaveResult,
    take_over: bool = False,
) -> Plan:
    """Compare a batch with the store.

    Counts in ``result`` what is left alone: unchanged, older, or taken by another source.

    Args:
        connection: To the store.
        table: Of the records' kind.
        batch: The records by id; one may be given another id.
        result: Added to.
        take_over: Whether records of another source are overwritten.
    """
    plan = Plan()
    replaced = _replaced(connection, batch) if table is schema.need else set()
    known = _known(connection, table, batch)
    if not take_over:
        _step_aside(connection, table, batch, known)
    for record in batch.values():
        digest = _digest(record)
        row = known.get(record.id)
        reason = _older(record, row) if row is not None else ""
        if record.id in replaced:
            reason = "replaced by a newer notice that is held"
        if reason:
            result.older[reason] = result.older.get(reason, 0) + 1
        elif row is None:
            plan.inserts.append((record, digest))
        elif row.source == PROFILE and record.source != PROFILE and not take_over:
            result.unchanged += 1
        elif row.source != record.source and not (take_over or _same_notice(record, row)):
            result.taken.append((record.id, row.source))
        elif row.digest != digest:
            plan.updates.append((record, digest))
        else:
            result.unchanged += 1
    return plan


def _known(connection: Connection, table: Table, ids: Iterable[str]) -> dict[str, Any]:
    columns = [table.c.id, table.c.digest, table.c.source, table.c.deleted]
    if table is schema.need:
        columns.append(table.c.notice_version)
    else:
        columns += [table.c.name, table.c.organisation_number, table.c.country]
    wanted = list(ids)
    found: dict[str, Any] = {}
    for start in range(0, len(wanted), _CHUNK):
        query = select(*columns).where(table.c.id.in_(wanted[start : start + _CHUNK]))
        found |= {row.id: row for row in connection.execute(query)}
    return found


def _step_aside(
    connection: Connection, table: Table, batch: dict[str, Record], known: dict[str, Any]
) -> None:
    """Give a supplier whose id another source holds for the same company an id of its own.

    The two are then merged by their number, instead of one being refused.
    """
    for record in list(batch.values()):
        row = known.get(record.id)
        if row is None or row.source in (record.source, PROFILE):
            continue
        if not isinstance(record, Supplier):
            continue
        held = find_organisation_number(row.organisation_number, row.country)
        given = find_organisation_number(record.organisation_number, record.country)
        if held is not None and held == given:
            del batch[record.id]
            moved = record.model_copy(update={"id": f"{record.id}~{record.source}"[:200]})
            batch[moved.id] = moved
            known |= _known(connection, table, [moved.id])


def _replaced(connection: Connection, batch: Mapping[str, Record]) -> set[str]:
    """Ids of the batch that a stored need says it replaces."""
    names = {name: i for i, record in batch.items() for name in (i, *_numbers(record.url))}
    table = schema.need
    query = select(table.c.id, table.c.replaces).where(
        table.c.replaces.in_(list(names)), ~table.c.deleted
    )
    found = connection.execute(query).all()
    return {names[row.replaces] for row in found if names[row.replaces] != row.id}


_TED = "https://ted.europa.eu/en/notice/-/detail/"


def _numbers(url: str) -> list[str]:
    """Spellings of the publication number of a notice on TED: with leading zeros or without."""
    number, dash, year = url.removeprefix(_TED).partition("-")
    if not (url.startswith(_TED) and dash and number.isdigit()):
        return []
    bare = number.lstrip("0")
    return [f"{spelt}-{year}" for spelt in dict.fromkeys((bare, bare.zfill(6), bare.zfill(8)))]


def pages_of(publication: str) -> list[str]:
    """Addresses that the notice with a publication number (``123456-2025``) may have on TED."""
    return [_TED + number for number in _numbers(_TED + publication)]


def _same_notice(record: Record, row: Any) -> bool:
    return isinstance(record, Need) and record.source in _FULLNESS and row.source in _FULLNESS


def _older(record: Record, row: Any) -> str:
    """Why a notice is not taken: a newer version is held, or a fuller feed's; else empty."""
    if not isinstance(record, Need) or row.deleted:
        return ""
    if row.source != record.source:
        if _same_notice(record, row) and _FULLNESS[record.source] < _FULLNESS[row.source]:
            return f"held already from {row.source}, which says more"
        return ""
    held, given = row.notice_version, record.notice_version
    if held.isdigit() and given.isdigit():
        older = int(given) < int(held)
    else:
        older = bool(held and given) and given < held
    return "older than the version that is held" if older else ""


def _digest(record: Record) -> str:
    contacts: list[Contact | None] = [getattr(record, "contact", None)]
    if isinstance(record, Need):
        contacts += [b.contact for b in record.buyers]
    digest = hashlib.blake2b(record.model_dump_json().encode(), digest_size=16)
    for contact in contacts:
        digest.update(contact.model_dump_json().encode() if contact else b"-")
    return digest.hexdigest()


def stamp(sequence: int) -> dict[str, Any]:
    """Return the columns that mark a change."""
    return {"sequence": sequence, "changed_at": datetime.now(UTC)}
