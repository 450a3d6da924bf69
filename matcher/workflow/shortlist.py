"""The shortlist of a dialogue: who is to be invited, from where, and why.

The ranking suggests; a person accepts, rejects or adds, and writes the reason. A draw may
reduce a pool: its seed, pool and outcome are on the record, so anybody can draw it again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from matcher import compose
from matcher.errors import ConflictError, InputError, NotFoundError
from matcher.index import Filters
from matcher.store import dialogue as tables
from matcher.workflow import dialogues, log, needs, rankings
from matcher.workflow.desk import Actor, Desk, new_id
from matcher.workflow.dialogues import Dialogue
from matcher.workflow.rankings import Ranked


class State(StrEnum):
    """Where a supplier stands in a dialogue."""

    SUGGESTED = "suggested"
    REJECTED = "rejected"
    SHORTLISTED = "shortlisted"
    INVITED = "invited"
    OPENED = "opened"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    ATTENDED = "attended"


class Origin(StrEnum):
    """How a supplier came on the list."""

    RANKING = "ranking"
    DRAW = "draw"
    HAND = "hand"
    INTEREST = "interest"


OPEN = (State.SUGGESTED, State.REJECTED, State.SHORTLISTED)
"""Not invited yet: what is decided can still be changed."""


@dataclass(frozen=True)
class Place:
    """A supplier's place on the list.

    Attributes:
        position, score: In the ranking it came from, if it came from one.
        log_number: The log's entry of that ranking or draw.
        answer: What the supplier wrote when answering.
    """

    id: str
    dialogue_id: str
    supplier_id: str
    state: State
    origin: Origin
    reason: str
    position: int | None
    score: float | None
    log_number: int | None
    changed_at: datetime
    invited_at: datetime | None
    opened_at: datetime | None
    answered_at: datetime | None
    answer: str
    reminders: int


def rank(
    desk: Desk, actor: Actor, dialogue_id: str, need_id: str, k: int, filters: Filters
) -> Ranked:
    """Rank suppliers for a need of the dialogue, on the record, and suggest the first k.

    Those that stand on the list already keep what was decided about them.
    """
    actor.must_run_dialogues()
    with desk.store.writing() as connection:
        found = dialogues.get(connection, actor, dialogue_id)
        must_be_running(found)
        if need_id not in found.plan.need_ids:
            raise NotFoundError(f"need {need_id!r} is none of this dialogue's")
        case = needs.take_on(connection, desk, actor, need_id)
    ranked = rankings.run(desk, actor, case, k, filters, dialogue_id)
    with desk.store.writing() as connection:
        # Ranking takes its time, in which the dialogue may have ended.
        must_be_running(dialogues.get(connection, actor, dialogue_id))
        known = {p.supplier_id for p in _places(connection, dialogue_id)}
        for match in ranked.found.matches:
            if match.record.id not in known:
                _insert(
                    connection,
                    desk,
                    dialogue_id,
                    match.record.id,
                    State.SUGGESTED,
                    Origin.RANKING,
                    position=match.hit.position,
                    score=match.hit.score,
                    log_number=ranked.number,
                )
    return ranked


def places(connection: Connection, actor: Actor, dialogue_id: str) -> list[Place]:
    """Return the list of a dialogue the actor may see, in the order of the ranking."""
    dialogues.get(connection, actor, dialogue_id)
    return _places(connection, dialogue_id)


@dataclass(frozen=True)
class Choice:
    """What is decided about a supplier, and why."""

    supplier_id: str
    shortlisted: bool
    reason: str


def decide(
    desk: Desk,
    actor: Actor,
    dialogue_id: str,
    choices: Sequence[Choice],
    origin: Origin = Origin.HAND,
) -> list[Place]:
    """Put suppliers on the shortlist or reject them; all of it, or nothing.

    Args:
        desk: Store and clock.
        actor: Who decides.
        dialogue_id: Of the dialogue.
        choices: Each with its reason; who is not on the list yet is added.
        origin: Of those that are added.

    Raises:
        InputError: A reason is missing.
        ConflictError: Somebody has been invited: what happened is not undone.
    """
    actor.must_run_dialogues()
    if not all(c.reason.strip() for c in choices):
        raise InputError("a choice needs its reason")
    with desk.store.writing() as connection:
        must_be_running(dialogues.get(connection, actor, dialogue_id))
        return [
            _decide(
                connection,
                desk,
                actor,
                dialogue_id,
                c.supplier_id,
                State.SHORTLISTED if c.shortlisted else State.REJECTED,
                c.reason,
                origin,
            )
            for c in choices
        ]


def _decide(
    connection: Connection,
    desk: Desk,
    actor: Actor,
    dialogue_id: str,
    supplier_id: str,
    state: State,
    reason: str,
    origin: Origin = Origin.HAND,
    log_number: int | None = None,
) -> Place:
    known = find(connection, dialogue_id, supplier_id)
    if known is None:
        desk.store.supplier(supplier_id)
        known = _insert(
            connection, desk, dialogue_id, supplier_id, state, origin, log_number=log_number
        )
    elif known.state not in OPEN:
        raise ConflictError(f"this supplier is {known.state}: that cannot be undone")
    table = tables.invitation
    values: dict[str, Any] = {"state": state, "reason": reason, "changed_at": desk.now()}
    if log_number is not None:
        values |= {"origin": Origin.DRAW, "log_number": log_number}
    unchanged = (table.c.id == known.id) & (table.c.state == known.state)
    if not connection.execute(update(table).where(unchanged).values(**values)).rowcount:
        raise ConflictError("somebody else changed this list at the same time: look again")
    payload = {
        "supplier_id": supplier_id,
        "reason": reason,
        "origin": values.get("origin", known.origin),
        "position": known.position,
        "from": values.get("log_number", known.log_number),
    }
    kind = f"choice.{state}"
    log.append(connection, desk, actor, kind, f"dialogue:{dialogue_id}", payload)
    return by_id(connection, known.id)


def draw(
    desk: Desk,
    actor: Actor,
    dialogue_id: str,
    count: int,
    reason: str,
    pool: tuple[str, ...] = (),
    seed: str = "",
) -> tuple[int, list[Place]]:
    """Draw from a pool, by default all that are suggested; return the log's entry and the drawn.

    Who is in the pool and not drawn is rejected, with the draw as the reason.

    Raises:
        InputError: The pool is too small, or holds somebody invited already.
    """
    actor.must_run_dialogues()
    if not reason.strip():
        raise InputError("a choice needs its reason")
    with desk.store.writing() as connection:
        must_be_running(dialogues.get(connection, actor, dialogue_id))
        listed = {p.supplier_id: p for p in _places(connection, dialogue_id)}
        chosen = list(dict.fromkeys(pool)) or [
            s for s, p in listed.items() if p.state is State.SUGGESTED
        ]
        for supplier_id in chosen:
            if supplier_id not in listed or listed[supplier_id].state not in OPEN:
                raise InputError(f"{supplier_id!r} is not on the list, or invited already")
        seed = seed or secrets.token_hex(16)
        drawn = compose.draw(chosen, count, seed)
        number = log.append(
            connection,
            desk,
            actor,
            "draw",
            f"dialogue:{dialogue_id}",
            {"pool": sorted(chosen), "count": count, "seed": seed, "drawn": drawn, "why": reason},
        )
        for supplier_id in chosen:
            state = State.SHORTLISTED if supplier_id in drawn else State.REJECTED
            why = f"{reason} (draw, log entry {number})"
            _decide(
                connection, desk, actor, dialogue_id, supplier_id, state, why, log_number=number
            )
        found = {p.supplier_id: p for p in _places(connection, dialogue_id)}
        return number, [found[s] for s in drawn]


def must_be_running(found: Dialogue) -> None:
    """Refuse where a dialogue is over."""
    if not dialogues.NEXT[found.state]:
        raise ConflictError(f"this dialogue is {found.state}")


def find(connection: Connection, dialogue_id: str, supplier_id: str) -> Place | None:
    """Return a supplier's place on a dialogue's list, if it has one."""
    table = tables.invitation
    row = connection.execute(
        select(table).where(table.c.dialogue_id == dialogue_id, table.c.supplier_id == supplier_id)
    ).one_or_none()
    return None if row is None else _place(row)


def by_id(connection: Connection, place_id: str) -> Place:
    """Return a place by its id, or raise :class:`NotFoundError`."""
    table = tables.invitation
    row = connection.execute(select(table).where(table.c.id == place_id)).one_or_none()
    if row is None:
        raise NotFoundError("there is no such invitation")
    return _place(row)


def _places(connection: Connection, dialogue_id: str) -> list[Place]:
    table = tables.invitation
    rows = connection.execute(
        select(table)
        .where(table.c.dialogue_id == dialogue_id)
        .order_by(table.c.position.is_(None), table.c.position, table.c.supplier_id)
    )
    return [_place(row) for row in rows]


def _insert(
    connection: Connection,
    desk: Desk,
    dialogue_id: str,
    supplier_id: str,
    state: State,
    origin: Origin,
    position: int | None = None,
    score: float | None = None,
    log_number: int | None = None,
) -> Place:
    place_id, now = new_id(), desk.now()
    connection.execute(
        insert(tables.invitation).values(
            id=place_id,
            dialogue_id=dialogue_id,
            supplier_id=supplier_id,
            state=state,
            origin=origin,
            reason="",
            position=position,
            score=score,
            log_number=log_number,
            created_at=now,
            changed_at=now,
            answer="",
            reminders=0,
        )
    )
    return by_id(connection, place_id)


def _place(row: Row[Any]) -> Place:
    values = {name: row._mapping[name] for name in Place.__dataclass_fields__}
    return Place(**{**values, "state": State(row.state), "origin": Origin(row.origin)})
