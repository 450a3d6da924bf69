"""Alerts: saved searches and profiles, their digests by mail and as a feed.

What was found is stored together with the letter that tells of it, in one transaction a
subscription: a job that dies between two subscriptions has told each of them everything or
nothing, and the next run goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from lxml import etree
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row, delete, insert, select, update

from matcher.errors import ConflictError, ForbiddenError, InputError, NotFoundError, SamspillError
from matcher.index import Filters
from matcher.records import Kind, Language, Need, Record, Text
from matcher.store import dialogue as tables
from matcher.workflow import accounts, letters, mail
from matcher.workflow.desk import Actor, Desk, Role, new_id

FEED = "feed"
_LOOKED_AT = 200
_IN_FEED = 100
_MOST = 50
_ATOM = "http://www.w3.org/2005/Atom"


class Rhythm(StrEnum):
    """How often a digest may come."""

    EVERY_RUN = "every_run"
    DAILY = "daily"
    WEEKLY = "weekly"


# A little less than the period: the nightly job does not start at the same second every night.
_PAUSE = {
    Rhythm.EVERY_RUN: timedelta(0),
    Rhythm.DAILY: timedelta(hours=20),
    Rhythm.WEEKLY: timedelta(days=6, hours=20),
}


class Wish(BaseModel):
    """What somebody wants to hear of: matches for a supplier's profile, or for a text.

    ``threshold`` is the least score of a match: the sum of its stages' numbers in standard
    deviations above what chance gives (0 hears of everything that was scored).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1, max_length=200)
    supplier_id: str = Field("", max_length=200)
    text: str = Field("", max_length=20_000)
    language: Language = "und"
    kind: Kind = Kind.SUPPLIER
    filters: Filters = Filters()
    threshold: float = Field(3.0, ge=-100, le=100)
    rhythm: Rhythm = Rhythm.DAILY
    mail: bool = True


@dataclass(frozen=True)
class Subscription:
    """A wish and where it stands."""

    id: str
    account_id: str
    wish: Wish
    created_at: datetime
    digest_at: datetime | None


@dataclass(frozen=True)
class Hit:
    """Something a subscription has told of."""

    record_id: str
    title: str
    link: str
    score: float
    found_at: datetime


@dataclass
class Digests:
    """What became of a run.

    Attributes:
        looked: Subscriptions that were due.
        new: Matches that nobody had told of yet.
        letters: Written; :func:`~matcher.workflow.mail.send` sends them.
        failed: Subscriptions that could not be looked up, with the reason.
    """

    looked: int = 0
    new: int = 0
    letters: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def subscribe(desk: Desk, actor: Actor, wish: Wish) -> Subscription:
    """Save a search or a profile to be told of new matches.

    Raises:
        ForbiddenError: The profile is somebody else's.
        InputError: Neither profile nor text is given, or both.
    """
    _check(actor, wish)
    subscription_id = new_id()
    with desk.store.writing() as connection:
        if len(own(connection, actor)) >= _MOST:
            raise ConflictError(f"an account has {_MOST} subscriptions at most: delete one")
        connection.execute(
            insert(tables.subscription).values(
                id=subscription_id,
                account_id=actor.id,
                feed_number=0,
                created_at=desk.now(),
                **_columns(wish),
            )
        )
        return get(connection, actor, subscription_id)


def change(desk: Desk, actor: Actor, subscription_id: str, wish: Wish) -> Subscription:
    """Change a subscription; what it told of before it does not tell again."""
    _check(actor, wish)
    with desk.store.writing() as connection:
        get(connection, actor, subscription_id)
        table = tables.subscription
        connection.execute(
            update(table).where(table.c.id == subscription_id).values(**_columns(wish))
        )
        return get(connection, actor, subscription_id)


def unsubscribe(desk: Desk, actor: Actor, subscription_id: str) -> None:
    """Delete a subscription."""
    with desk.store.writing() as connection:
        get(connection, actor, subscription_id)
        table = tables.subscription
        connection.execute(delete(table).where(table.c.id == subscription_id))


def own(connection: Connection, actor: Actor) -> list[Subscription]:
    """Return the subscriptions of an account."""
    table = tables.subscription
    rows = connection.execute(
        select(table).where(table.c.account_id == actor.id).order_by(table.c.created_at)
    )
    return [_subscription(row) for row in rows]


