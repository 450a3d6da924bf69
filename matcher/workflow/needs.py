"""The life of a need: draft, published, in dialogue, in procurement, done or withdrawn.

A draft is kept apart from the records, so that nothing finds it. Publishing writes the record;
withdrawing takes it out. Every step is an event with its reason, and every content a version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from matcher.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from matcher.records import Buyer, Commitment, Country, Kind, Need, Part, Procedure, Text
from matcher.store import dialogue as tables
from matcher.store import schema
from matcher.store.store import buyer_key, ensure_buyers
from matcher.workflow import log
from matcher.workflow.desk import Actor, Desk, Role, new_id

SOURCE = "samspill"
_FEED = "feed"


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
        return self.created_by != _FEED

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


def create(desk: Desk, actor: Actor, content: Content) -> Case:
    """Write a draft; a buyer's account must be among its buyers.

    Raises:
        ForbiddenError: The actor is neither broker nor one of the buyers.
        InputError: The texts are empty, or more than one buyer leads.
    """
    with desk.store.writing() as connection:
        return create_in(connection, desk, actor, content)


def create_in(connection: Connection, desk: Desk, actor: Actor, content: Content) -> Case:
    """Write a draft within a transaction."""
    if actor.role not in (Role.BROKER, Role.BUYER, Role.ADMIN):
        raise ForbiddenError("needs are written by buyers and brokers")
    _check(content)
    need_id = f"n-{new_id()}"
    ids = _open(connection, desk, need_id, State.DRAFT, content, actor.id)
    if actor.role is Role.BUYER:
        if actor.buyer_id not in ids:
            raise ForbiddenError("your organisation must be one of the need's buyers")
        for buyer_id, buyer in zip(ids, content.buyers, strict=True):
            speaks = buyer.lead or buyer.commitment is not Commitment.OBSERVES
            if buyer_id != actor.buyer_id and speaks:
                raise ForbiddenError("a buyer speaks for itself alone: others observe at first")
    event(connection, desk, actor, need_id, "created", "", content)
    return _get(connection, need_id)


def case(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> Case:
    """Return a need under work that the actor may see.

    Raises:
        NotFoundError: There is none, or it is somebody else's business: both look alike.
    """
    found = _get(connection, need_id)
    if actor.runs_dialogues or actor.role is Role.JOB:
        return found
    if actor.role is Role.BUYER and actor.buyer_id in found.buyer_ids:
        return found
    raise NotFoundError(f"no need {need_id!r}")


def take_on(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> Case:
    """Return a need as one under work; a record that came from a feed becomes one.

    If the feed changed the record since, its content becomes a new version, so that whatever
    was ranked before can still be read as it was.
    """
    if actor.role is not Role.BUYER:
        actor.must_run_dialogues()
    else:
        return case(connection, desk, actor, need_id)
    return _take_on(connection, desk, actor, need_id)


def _take_on(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> Case:
    table = tables.need_case
    known = connection.execute(select(table.c.created_by).where(table.c.need_id == need_id))
    created_by = known.scalar_one_or_none()
    if created_by not in (None, _FEED):
        return case(connection, desk, actor, need_id)
    content = _content_of(desk.store.need(need_id))
    if created_by is None:
        _open(connection, desk, need_id, State.PUBLISHED, content, _FEED)
        event(connection, desk, actor, need_id, "taken_on", "", content)
    elif _get(connection, need_id).content != content:
        _write(connection, desk, actor, need_id, content, "the feed changed it")
    return _get(connection, need_id)


def take_on_own(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> Case:
    """Return a need as one under work for a broker, or for a buyer that has a part in it.

    Raises:
        NotFoundError: It is neither.
    """
    if not actor.runs_dialogues:
        found = peek(connection, desk, need_id)
        if found is None or actor.buyer_id not in found.buyer_ids:
            raise NotFoundError(f"no need {need_id!r} of yours")
    return _take_on(connection, desk, actor, need_id)


def peek(connection: Connection, desk: Desk, need_id: str) -> Case | None:
    """Return a need that is no secret, also one nobody has taken on yet; else None."""
    table = tables.need_case
    row = connection.execute(select(table).where(table.c.need_id == need_id)).one_or_none()
    if row is not None:
        return _case(connection, row)
    record = desk.store.get_many(Kind.NEED, [need_id]).get(need_id)
    if not isinstance(record, Need):
        return None
    content, now = _content_of(record), desk.now()
    ids = _buyer_ids(connection, content)
    return Case(need_id, State.PUBLISHED, 1, content, ids, "", _FEED, now, now)


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


def edit(desk: Desk, actor: Actor, need_id: str, content: Content, reason: str) -> Case:
    """Write a new version of a need.

    Raises:
        ConflictError: The need is over, or belongs to a feed.
        ForbiddenError: A buyer would change another buyer's part in it.
    """
    _check(content)
    with desk.store.writing() as connection:
        found = case(connection, desk, actor, need_id)
        if not found.own:
            raise ConflictError("this need comes from a feed and is changed there")
        if found.state in (State.DONE, State.WITHDRAWN):
            raise ConflictError(f"this need is {found.state} and can no longer be changed")
        if not actor.runs_dialogues and _parts_of_others(found.content, content, found, actor):
            raise ForbiddenError("the other buyers' part in a need is theirs to change")
        _write(connection, desk, actor, need_id, content, reason)
        return _get(connection, need_id)


def commit(
    desk: Desk, actor: Actor, need_id: str, buyer_id: int, commitment: Commitment, reason: str
) -> Case:
    """Set how far a buyer binds itself: by that buyer, or by a broker on its word."""
    with desk.store.writing() as connection:
        found = case(connection, desk, actor, need_id)
        if not actor.runs_dialogues and actor.buyer_id != buyer_id:
            raise ForbiddenError("a buyer speaks for itself alone")
        set_commitment(connection, desk, actor, found, buyer_id, commitment, reason)
        return _get(connection, need_id)


def set_commitment(
    connection: Connection,
    desk: Desk,
    actor: Actor,
    found: Case,
    buyer_id: int,
    commitment: Commitment,
    reason: str,
) -> None:
    """Set a buyer's commitment within a transaction."""
    if buyer_id not in found.buyer_ids:
        raise NotFoundError(f"buyer {buyer_id} has no part in need {found.need_id!r}")
    if not found.own:
        raise ConflictError("this need comes from a feed: make it part of a joint need first")
    place = found.buyer_ids.index(buyer_id)
    buyers = tuple(
        b.model_copy(update={"commitment": commitment}) if n == place else b
        for n, b in enumerate(found.content.buyers)
    )
    content = found.content.model_copy(update={"buyers": buyers})
    _write(connection, desk, actor, found.need_id, content, reason)
    log.append(
        connection,
        desk,
        actor,
        "need.commitment",
        f"need:{found.need_id}",
        {"buyer_id": buyer_id, "commitment": commitment, "reason": reason},
    )


