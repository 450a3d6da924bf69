"""Joint needs: several buyers' needs as one dialogue, and what the buyers declare about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, insert, select, update

from matcher.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from matcher.records import Buyer, Commitment, Country, Part, Procedure, Text
from matcher.store import dialogue as tables
from matcher.store import people
from matcher.workflow import accounts, cases, letters, log, mail, needs
from matcher.workflow.cases import Case, Content, State
from matcher.workflow.desk import Actor, Desk, Role, new_id

_DEGREES = [Commitment.OBSERVES, Commitment.DECLARES_INTENT, Commitment.COMMITS]


class Joint(BaseModel):
    """What a joint need is to say; its buyers are those of its parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[str, ...] = Field(min_length=2, max_length=50)
    texts: tuple[Text, ...] = Field(min_length=1, max_length=24)
    country: Country = ""
    procedure: Procedure = Procedure.OPEN_DIALOGUE
    url: str = ""
    lead_buyer_id: int | None = None


@dataclass(frozen=True)
class Signature:
    """What one buyer declared; ``digest`` of the declaration names the words it signed."""

    buyer_id: int
    buyer: str
    decision: str
    commitment: Commitment
    statement: str
    account_id: str
    at: datetime | None


@dataclass(frozen=True)
class Declaration:
    """A declaration of intent and who signed it.

    Attributes:
        state: ``draft``, ``sent``, or ``complete`` when every buyer has answered.
        digest: SHA-256 over its texts; part of what the log keeps of each signature.
    """

    id: str
    need_id: str
    state: str
    texts: tuple[Text, ...]
    digest: str
    created_at: datetime
    sent_at: datetime | None
    signatures: tuple[Signature, ...]


def suggestions(desk: Desk, actor: Actor, need_id: str, k: int = 10) -> list[tuple[Case, float]]:
    """Return needs of other buyers that could be one dialogue with this one, best first.

    Needs that share a buyer, are over, or belong to a joint need already are left out.
    """
    with desk.store.writing() as connection:
        case = needs.take_on_own(connection, desk, actor, need_id)
    found = desk.matching.like(case.record, 5 * k).hits
    chosen: list[tuple[Case, float]] = []
    with desk.store.reading() as connection:
        for hit in found:
            other = cases.peek(connection, desk, hit.record_id)
            if other is None or other.state not in (State.PUBLISHED, State.IN_DIALOGUE):
                continue
            shared = set(other.buyer_ids) & set(case.buyer_ids)
            same_joint = other.joint_id or other.need_id in (case.need_id, case.joint_id)
            if not shared and not same_joint:
                chosen.append((other, hit.score))
    return chosen[:k]


def make(desk: Desk, actor: Actor, joint: Joint, reason: str) -> Case:
    """Make a joint need; its parts stay what they are and go with it from state to state.

    Raises:
        ForbiddenError: Not a broker: a joint need touches several buyers.
        ConflictError: A part is over or in another joint need.
        InputError: The lead is none of the buyers.
    """
    actor.must_run_dialogues()
    if len(set(joint.parts)) < len(joint.parts):
        raise InputError("a need is part of a joint need once")
    with desk.store.writing() as connection:
        parts = [needs.take_on(connection, desk, actor, need_id) for need_id in joint.parts]
        for part in parts:
            if part.state is not State.PUBLISHED or part.joint_id:
                where = "in a joint need already" if part.joint_id else part.state
                raise ConflictError(
                    f"need {part.need_id!r} is {where}: only a published one can be joined"
                )
        case = needs.create_in(connection, desk, actor, _united(joint, parts))
        table = tables.need_case
        connection.execute(
            update(table).where(table.c.need_id.in_(joint.parts)).values(joint_id=case.need_id)
        )
        for part in parts:
            needs.event(connection, desk, actor, part.need_id, "joined", reason)
        needs.event(connection, desk, actor, case.need_id, "joint", reason)
        # Its parts are published already and stay so.
        needs.move_in(connection, desk, actor, case, State.PUBLISHED, reason)
        return cases.case(connection, desk, actor, case.need_id)


