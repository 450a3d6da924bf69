"""Suppliers that may be one company: suggestions to review, merges to make and to undo."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select, update

from matcher.codes import find_organisation_number
from matcher.errors import ConflictError, NotFoundError
from matcher.store import schema
from matcher.store.merges import REGISTERS, join, record_merge, touch
from matcher.store.store import Store

# Company forms say nothing of which company it is.
_FORMS = re.compile(
    r"\b(?:asa?|ans|da|enk|nuf|sa|hf|ab|hb|kb|aps|a s|ivs|p s|i s|oyj?|ab oy|oy ab|ky|tmi|osk|"
    r"ehf|hf|ohf|slf|gmbh|ag|kg|ug|e k|ohg|co|ltd|limited|llc|inc|plc|holding|group|norge|norway|"
    r"sverige|sweden|danmark|denmark|suomi|finland)\b"
)


@dataclass(frozen=True)
class Pair:
    """Two suppliers and what is known of their being one.

    Attributes:
        id: Of the suggestion or merge.
        kept_id, merged_id: The one that stays, and the one that is or would become part of it.
        reason: Why.
        state: ``suggested``, ``merged``, ``rejected`` or ``undone``.
    """

    id: int
    kept_id: str
    merged_id: str
    reason: str
    state: str


def fold_name(name: str) -> str:
    """Fold a company's name: no case, accents, punctuation or company form."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("ø", "o").replace("æ", "ae"))
    words = re.sub(r"[^\w]+", " ", "".join(c for c in plain if not unicodedata.combining(c)))
    return " ".join(_FORMS.sub(" ", words).split()) or " ".join(words.split())


def fold_site(url: str) -> str:
    """Return the host of a website without ``www.``, empty if there is none."""
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.") if "." in host else ""


def suggest_merges(store: Store) -> int:
    """Look for suppliers of different feeds that may be one, and write suggestions down.

    The same folded name with the same site or the same place in one country suggests it;
    different valid organisation numbers speak against it. Nothing is merged here.

    Returns:
        How many suggestions are new.
    """
    table, pairs = schema.supplier, schema.supplier_merge
    with store.engine.connect() as connection:
        rows = connection.execute(
            select(
                table.c.id, table.c.name, table.c.country, table.c.source, table.c.url,
                table.c.municipality, table.c.organisation_number,
            ).where(~table.c.deleted, table.c.merged_into.is_(None))
        ).all()  # fmt: skip
        known = {
            frozenset((p.kept_id, p.merged_id)) for p in connection.execute(select(pairs)).all()
        }
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.country, fold_name(row.name)].append(row)
    found = [
        (kept.id, other.id, reason)
        for group in groups.values()
        for kept, other in _pairs(group)
        if frozenset((kept.id, other.id)) not in known and (reason := _reason(kept, other))
    ]
    with store.writing() as connection:
        for kept_id, merged_id, reason in found:
            record_merge(connection, kept_id, merged_id, reason, "suggested")
    return len(found)


def _pairs(group: list[Any]) -> Iterable[tuple[Any, Any]]:
    """The best known of a group with each other one of another feed."""
    kept, *others = sorted(group, key=lambda r: (r.source not in REGISTERS, r.id))
    return [(kept, other) for other in others if other.source != kept.source]


def _reason(one: Any, other: Any) -> str:
    numbers = {
        found.number
        for row in (one, other)
        if (found := find_organisation_number(row.organisation_number, row.country))
    }
    if len(numbers) == 2:
        return ""
    same = []
    if fold_site(one.url) and fold_site(one.url) == fold_site(other.url):
        same.append(f"site {fold_site(one.url)}")
    if one.municipality and one.municipality.casefold() == other.municipality.casefold():
        same.append(f"place {one.municipality}")
    return f"same name, {' and '.join(same)}" if same else ""


def list_merges(store: Store, state: str = "suggested") -> list[Pair]:
    """Return pairs in a state, the oldest first."""
    table = schema.supplier_merge
    with store.engine.connect() as connection:
        rows = connection.execute(select(table).where(table.c.state == state).order_by(table.c.id))
        return [Pair(r.id, r.kept_id, r.merged_id, r.reason, r.state) for r in rows]


def decide_merge(store: Store, pair_id: int, accept: bool) -> Pair:
    """Accept a suggestion, or reject it so that it is not made again.

    Raises:
        NotFoundError: There is no such pair.
        ConflictError: It was decided before.
    """
    pair = _pair(store, pair_id)
    if pair.state not in ("suggested", "undone"):
        raise ConflictError(f"pair {pair_id} is {pair.state} already")
    state = "merged" if accept else "rejected"
    with store.writing() as connection:
        if accept:
            join(connection, pair.kept_id, pair.merged_id, store.next_change)
        record_merge(connection, pair.kept_id, pair.merged_id, pair.reason, state)
    return _pair(store, pair_id)


def undo_merge(store: Store, pair_id: int) -> Pair:
    """Part two suppliers again. They are not merged by number again either.

    Raises:
        NotFoundError: There is no such pair.
        ConflictError: It is not merged.
    """
    pair = _pair(store, pair_id)
    if pair.state != "merged":
        raise ConflictError(f"pair {pair_id} is {pair.state}, not merged")
    table = schema.supplier
    with store.writing() as connection:
        connection.execute(
            update(table).where(table.c.id == pair.merged_id).values(merged_into=None)
        )
        # What had been merged into it before follows it out.
        own = select(schema.supplier_merge.c.merged_id).where(
            schema.supplier_merge.c.kept_id == pair.merged_id,
            schema.supplier_merge.c.state == "merged",
        )
        connection.execute(
            update(table).where(table.c.id.in_(own)).values(merged_into=pair.merged_id)
        )
        touch(connection, [pair.kept_id, pair.merged_id], store.next_change)
        record_merge(connection, pair.kept_id, pair.merged_id, pair.reason, "undone")
    return _pair(store, pair_id)


def _pair(store: Store, pair_id: int) -> Pair:
    table = schema.supplier_merge
    with store.engine.connect() as connection:
        row = connection.execute(select(table).where(table.c.id == pair_id)).first()
    if row is None:
        raise NotFoundError(f"no suggestion or merge {pair_id}: `samspill merges` lists them")
    return Pair(row.id, row.kept_id, row.merged_id, row.reason, row.state)