def move(desk: Desk, actor: Actor, need_id: str, to: State, reason: str) -> Case:
    """Take a need to another state; the parts of a joint need go with it.

    Raises:
        ConflictError: That state does not follow from the present one.
    """
    with desk.store.writing() as connection:
        found = case(connection, desk, actor, need_id)
        if found.joint_id and to is not State.WITHDRAWN:
            raise ConflictError(f"this need is part of the joint need {found.joint_id!r}")
        move_in(connection, desk, actor, found, to, reason)
        return _get(connection, need_id)


def move_in(
    connection: Connection, desk: Desk, actor: Actor, found: Case, to: State, reason: str
) -> None:
    """Take a need to another state within a transaction."""
    if to not in NEXT[found.state]:
        possible = ", ".join(sorted(NEXT[found.state])) or "nothing"
        raise ConflictError(f"a need that is {found.state} can become {possible}, not {to}")
    connection.execute(
        update(tables.need_case)
        .where(tables.need_case.c.need_id == found.need_id)
        .values(state=to, changed_at=desk.now())
    )
    if found.own:
        if to is State.PUBLISHED and found.state is State.DRAFT:
            desk.store.save_in(connection, found.record)
        elif to is State.WITHDRAWN and found.state is not State.DRAFT:
            desk.store.delete_in(connection, Kind.NEED, found.need_id)
    event(connection, desk, actor, found.need_id, f"to_{to}", reason)
    for part in parts_of(connection, found.need_id):
        if to is State.WITHDRAWN:
            _release(connection, desk, actor, part, reason)
        elif to in NEXT[part.state]:
            move_in(connection, desk, actor, part, to, f"{found.need_id}: {reason}")


