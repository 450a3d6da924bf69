"""A need under work: what it is, and reading it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row, func, select

from matcher.errors import NotFoundError
from matcher.records import Buyer, Country, Kind, Need, Part, Procedure, Text
from matcher.store import dialogue as tables
from matcher.store import schema
from matcher.store.buyers import buyer_key
from matcher.workflow.desk import Actor, Desk, Role

SOURCE = "samspill"
FEED = "feed"


class State(StrEnum):
    """Where a need stands."""

    DRAFT = "draft"
    PUBLISHED = "published"
    IN_DIALOGUE = "in_dialogue"
    IN_PROCUREMENT = "in_procurement"
    DONE = "done"
    WITHDRAWN = "withdrawn"


NEXT: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.PUBLISHED, State.WITHDRAWN}),
    State.PUBLISHED: frozenset({State.IN_DIALOGUE, State.IN_PROCUREMENT, State.WITHDRAWN}),
    State.IN_DIALOGUE: frozenset({State.PUBLISHED, State.IN_PROCUREMENT, State.WITHDRAWN}),
    State.IN_PROCUREMENT: frozenset({State.DONE, State.WITHDRAWN}),
    State.DONE: frozenset(),
    State.WITHDRAWN: frozenset({State.DRAFT}),
}


class Content(BaseModel):
    """What a need says, as its owner writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: tuple[Text, ...] = Field(min_length=1, max_length=24)
    country: Country = ""
    region: str = ""
    cpv: tuple[str, ...] = ()
    url: str = ""
    procedure: Procedure = Procedure.OPEN_DIALOGUE
    deadline: date | None = None
    value: float | None = None
    currency: str = ""
    innovation: bool = False
    buyers: tuple[Buyer, ...] = ()
    parts: tuple[Part, ...] = ()
    # Of records that came from a feed and are only worked on here.
    notice_type: str = ""
    notice_version: str = ""
    published: date | None = None

    def record(self, need_id: str, published: date) -> Need:
        """Return the record that is stored, indexed and matched."""
        values = {name: getattr(self, name) for name in Content.model_fields}
        values["published"] = self.published or published
        return Need(id=need_id, source=SOURCE, source_id=need_id, **values)


@dataclass(frozen=True)
class Case:
    """A need under work.

    Attributes:
        need_id: Of the need; of its record too, once published.
        state: Where it stands.
        version: Of its content, from 1.
        content: What it says.
        buyer_ids: Of its buyers, as in ``content.buyers``.
        joint_id: The joint need it is a part of, or empty.
        created_by: Account id, or that it came from a feed.
    """

    need_id: str
    state: State
    version: int
    content: Content
    buyer_ids: tuple[int, ...]
    joint_id: str
    created_by: str
    created_at: datetime
    changed_at: datetime

    @property
    def own(self) -> bool:
        """Whether it was written here; what came from a feed is changed by its feed alone."""
        return self.created_by != FEED

    @property
    def record(self) -> Need:
        """The need as a record."""
        return self.content.record(self.need_id, self.created_at.date())


@dataclass(frozen=True)
class Event:
    """A step in the life of a need."""

    number: int
    at: datetime
    actor: str
    action: str
    state: State
    version: int
    reason: str
    content: Content | None


def case(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> Case:
    """Return a need under work that the actor may see.

    Raises:
        NotFoundError: There is none, or it is somebody else's business: both look alike.
    """
    found = get(connection, need_id)
    if actor.runs_dialogues or actor.role is Role.JOB:
        return found
    if actor.role is Role.BUYER and actor.buyer_id in found.buyer_ids:
        return found
    raise NotFoundError(f"no need {need_id!r}")


def peek(connection: Connection, desk: Desk, need_id: str) -> Case | None:
    """Return a need that is no secret, also one nobody has taken on yet; else None."""
    table = tables.need_case
    row = connection.execute(select(table).where(table.c.need_id == need_id)).one_or_none()
    if row is not None:
        return _case(connection, row)
    record = desk.store.get_many(Kind.NEED, [need_id]).get(need_id)
    if not isinstance(record, Need):
        return None
    content, now = content_of(record), desk.now()
    ids = _buyer_ids(connection, content)
    return Case(need_id, State.PUBLISHED, 1, content, ids, "", FEED, now, now)


def listing(
    connection: Connection,
    actor: Actor,
    state: State | None = None,
    offset: int = 0,
    limit: int = 50,
) -> tuple[int, list[Case]]:
    """Return how many needs under work an actor may see, and some of them."""
    table, party = tables.need_case, tables.need_party
    query = select(table)
    if not actor.runs_dialogues:
        own = select(party.c.need_id).where(party.c.buyer_id == actor.buyer_id)
        query = query.where(table.c.need_id.in_(own))
    if state is not None:
        query = query.where(table.c.state == state)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(
        query.order_by(table.c.changed_at.desc(), table.c.need_id).offset(offset).limit(limit)
    ).all()
    return total, [_case(connection, row) for row in rows]


def parts_of(connection: Connection, joint_id: str) -> list[Case]:
    """Return the needs that a joint need is made of; none if it is no joint need."""
    table = tables.need_case
    rows = connection.execute(
        select(table).where(table.c.joint_id == joint_id).order_by(table.c.need_id)
    ).all()
    return [_case(connection, row) for row in rows]


def history(connection: Connection, need_id: str) -> list[Event]:
    """Return all that happened to a need, in order."""
    table = tables.need_event
    rows = connection.execute(
        select(table).where(table.c.need_id == need_id).order_by(table.c.number)
    )
    return [
        Event(
            row.number,
            row.at,
            row.actor,
            row.action,
            State(row.state),
            row.version,
            row.reason,
            Content(**row.content) if row.content else None,
        )
        for row in rows
    ]


def content_at(connection: Connection, need_id: str, version: int) -> Content:
    """Return what a need said in one version."""
    table = tables.need_event
    row = connection.execute(
        select(table.c.content)
        .where(table.c.need_id == need_id, table.c.version == version, table.c.content.is_not(None))
        .order_by(table.c.number.desc())
    ).first()
    if row is None or row.content is None:
        raise NotFoundError(f"need {need_id!r} has no version {version}")
    return Content(**row.content)


def content_of(need: Need) -> Content:
    """Return what a record says, as the content of a need under work."""
    return Content(**{name: getattr(need, name) for name in Content.model_fields})


def get(connection: Connection, need_id: str) -> Case:
    """Return a need under work, whoever asks; raise :class:`NotFoundError` if there is none."""
    table = tables.need_case
    row = connection.execute(select(table).where(table.c.need_id == need_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"no need {need_id!r}")
    return _case(connection, row)


def _case(connection: Connection, row: Row[Any]) -> Case:
    content = Content(**row.content)
    return Case(
        row.need_id,
        State(row.state),
        row.version,
        content,
        _buyer_ids(connection, content),
        row.joint_id or "",
        row.created_by,
        row.created_at,
        row.changed_at,
    )


def _buyer_ids(connection: Connection, content: Content) -> tuple[int, ...]:
    table, keys = schema.buyer, [buyer_key(b) for b in content.buyers]
    rows = connection.execute(select(table.c.key, table.c.id).where(table.c.key.in_(keys)))
    ids = {row.key: row.id for row in rows}
    return tuple(ids[k] for k in keys)
