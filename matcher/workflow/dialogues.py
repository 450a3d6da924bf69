"""Market dialogues: what they are about, when and where, and the open call they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from matcher.errors import ConflictError, InputError, NotFoundError
from matcher.records import Language, Text
from matcher.store import dialogue as tables
from matcher.workflow import cases, log, needs
from matcher.workflow.desk import Actor, Desk, Role, new_id


class State(StrEnum):
    """Where a dialogue stands."""

    PLANNED = "planned"
    OPEN = "open"
    HELD = "held"
    CANCELLED = "cancelled"


NEXT: dict[State, frozenset[State]] = {
    State.PLANNED: frozenset({State.OPEN, State.CANCELLED}),
    State.OPEN: frozenset({State.HELD, State.CANCELLED}),
    State.HELD: frozenset(),
    State.CANCELLED: frozenset(),
}


class Document(BaseModel):
    """A document of the information pack, by its public address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    url: str = Field(max_length=2000)


class Pack(BaseModel):
    """The one information pack that everybody gets: what one learns, all learn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: tuple[Text, ...] = Field((), max_length=24)
    documents: tuple[Document, ...] = Field((), max_length=50)

    def text_in(self, language: str) -> str:
        """Return the pack's text in a language, else in its first one."""
        found = next((t for t in self.texts if t.lang == language), None)
        text = found or (self.texts[0] if self.texts else None)
        lines = [text.body] if text else []
        return "\n".join([*lines, *(f"{d.name}: {d.url}" for d in self.documents)]).strip()


class Plan(BaseModel):
    """What a broker says of a dialogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1, max_length=300)
    need_ids: tuple[str, ...] = Field((), max_length=50)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    place: str = ""
    link: str = ""
    languages: tuple[Language, ...] = ()
    open_call: str = ""
    pack: Pack = Pack()


@dataclass(frozen=True)
class Dialogue:
    """A market dialogue."""

    id: str
    state: State
    plan: Plan
    created_at: datetime
    changed_at: datetime


def create(desk: Desk, actor: Actor, plan: Plan) -> Dialogue:
    """Plan a dialogue about one or more needs."""
    actor.must_run_dialogues()
    _check(plan)
    dialogue_id, now = new_id(), desk.now()
    with desk.store.writing() as connection:
        connection.execute(
            insert(tables.dialogue).values(
                id=dialogue_id,
                state=State.PLANNED,
                created_by=actor.id,
                created_at=now,
                changed_at=now,
                **_columns(plan),
            )
        )
        _set_needs(connection, desk, actor, dialogue_id, plan)
        _log(connection, desk, actor, "dialogue.created", dialogue_id, _public(plan))
        return read(connection, dialogue_id)


def get(connection: Connection, actor: Actor, dialogue_id: str) -> Dialogue:
    """Return a dialogue the actor may see: brokers, and buyers of one of its needs.

    Raises:
        NotFoundError: There is none, or it is somebody else's business.
    """
    found = read(connection, dialogue_id)
    if actor.runs_dialogues or actor.role is Role.JOB:
        return found
    if actor.role is Role.BUYER:
        party = tables.need_party
        own = connection.execute(
            select(party.c.need_id).where(
                party.c.buyer_id == actor.buyer_id, party.c.need_id.in_(found.plan.need_ids)
            )
        ).first()
        if own is not None:
            return found
    raise NotFoundError(f"no dialogue {dialogue_id!r}")


def listing(
    connection: Connection, actor: Actor, offset: int = 0, limit: int = 50
) -> tuple[int, list[Dialogue]]:
    """Return how many dialogues an actor may see, and some of them, the newest first."""
    table, link, party = tables.dialogue, tables.dialogue_need, tables.need_party
    query = select(table)
    if not actor.runs_dialogues:
        own = (
            select(link.c.dialogue_id)
            .join(party, party.c.need_id == link.c.need_id)
            .where(party.c.buyer_id == actor.buyer_id)
        )
        query = query.where(table.c.id.in_(own))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(
        query.order_by(table.c.created_at.desc(), table.c.id).offset(offset).limit(limit)
    ).all()
    return total, [_dialogue(connection, row) for row in rows]


def edit(desk: Desk, actor: Actor, dialogue_id: str, plan: Plan) -> Dialogue:
    """Change a dialogue.

    Raises:
        ConflictError: It is over, or its open call would go while invitations rest on it.
    """
    actor.must_run_dialogues()
    _check(plan)
    with desk.store.writing() as connection:
        found = get(connection, actor, dialogue_id)
        if not NEXT[found.state]:
            raise ConflictError(f"this dialogue is {found.state} and can no longer be changed")
        if found.state is State.OPEN and not plan.open_call:
            raise ConflictError("an open dialogue rests on its open call: name another, not none")
        connection.execute(
            update(tables.dialogue)
            .where(tables.dialogue.c.id == dialogue_id)
            .values(changed_at=desk.now(), **_columns(plan))
        )
        _set_needs(connection, desk, actor, dialogue_id, plan)
        if found.state is State.OPEN:
            _move_needs(connection, desk, actor, plan, dialogue_id)
        _log(connection, desk, actor, "dialogue.changed", dialogue_id, _public(plan))
        return read(connection, dialogue_id)


def move(desk: Desk, actor: Actor, dialogue_id: str, to: State, reason: str) -> Dialogue:
    """Take a dialogue to another state; opening it takes its needs into dialogue.

    Raises:
        ConflictError: It does not follow, or there is no open call.
    """
    actor.must_run_dialogues()
    with desk.store.writing() as connection:
        found = get(connection, actor, dialogue_id)
        if to not in NEXT[found.state]:
            possible = ", ".join(sorted(NEXT[found.state])) or "nothing"
            raise ConflictError(f"a dialogue that is {found.state} can become {possible}")
        if to is State.OPEN:
            require_open_call(found)
            if not found.plan.need_ids:
                raise ConflictError("a dialogue is about at least one need")
            _move_needs(connection, desk, actor, found.plan, dialogue_id)
        connection.execute(
            update(tables.dialogue)
            .where(tables.dialogue.c.id == dialogue_id)
            .values(state=to, changed_at=desk.now())
        )
        _log(connection, desk, actor, f"dialogue.{to}", dialogue_id, {"reason": reason})
        return read(connection, dialogue_id)


def require_open_call(found: Dialogue) -> None:
    """Refuse where nobody outside the list could learn of the dialogue."""
    if not found.plan.open_call:
        raise ConflictError(
            "no open call, no invitation round: give the address of the public notice first"
        )


def is_over(connection: Connection, dialogue_id: str) -> bool:
    """Tell whether a dialogue is over, or was never there."""
    table = tables.dialogue
    state = connection.execute(
        select(table.c.state).where(table.c.id == dialogue_id)
    ).scalar_one_or_none()
    return state is None or not NEXT[State(state)]


def is_web_address(url: str) -> bool:
    """Tell whether a link is a web address, nothing that runs in a reader's browser."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()