def _release(connection: Connection, desk: Desk, actor: Actor, part: Case, reason: str) -> None:
    """Let a part of a joint need that is withdrawn go on by itself."""
    table = tables.need_case
    connection.execute(update(table).where(table.c.need_id == part.need_id).values(joint_id=None))
    event(connection, desk, actor, part.need_id, "left_joint", reason)
    if part.state is State.IN_DIALOGUE:
        move_in(connection, desk, actor, part, State.PUBLISHED, reason)


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


def event(
    connection: Connection,
    desk: Desk,
    actor: Actor,
    need_id: str,
    action: str,
    reason: str,
    content: Content | None = None,
) -> None:
    """Add a step to the history of a need, and to the log."""
    table, cases = tables.need_event, tables.need_case
    state, version = connection.execute(
        select(cases.c.state, cases.c.version).where(cases.c.need_id == need_id)
    ).one()
    last = connection.execute(
        select(func.coalesce(func.max(table.c.number), 0)).where(table.c.need_id == need_id)
    ).scalar_one()
    connection.execute(
        insert(table).values(
            need_id=need_id,
            number=last + 1,
            at=desk.now(),
            actor=actor.id,
            action=action,
            state=state,
            version=version,
            reason=reason,
            content=content.model_dump(mode="json") if content else None,
        )
    )
    log.append(
        connection,
        desk,
        actor,
        f"need.{action}",
        f"need:{need_id}",
        {"state": state, "version": version, "reason": reason},
    )


def _write(
    connection: Connection,
    desk: Desk,
    actor: Actor,
    need_id: str,
    content: Content,
    reason: str,
) -> None:
    table = tables.need_case
    connection.execute(
        update(table)
        .where(table.c.need_id == need_id)
        .values(
            version=table.c.version + 1,
            content=content.model_dump(mode="json"),
            changed_at=desk.now(),
        )
    )
    _set_parties(connection, need_id, content)
    changed = _get(connection, need_id)
    if changed.own and changed.state not in (State.DRAFT, State.WITHDRAWN):
        desk.store.save_in(connection, changed.record)
    event(connection, desk, actor, need_id, "edited", reason, content)


def _check(content: Content) -> None:
    if not any(t.title.strip() or t.body.strip() for t in content.texts):
        raise InputError("a need must say something, in at least one language")
    languages = [t.lang for t in content.texts]
    if len(set(languages)) < len(languages):
        raise InputError("a need has one text a language")
    if sum(b.lead for b in content.buyers) > 1:
        raise InputError("one buyer leads")
    keys = [buyer_key(b) for b in content.buyers]
    if len(set(keys)) < len(keys):
        raise InputError("a buyer stands on the list once")


def _open(
    connection: Connection,
    desk: Desk,
    need_id: str,
    state: State,
    content: Content,
    created_by: str,
) -> tuple[int, ...]:
    now = desk.now()
    connection.execute(
        insert(tables.need_case).values(
            need_id=need_id,
            state=state,
            version=1,
            content=content.model_dump(mode="json"),
            created_by=created_by,
            created_at=now,
            changed_at=now,
        )
    )
    return _set_parties(connection, need_id, content)


def _set_parties(connection: Connection, need_id: str, content: Content) -> tuple[int, ...]:
    known = ensure_buyers(connection, {buyer_key(b): b for b in content.buyers})
    ids = tuple(known[buyer_key(b)] for b in content.buyers)
    party = tables.need_party
    connection.execute(delete(party).where(party.c.need_id == need_id))
    if ids:
        connection.execute(
            insert(party), [{"need_id": need_id, "buyer_id": i} for i in dict.fromkeys(ids)]
        )
    return ids


def _parts_of_others(old: Content, new: Content, found: Case, actor: Actor) -> bool:
    """Tell whether anything but the actor's own place among the buyers differs."""
    own = {
        buyer_key(b)
        for b, i in zip(old.buyers, found.buyer_ids, strict=True)
        if i == actor.buyer_id
    }

    def others(content: Content) -> list[Buyer]:
        return [b for b in content.buyers if buyer_key(b) not in own]

    return others(old) != others(new) or not own & {buyer_key(b) for b in new.buyers}


def _content_of(need: Need) -> Content:
    return Content(**{name: getattr(need, name) for name in Content.model_fields})


def _get(connection: Connection, need_id: str) -> Case:
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
