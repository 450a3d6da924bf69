"""What suppliers start: interest in a need, a reverse dialogue, a search for partners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from matcher.errors import ConflictError, InputError, NotFoundError
from matcher.store import dialogue as tables
from matcher.workflow import cases, log
from matcher.workflow.desk import Actor, Desk, new_id
from matcher.workflow.suppliers import State as ProfileState

_LOOKED_AT = 1000


@dataclass(frozen=True)
class Interest:
    """A supplier's interest in a need."""

    id: str
    supplier_id: str
    need_id: str
    text: str
    state: str
    created_at: datetime


@dataclass(frozen=True)
class ReverseDialogue:
    """A supplier's wish to be heard, whatever needs there are."""

    id: str
    supplier_id: str
    title: str
    text: str
    language: str
    state: str
    answer: str
    created_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True)
class Partner:
    """A supplier that could complete one's own offer.

    Attributes:
        adds: Parts of the need that it covers clearly better, each by its heaviest words.
    """

    supplier_id: str
    name: str
    country: str
    region: str
    adds: tuple[str, ...]


def express(desk: Desk, actor: Actor, supplier_id: str, need_id: str, text: str) -> Interest:
    """Express interest in a need; saying it again changes the text."""
    _must_own(actor, supplier_id)
    desk.store.need(need_id)
    table = tables.interest
    with desk.store.writing() as connection:
        known = connection.execute(
            select(table.c.id).where(table.c.supplier_id == supplier_id, table.c.need_id == need_id)
        ).scalar_one_or_none()
        values = {"text": text, "state": "open"}
        if known is None:
            known = new_id()
            connection.execute(
                insert(table).values(
                    id=known,
                    supplier_id=supplier_id,
                    need_id=need_id,
                    created_at=desk.now(),
                    **values,
                )
            )
        else:
            connection.execute(update(table).where(table.c.id == known).values(**values))
        payload = {"supplier_id": supplier_id, "text": text}
        log.append(connection, desk, actor, "interest.expressed", f"need:{need_id}", payload)
        row = connection.execute(select(table).where(table.c.id == known)).one()
        return _interest(row)


def withdraw(desk: Desk, actor: Actor, supplier_id: str, need_id: str) -> None:
    """Take an interest back; its text goes."""
    _must_own(actor, supplier_id)
    table = tables.interest
    with desk.store.writing() as connection:
        hit = connection.execute(
            update(table)
            .where(
                table.c.supplier_id == supplier_id,
                table.c.need_id == need_id,
                table.c.state == "open",
            )
            .values(state="withdrawn", text="")
        )
        if not hit.rowcount:
            raise NotFoundError("there is no such interest")
        payload = {"supplier_id": supplier_id}
        log.append(connection, desk, actor, "interest.withdrawn", f"need:{need_id}", payload)


def own_interests(connection: Connection, actor: Actor, supplier_id: str) -> list[Interest]:
    """Return what a supplier is interested in."""
    _must_own(actor, supplier_id)
    table = tables.interest
    rows = connection.execute(
        select(table).where(table.c.supplier_id == supplier_id).order_by(table.c.created_at)
    )
    return [_interest(row) for row in rows]


def interests_in(connection: Connection, desk: Desk, actor: Actor, need_id: str) -> list[Interest]:
    """Return who is interested in a need: for brokers and the need's buyers."""
    if not (actor.runs_dialogues and cases.peek(connection, desk, need_id)):
        cases.case(connection, desk, actor, need_id)
    table = tables.interest
    rows = connection.execute(
        select(table)
        .where(table.c.need_id == need_id, table.c.state == "open")
        .order_by(table.c.created_at)
    )
    return [_interest(row) for row in rows]


# -- reverse dialogues


def ask(
    desk: Desk, actor: Actor, supplier_id: str, title: str, text: str, language: str
) -> ReverseDialogue:
    """Ask to be heard."""
    _must_own(actor, supplier_id)
    if not title.strip() or not text.strip():
        raise InputError("say in a title and a text what you want to tell buyers")
    table, reverse_id = tables.reverse_dialogue, new_id()
    with desk.store.writing() as connection:
        connection.execute(
            insert(table).values(
                id=reverse_id,
                supplier_id=supplier_id,
                title=title,
                text=text,
                language=language,
                state="asked",
                answer="",
                created_at=desk.now(),
            )
        )
        payload = {"reverse_dialogue": reverse_id, "title": title}
        log.append(connection, desk, actor, "reverse.asked", f"supplier:{supplier_id}", payload)
        return _reverse_by_id(connection, reverse_id)


def asked(
    connection: Connection, actor: Actor, offset: int, limit: int
) -> tuple[int, list[ReverseDialogue]]:
    """Return the reverse dialogues an actor may see: a supplier its own, a broker all."""
    table = tables.reverse_dialogue
    query = select(table)
    if not actor.runs_dialogues:
        query = query.where(table.c.supplier_id.in_(actor.suppliers))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(
        query.order_by(table.c.created_at.desc(), table.c.id).offset(offset).limit(limit)
    )
    return total, [_reverse(row) for row in rows]


def answer(desk: Desk, actor: Actor, reverse_id: str, takes_up: bool, text: str) -> ReverseDialogue:
    """Take a reverse dialogue up or decline it, with the reason."""
    actor.must_run_dialogues()
    if not text.strip():
        raise InputError("an answer needs its reason")
    table = tables.reverse_dialogue
    with desk.store.writing() as connection:
        found = _reverse_by_id(connection, reverse_id)
        if found.state != "asked":
            raise ConflictError("this has been answered")
        state = "taken_up" if takes_up else "declined"
        connection.execute(
            update(table)
            .where(table.c.id == reverse_id)
            .values(state=state, answer=text, answered_at=desk.now())
        )
        subject = f"supplier:{found.supplier_id}"
        payload = {"reverse_dialogue": reverse_id, "reason": text}
        log.append(connection, desk, actor, f"reverse.{state}", subject, payload)
        return _reverse_by_id(connection, reverse_id)


# -- partners


def partners(desk: Desk, actor: Actor, supplier_id: str, need_id: str, k: int) -> list[Partner]:
    """Find suppliers that cover what one's own profile leaves open of a need.

    Only those that said they are open to partners. No score is given: how well another
    supplier does is none of this one's business, only what it could add.
    """
    _must_own(actor, supplier_id)
    with desk.store.reading() as connection:
        table = tables.profile
        willing = set(
            connection.execute(
                select(table.c.supplier_id).where(
                    table.c.open_to_partners, table.c.state == ProfileState.PUBLISHED
                )
            ).scalars()
        )
    query, found = desk.matching.partners(need_id, supplier_id, _LOOKED_AT)
    return [
        Partner(
            record.id,
            record.name,
            record.country,
            record.region,
            tuple(", ".join(query.aspects[n].label) for n in partner.aspects),
        )
        for partner, record in found
        if record.id in willing
    ][:k]


def _must_own(actor: Actor, supplier_id: str) -> None:
    if supplier_id not in actor.suppliers:
        raise NotFoundError(f"no profile {supplier_id!r} of yours")


def _interest(row: Row[Any]) -> Interest:
    return Interest(**row._mapping)


def _reverse_by_id(connection: Connection, reverse_id: str) -> ReverseDialogue:
    table = tables.reverse_dialogue
    row = connection.execute(select(table).where(table.c.id == reverse_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"no reverse dialogue {reverse_id!r}")
    return _reverse(row)


def _reverse(row: Row[Any]) -> ReverseDialogue:
    return ReverseDialogue(**row._mapping)