def _united(joint: Joint, parts: list[Case]) -> Content:
    values = [p.content.value for p in parts]
    currencies = {p.content.currency for p in parts}
    return Content(
        texts=joint.texts,
        country=joint.country,
        procedure=joint.procedure,
        url=joint.url,
        cpv=tuple(dict.fromkeys(c for p in parts for c in p.content.cpv)),
        value=sum(v for v in values if v) if None not in values and len(currencies) == 1 else None,
        currency=currencies.pop() if len(currencies) == 1 else "",
        innovation=any(p.content.innovation for p in parts),
        buyers=_buyers(parts, joint.lead_buyer_id),
        parts=tuple(Part(id=p.need_id, texts=p.content.texts, cpv=p.content.cpv) for p in parts),
    )


def _buyers(parts: list[Case], lead: int | None) -> tuple[Buyer, ...]:
    """Return each buyer once, as bound as in the part where it is bound most."""
    united: dict[int, Buyer] = {}
    for part in parts:
        for buyer_id, buyer in zip(part.buyer_ids, part.content.buyers, strict=True):
            known = united.get(buyer_id, buyer)
            most = max(known.commitment, buyer.commitment, key=_DEGREES.index)
            united[buyer_id] = known.model_copy(update={"commitment": most, "lead": False})
    if lead is not None and lead not in united:
        raise InputError(f"buyer {lead} leads none of the parts")
    if lead is None and united:
        lead = next(iter(united))
    return tuple(b.model_copy(update={"lead": True}) if i == lead else b for i, b in united.items())


# -- declarations of intent


def draft_declaration(
    desk: Desk, actor: Actor, need_id: str, texts: tuple[Text, ...]
) -> Declaration:
    """Draft a declaration of intent for the buyers of a need."""
    actor.must_run_dialogues()
    if not any(t.body.strip() for t in texts):
        raise InputError("a declaration must say something")
    with desk.store.writing() as connection:
        case = cases.case(connection, desk, actor, need_id)
        if not case.buyer_ids:
            raise ConflictError("this need has no buyers who could declare anything")
        stored = [t.model_dump() for t in texts]
        declaration_id = new_id()
        connection.execute(
            insert(tables.declaration).values(
                id=declaration_id,
                need_id=need_id,
                state="draft",
                texts=stored,
                digest=hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest(),
                created_by=actor.id,
                created_at=desk.now(),
            )
        )
        connection.execute(
            insert(tables.declaration_signature),
            [
                {
                    "declaration_id": declaration_id,
                    "buyer_id": buyer_id,
                    "decision": "open",
                    "commitment": buyer.commitment,
                    "statement": "",
                }
                for buyer_id, buyer in zip(case.buyer_ids, case.content.buyers, strict=True)
            ],
        )
        return _declaration(connection, declaration_id)


def declaration(
    connection: Connection, desk: Desk, actor: Actor, declaration_id: str
) -> Declaration:
    """Return a declaration the actor may see: brokers, and its buyers once it was sent."""
    found = _declaration(connection, declaration_id)
    cases.case(connection, desk, actor, found.need_id)
    if found.state == "draft" and not actor.runs_dialogues:
        raise NotFoundError(f"no declaration {declaration_id!r}")
    return found


def declarations(
    connection: Connection, desk: Desk, actor: Actor, need_id: str
) -> list[Declaration]:
    """Return the declarations about a need that the actor may see."""
    cases.case(connection, desk, actor, need_id)
    found = of_need(connection, need_id)
    return [d for d in found if actor.runs_dialogues or d.state != "draft"]


def of_need(connection: Connection, need_id: str) -> list[Declaration]:
    """Return all declarations about a need, whoever asks."""
    table = tables.declaration
    query = select(table.c.id).where(table.c.need_id == need_id).order_by(table.c.created_at)
    return [_declaration(connection, i) for i in connection.execute(query).scalars().all()]