def get(connection: Connection, actor: Actor, subscription_id: str) -> Subscription:
    """Return one of an account's own subscriptions, or raise :class:`NotFoundError`."""
    row = _row(connection, subscription_id)
    if row is None or row.account_id != actor.id:
        raise NotFoundError(f"no subscription {subscription_id!r} of yours")
    return _subscription(row)


# -- digests


def send_digests(desk: Desk, progress: Callable[[int, int], None] = lambda *_: None) -> Digests:
    """Look up every subscription that is due and write its digest.

    Running it again at once writes nothing: what was told is stored with the letter.

    Args:
        desk: With the service that ranks.
        progress: Called with subscriptions looked up and in all.
    """
    result = Digests()
    with desk.store.reading() as connection:
        rows = connection.execute(
            select(tables.subscription).order_by(tables.subscription.c.id)
        ).all()
    due = [row for row in rows if _is_due(row, desk.now())]
    for done, row in enumerate(due, start=1):
        try:
            found = _look_up(desk, _subscription(row))
        except SamspillError as error:
            # One search that cannot be answered keeps nobody else from hearing.
            result.failed.append((row.id, str(error)))
            continue
        _tell(desk, row, found, result)
        progress(done, len(due))
    return result


def _is_due(row: Row[Any], now: datetime) -> bool:
    pause = _PAUSE[Rhythm(row.rhythm)]
    return row.digest_at is None or now - row.digest_at >= pause


def _look_up(desk: Desk, subscription: Subscription) -> list[tuple[Record, float, str]]:
    """Return what reaches the threshold, best first, with the generation it was found in."""
    wish, matcher = subscription.wish, desk.matching.matcher
    asking: Record
    if wish.supplier_id:
        asking = desk.store.supplier(wish.supplier_id)
    else:
        asking = Need(id="text", texts=(Text(lang=wish.language, body=wish.text),), source="text")
    query = matcher.prepare(asking, wish.kind)
    result = matcher.match(query, _LOOKED_AT, wish.filters)
    hits = [h for h in result.hits if h.score >= wish.threshold]
    records = desk.store.get_many(wish.kind.other, [h.record_id for h in hits])
    return [
        (records[h.record_id], h.score, result.generation) for h in hits if h.record_id in records
    ]


def _tell(
    desk: Desk, row: Row[Any], found: list[tuple[Record, float, str]], result: Digests
) -> None:
    table, hits = tables.subscription, tables.alert_hit
    with desk.store.writing() as connection:
        # Another run may have told of it meanwhile, or its owner deleted it.
        now = _row(connection, row.id)
        if now is None or now.digest_at != row.digest_at:
            return
        result.looked += 1
        told = set(
            connection.execute(
                select(hits.c.record_id).where(hits.c.subscription_id == row.id)
            ).scalars()
        )
        new = [item for item in found if item[0].id not in told]
        number = row.feed_number + 1 if new else row.feed_number
        connection.execute(
            update(table)
            .where(table.c.id == row.id)
            .values(digest_at=desk.now(), feed_number=number)
        )
        if not new:
            return
        connection.execute(
            insert(hits),
            [
                {
                    "subscription_id": row.id,
                    "record_id": record.id,
                    "score": score,
                    "generation": generation,
                    "found_at": desk.now(),
                }
                for record, score, generation in new
            ],
        )
        result.new += len(new)
        result.letters += _write(connection, desk, now, [r for r, _, _ in new], number)


def _write(
    connection: Connection, desk: Desk, row: Row[Any], records: list[Record], number: int
) -> int:
    account = accounts.get(connection, row.account_id)
    silent = mail.stopped(connection, desk, f"account:{account.id}") or (
        row.supplier_id and mail.stopped(connection, desk, f"supplier:{row.supplier_id}")
    )
    if not row.mail or silent or not account.active or not account.email:
        return 0
    items = [
        (_title(r, account.language), _link(desk, Kind(row.kind).other, r.id)) for r in records
    ]
    letter = letters.digest(desk, account.language, row.title, items)
    key = f"digest:{row.id}:{number}"
    mail.to_account(connection, desk, account, key, letter, "", stop=f"subscription:{row.id}")
    return 1


