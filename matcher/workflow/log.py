"""The record: an append-only log whose entries each cover the one before by a hash.

What an entry says is hashed with a salt. Erasing a person's words takes payload and salt away
and leaves the hash: the chain still proves that an entry stood there, and nobody can find out
what it said by trying. An erasure is an entry itself.

The last hash is sealed with the service's secret, so that whoever can write the database but
does not hold the secret can neither rewrite the chain nor cut its end off unseen. A hash kept
elsewhere (an exported record names one) also shows a whole database put back to an old state.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from matcher.errors import NotFoundError
from matcher.store import dialogue as tables
from matcher.workflow.desk import Actor, Desk

ERASED = "payload.erased"
_SEAL = "log-head"


@dataclass(frozen=True)
class Entry:
    """An entry of the log; ``payload`` is None where it was erased."""

    number: int
    at: str
    kind: str
    actor: str
    subject: str
    payload: dict[str, Any] | None
    hash: str


@dataclass(frozen=True)
class Verdict:
    """What became of a verification.

    Attributes:
        ok: Whether everything holds.
        entries: Read.
        erased: Of them, without payload (with an entry that says so).
        head: Hash of the last entry.
        problems: What does not hold, with the number of the entry.
    """

    ok: bool
    entries: int
    erased: int
    head: str
    problems: list[str]


def append(
    connection: Connection,
    desk: Desk,
    actor: Actor | str,
    kind: str,
    subject: str,
    payload: dict[str, Any],
) -> int:
    """Append an entry within a transaction and return its number.

    The head is updated first: writers queue there, so numbers have no gap and no twin.

    Args:
        connection: Of a writing transaction; what is recorded and the entry happen together.
        desk: Clock and seal.
        actor: Who did it; by id, never by name.
        kind: What was done, as in ``invitation.sent``.
        subject: What it was done to, as in ``dialogue:<id>``.
        payload: The details. No contact data: they belong to no record.
    """
    head = tables.log_head
    connection.execute(update(head).values(number=head.c.number + 1))
    number, previous = connection.execute(select(head.c.number, head.c.hash)).one()
    text = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    salt = secrets.token_hex(16)
    values = {
        "number": number,
        "at": desk.now().isoformat(timespec="milliseconds"),
        "kind": kind,
        "actor": actor if isinstance(actor, str) else actor.id,
        "subject": subject,
        "digest": _payload_digest(salt, text),
        "previous": previous,
    }
    entry_hash = _entry_hash(values)
    connection.execute(
        tables.log_entry.insert().values(**values, hash=entry_hash, salt=salt, payload=text)
    )
    seal = desk.signer.seal(_SEAL, f"{number}:{entry_hash}")
    connection.execute(update(head).values(hash=entry_hash, seal=seal))
    return int(number)


def entries(
    connection: Connection,
    subject: str = "",
    kind: str = "",
    after: int = 0,
    limit: int | None = None,
) -> list[Entry]:
    """Return entries in order, by subject and kind where given."""
    table = tables.log_entry
    query = select(table).where(table.c.number > after).order_by(table.c.number)
    if subject:
        query = query.where(table.c.subject == subject)
    if kind:
        query = query.where(table.c.kind == kind)
    return [_entry(row) for row in connection.execute(query.limit(limit))]


def entry(connection: Connection, number: int) -> Entry:
    """Return one entry, or raise :class:`NotFoundError`."""
    row = connection.execute(
        select(tables.log_entry).where(tables.log_entry.c.number == number)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"the log has no entry {number}")
    return _entry(row)


def erase_payload(
    connection: Connection, desk: Desk, actor: Actor | str, number: int, why: str
) -> None:
    """Take out what an entry says; the proof that it stood there remains."""
    table = tables.log_entry
    hit = connection.execute(
        update(table)
        .where(table.c.number == number, table.c.payload.is_not(None))
        .values(payload=None, salt=None)
    )
    if hit.rowcount:
        append(connection, desk, actor, ERASED, f"log:{number}", {"number": number, "why": why})


def verify(
    desk: Desk,
    expected: tuple[int, str] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Read the whole log and check every hash, the order, the seal and all erasures.

    Args:
        desk: The store and the secret.
        expected: Number and hash of an entry noted earlier, outside the database.
        progress: Called with the number of entries read.
    """
    problems: list[str] = []
    previous, count = "", 0
    without: set[int] = set()
    announced: set[int] = set()
    noted = expected is None
    with desk.store.reading() as connection:
        head = connection.execute(select(tables.log_head)).one()
        for row in _rows(connection):
            count += 1
            problems += _check(row, count, previous)
            previous = row.hash
            if row.payload is None:
                without.add(row.number)
            elif row.kind == ERASED:
                announced.add(json.loads(row.payload)["number"])
            noted = noted or (row.number, row.hash) == expected
            progress(count)
    problems += [f"entry {n}: its content is missing" for n in sorted(without - announced)]
    if (head.number, head.hash) != (count, previous):
        problems.append(f"the head names entry {head.number}, the last one is {count}")
    if count and not desk.signer.is_seal(_SEAL, f"{head.number}:{head.hash}", head.seal):
        problems.append("the seal of the head was not made with this SAMSPILL_SECRET_KEY")
    if not noted and expected:
        problems.append(f"entry {expected[0]} with the hash noted for it is not in the log")
    return Verdict(not problems, count, len(without), previous, problems)


def _rows(connection: Connection) -> Iterator[Row[Any]]:
    table = tables.log_entry
    rows = connection.execution_options(yield_per=500).execute(
        select(table).order_by(table.c.number)
    )
    yield from rows


def _check(row: Row[Any], place: int, previous: str) -> list[str]:
    found = []
    if row.number != place:
        found.append(f"entry {place} is missing: {row.number} follows")
    if row.previous != previous:
        found.append(f"entry {row.number}: does not follow the entry before it")
    if _entry_hash(dict(row._mapping)) != row.hash:
        found.append(f"entry {row.number}: was changed (its hash differs)")
    if row.payload is not None and _payload_digest(row.salt or "", row.payload) != row.digest:
        found.append(f"entry {row.number}: its content was changed")
    return found


def _payload_digest(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


def _entry_hash(values: dict[str, Any]) -> str:
    fields = ("number", "at", "kind", "actor", "subject", "digest", "previous")
    line = json.dumps([values[name] for name in fields], ensure_ascii=False)
    return hashlib.sha256(line.encode()).hexdigest()


def _entry(row: Row[Any]) -> Entry:
    payload = None if row.payload is None else json.loads(row.payload)
    return Entry(row.number, row.at, row.kind, row.actor, row.subject, payload, row.hash)