def send_declaration(desk: Desk, actor: Actor, declaration_id: str) -> Declaration:
    """Send a declaration round: every buyer's accounts get a mail with the link to it."""
    actor.must_run_dialogues()
    with desk.store.writing() as connection:
        found = _declaration(connection, declaration_id)
        if found.state != "draft":
            raise ConflictError(f"this declaration is {found.state}")
        connection.execute(
            update(tables.declaration)
            .where(tables.declaration.c.id == declaration_id)
            .values(state="sent", sent_at=desk.now())
        )
        buyer_ids = [s.buyer_id for s in found.signatures]
        log.append(
            connection,
            desk,
            actor,
            "declaration.sent",
            f"need:{found.need_id}",
            {"declaration": declaration_id, "digest": found.digest, "buyers": buyer_ids},
        )
        table = people.account
        rows = connection.execute(
            select(table.c.id).where(table.c.buyer_id.in_(buyer_ids), table.c.active)
        )
        title = cases.case(connection, desk, actor, found.need_id).record.title
        for account_id in rows.scalars().all():
            account = accounts.get(connection, account_id)
            letter = letters.declaration(
                desk, account.language, title, desk.link(f"/declarations/{declaration_id}")
            )
            mail.to_account(connection, desk, account, f"declaration:{declaration_id}", letter, "")
        return _declaration(connection, declaration_id)


def sign(
    desk: Desk,
    actor: Actor,
    declaration_id: str,
    signs: bool,
    commitment: Commitment,
    statement: str,
) -> Declaration:
    """Sign a declaration for one's buyer, or decline to; what is signed becomes its commitment.

    Raises:
        ForbiddenError: The actor is no account of one of the buyers: nobody signs for others.
        ConflictError: It was answered already, or not sent yet.
    """
    if actor.role is not Role.BUYER or actor.buyer_id is None:
        raise ForbiddenError("a declaration is signed by the buyer itself")
    with desk.store.writing() as connection:
        found = declaration(connection, desk, actor, declaration_id)
        own = next((s for s in found.signatures if s.buyer_id == actor.buyer_id), None)
        if own is None:
            raise ForbiddenError("your organisation is none of those this declaration is for")
        if found.state != "sent" or own.decision != "open":
            raise ConflictError("this declaration has been answered already")
        decision = "signed" if signs else "declined"
        table = tables.declaration_signature
        connection.execute(
            update(table)
            .where(table.c.declaration_id == declaration_id, table.c.buyer_id == actor.buyer_id)
            .values(
                decision=decision,
                commitment=commitment,
                statement=statement,
                account_id=actor.id,
                at=desk.now(),
            )
        )
        if signs:
            case = cases.case(connection, desk, actor, found.need_id)
            needs.set_commitment(
                connection, desk, actor, case, actor.buyer_id, commitment, "declaration signed"
            )
        if all(s.decision != "open" or s is own for s in found.signatures):
            connection.execute(
                update(tables.declaration)
                .where(tables.declaration.c.id == declaration_id)
                .values(state="complete")
            )
        payload: dict[str, Any] = {
            "declaration": declaration_id,
            "digest": found.digest,
            "buyer_id": actor.buyer_id,
            "commitment": commitment,
            "statement": statement,
        }
        log.append(
            connection, desk, actor, f"declaration.{decision}", f"need:{found.need_id}", payload
        )
        return _declaration(connection, declaration_id)


def _declaration(connection: Connection, declaration_id: str) -> Declaration:
    table, signed = tables.declaration, tables.declaration_signature
    row = connection.execute(select(table).where(table.c.id == declaration_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"no declaration {declaration_id!r}")
    signatures = connection.execute(
        select(signed).where(signed.c.declaration_id == declaration_id).order_by(signed.c.buyer_id)
    ).all()
    return Declaration(
        row.id,
        row.need_id,
        row.state,
        tuple(Text(**t) for t in row.texts),
        row.digest,
        row.created_at,
        row.sent_at,
        tuple(
            Signature(
                s.buyer_id,
                accounts.buyer_name(connection, s.buyer_id),
                s.decision,
                Commitment(s.commitment),
                s.statement,
                s.account_id or "",
                s.at,
            )
            for s in signatures
        ),
    )