def _title(record: Record, language: str) -> str:
    text = record.text_in(language)
    title = text.title if isinstance(record, Need) else record.title
    return title or text.body[:120]


def _link(desk: Desk, kind: Kind, record_id: str) -> str:
    return desk.link(f"/{kind}s/{quote(record_id, safe='')}")


# -- the feed


def feed_link(desk: Desk, subscription_id: str) -> str:
    """Return the address of a subscription's feed: whoever has it may read it."""
    return desk.link(f"/api/v1/feeds/{desk.signer.make(FEED, subscription_id)}")


def feed(desk: Desk, token: str) -> bytes:
    """Return a subscription's finds as an Atom feed (RFC 4287), the newest first.

    Raises:
        NotFoundError: The address was not made here, or the subscription is gone.
    """
    subscription_id = desk.signer.read(FEED, token)
    with desk.store.reading() as connection:
        row = _row(connection, subscription_id or "")
        if row is None or not accounts.get(connection, row.account_id).active:
            raise NotFoundError("there is no such feed")
        found = hits(connection, desk, row)
    root = etree.Element("feed", xmlns=_ATOM)
    last = max((h.found_at for h in found), default=row.created_at)
    for name, value in (
        ("id", f"urn:samspill:subscription:{row.id}"),
        ("title", _printable(row.title)),
        ("updated", last.isoformat()),
    ):
        etree.SubElement(root, name).text = value
    author = etree.SubElement(root, "author")
    etree.SubElement(author, "name").text = "Samspill"
    etree.SubElement(root, "link", rel="self", href=feed_link(desk, row.id))
    for hit in found:
        entry = etree.SubElement(root, "entry")
        etree.SubElement(entry, "id").text = f"{hit.link}#{row.id}"
        etree.SubElement(entry, "title").text = _printable(hit.title)
        etree.SubElement(entry, "link", rel="alternate", href=hit.link)
        etree.SubElement(entry, "updated").text = hit.found_at.isoformat()
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def hits(connection: Connection, desk: Desk, row: Row[Any]) -> list[Hit]:
    """Return what a subscription has told of, the newest first."""
    table = tables.alert_hit
    rows = connection.execute(
        select(table)
        .where(table.c.subscription_id == row.id)
        .order_by(table.c.found_at.desc(), table.c.score.desc())
        .limit(_IN_FEED)
    ).all()
    kind = Kind(row.kind).other
    records = desk.store.get_many(kind, [r.record_id for r in rows])
    language = accounts.get(connection, row.account_id).language
    return [
        Hit(
            r.record_id,
            _title(records[r.record_id], language),
            _link(desk, kind, r.record_id),
            r.score,
            r.found_at,
        )
        for r in rows
        if r.record_id in records
    ]


def own_hits(connection: Connection, desk: Desk, actor: Actor, subscription_id: str) -> list[Hit]:
    """Return what one of an account's own subscriptions has told of."""
    get(connection, actor, subscription_id)
    row = _row(connection, subscription_id)
    assert row is not None
    return hits(connection, desk, row)


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c == " ")


def _check(actor: Actor, wish: Wish) -> None:
    if bool(wish.supplier_id) == bool(wish.text.strip()):
        raise InputError("a subscription is for a profile (supplier_id) or for a text")
    if wish.supplier_id and wish.supplier_id not in actor.suppliers:
        raise ForbiddenError("only its owner can subscribe for a profile")
    if wish.supplier_id and wish.kind is not Kind.SUPPLIER:
        raise InputError("a profile finds needs: kind is supplier")
    if actor.role is Role.SUPPLIER and wish.kind is Kind.NEED:
        raise ForbiddenError("the suppliers for a need are the buyers' and brokers' to see")


def _columns(wish: Wish) -> dict[str, Any]:
    values = wish.model_dump(mode="json")
    return {**values, "supplier_id": wish.supplier_id or None}


def _row(connection: Connection, subscription_id: str) -> Row[Any] | None:
    table = tables.subscription
    return connection.execute(select(table).where(table.c.id == subscription_id)).one_or_none()


def _subscription(row: Row[Any]) -> Subscription:
    values = {name: row._mapping[name] for name in Wish.model_fields}
    wish = Wish(**{**values, "supplier_id": row.supplier_id or ""})
    return Subscription(row.id, row.account_id, wish, row.created_at, row.digest_at)