def _check(plan: Plan) -> None:
    links = {"link": plan.link, "open_call": plan.open_call}
    links |= {f"pack.documents.{n}.url": d.url for n, d in enumerate(plan.pack.documents)}
    for name, url in links.items():
        if url and not is_web_address(url):
            raise InputError(f"{name}: {url[:100]!r} is no web address (https://...)")
    for moment in (plan.starts_at, plan.ends_at):
        if moment is not None and moment.tzinfo is None:
            raise InputError("times need a zone, as in 2027-03-01T09:00+01:00")
    if plan.starts_at and plan.ends_at and plan.ends_at < plan.starts_at:
        raise InputError("a dialogue ends after it starts")
    if len(set(plan.need_ids)) < len(plan.need_ids):
        raise InputError("a need stands on the list once")


def _columns(plan: Plan) -> dict[str, Any]:
    values = plan.model_dump(exclude={"need_ids", "pack"})
    return {**values, "languages": list(plan.languages), "pack": plan.pack.model_dump(mode="json")}


def _public(plan: Plan) -> dict[str, Any]:
    return plan.model_dump(mode="json")


def _set_needs(
    connection: Connection, desk: Desk, actor: Actor, dialogue_id: str, plan: Plan
) -> None:
    link = tables.dialogue_need
    taken = [needs.take_on(connection, desk, actor, need_id) for need_id in plan.need_ids]
    for case in taken:
        if case.state not in (cases.State.PUBLISHED, cases.State.IN_DIALOGUE):
            raise ConflictError(f"need {case.need_id!r} is {case.state}: publish it first")
    connection.execute(delete(link).where(link.c.dialogue_id == dialogue_id))
    if taken:
        connection.execute(
            insert(link), [{"dialogue_id": dialogue_id, "need_id": c.need_id} for c in taken]
        )


def _move_needs(
    connection: Connection, desk: Desk, actor: Actor, plan: Plan, dialogue_id: str
) -> None:
    for need_id in plan.need_ids:
        case = cases.case(connection, desk, actor, need_id)
        if case.state is cases.State.PUBLISHED:
            reason = f"dialogue {dialogue_id}"
            needs.move_in(connection, desk, actor, case, cases.State.IN_DIALOGUE, reason)


def _log(
    connection: Connection,
    desk: Desk,
    actor: Actor,
    kind: str,
    dialogue_id: str,
    payload: dict[str, Any],
) -> None:
    log.append(connection, desk, actor, kind, f"dialogue:{dialogue_id}", payload)


def read(connection: Connection, dialogue_id: str) -> Dialogue:
    """Return a dialogue, whoever asks; raise :class:`NotFoundError` if there is none."""
    table = tables.dialogue
    row = connection.execute(select(table).where(table.c.id == dialogue_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"no dialogue {dialogue_id!r}")
    return _dialogue(connection, row)


def _dialogue(connection: Connection, row: Row[Any]) -> Dialogue:
    link = tables.dialogue_need
    need_ids = connection.execute(
        select(link.c.need_id).where(link.c.dialogue_id == row.id).order_by(link.c.need_id)
    ).scalars()
    plan = Plan(
        title=row.title,
        need_ids=tuple(need_ids),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        place=row.place,
        link=row.link,
        languages=tuple(row.languages),
        open_call=row.open_call,
        pack=Pack(**row.pack),
    )
    return Dialogue(row.id, State(row.state), plan, row.created_at, row.changed_at)
