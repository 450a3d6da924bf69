"""Needs under work, joint needs and declarations of intent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.answers import Page, SuggestionOut
from api.auth.guard import BUYING, RUNNING, ActorDep, DeskDep, allow
from api.forms import (
    CommitmentIn,
    DeclarationIn,
    JointIn,
    NeedIn,
    NeedMoveIn,
    SignatureIn,
)
from api.routes.records import Limit, Offset
from matcher.workflow import cases, initiative, joint, needs
from matcher.workflow.cases import Case, Event, State
from matcher.workflow.desk import Role
from matcher.workflow.initiative import Interest
from matcher.workflow.joint import Declaration

router = APIRouter(tags=["needs"])
NeedId = Annotated[str, Path(max_length=200)]
BuyerId = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.post("/needs", status_code=201, **allow(*BUYING))
def create(desk: DeskDep, actor: ActorDep, body: NeedIn) -> Case:
    """Write a need as a draft; nothing finds it until it is published."""
    return needs.create(desk, actor, body.content())


@router.get("/my/needs", **allow(*BUYING))
def listing(
    desk: DeskDep,
    actor: ActorDep,
    state: Annotated[State | None, Query()] = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Page[Case]:
    """List needs under work: a buyer's own, a broker's all."""
    with desk.store.reading() as connection:
        total, items = cases.listing(connection, actor, state, offset, limit)
    return Page(total=total, items=items)


@router.get("/needs/{need_id}/case", **allow(*BUYING))
def case(desk: DeskDep, actor: ActorDep, need_id: NeedId) -> Case:
    """Return a need under work, with its state and buyers."""
    with desk.store.reading() as connection:
        return cases.case(connection, desk, actor, need_id)


@router.get("/needs/{need_id}/history", **allow(*BUYING))
def history(desk: DeskDep, actor: ActorDep, need_id: NeedId) -> list[Event]:
    """Return all that happened to a need, with every version of what it said."""
    with desk.store.reading() as connection:
        cases.case(connection, desk, actor, need_id)
        return cases.history(connection, need_id)


@router.post("/needs/{need_id}/case", **allow(*RUNNING))
def take_on(desk: DeskDep, actor: ActorDep, need_id: NeedId) -> Case:
    """Take on a need that came from a feed, to work with it."""
    with desk.store.writing() as connection:
        return needs.take_on(connection, desk, actor, need_id)


@router.put("/needs/{need_id}/case", **allow(*BUYING))
def edit(desk: DeskDep, actor: ActorDep, need_id: NeedId, body: NeedIn) -> Case:
    """Write a new version of a need."""
    return needs.edit(desk, actor, need_id, body.content(), body.reason)


@router.post("/needs/{need_id}/state", **allow(*BUYING))
def move(desk: DeskDep, actor: ActorDep, need_id: NeedId, body: NeedMoveIn) -> Case:
    """Take a need to another state: publish it, withdraw it, take it into procurement."""
    return needs.move(desk, actor, need_id, body.to, body.reason)


@router.put("/needs/{need_id}/buyers/{buyer_id}/commitment", **allow(*BUYING))
def commit(
    desk: DeskDep, actor: ActorDep, need_id: NeedId, buyer_id: BuyerId, body: CommitmentIn
) -> Case:
    """Set how far a buyer binds itself to a need."""
    return needs.commit(desk, actor, need_id, buyer_id, body.commitment, body.reason)


@router.get("/needs/{need_id}/joint-suggestions", **allow(*BUYING))
def similar(
    desk: DeskDep,
    actor: ActorDep,
    need_id: NeedId,
    k: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[SuggestionOut]:
    """Suggest needs of other buyers that could be one dialogue with this one."""
    found = joint.suggestions(desk, actor, need_id, k)
    return [SuggestionOut(need=case, score=round(score, 4)) for case, score in found]


@router.get("/needs/{need_id}/interests", **allow(*BUYING))
def interests(desk: DeskDep, actor: ActorDep, need_id: NeedId) -> list[Interest]:
    """List which suppliers are interested in a need."""
    with desk.store.reading() as connection:
        return initiative.interests_in(connection, desk, actor, need_id)


@router.post("/joint-needs", status_code=201, **allow(*RUNNING))
def join(desk: DeskDep, actor: ActorDep, body: JointIn) -> Case:
    """Make one need of several buyers' needs; the parts are kept."""
    return joint.make(desk, actor, body.joint(), body.reason)


@router.get("/joint-needs/{need_id}/parts", **allow(*BUYING))
def parts(desk: DeskDep, actor: ActorDep, need_id: NeedId) -> list[Case]:
    """List the needs that a joint need is made of."""
    with desk.store.reading() as connection:
        cases.case(connection, desk, actor, need_id)
        return cases.parts_of(connection, need_id)


@router.post("/needs/{need_id}/declarations", status_code=201, **allow(*RUNNING))
def draft(desk: DeskDep, actor: ActorDep, need_id: NeedId, body: DeclarationIn) -> Declaration:
    """Draft a declaration of intent for the buyers of a need."""
    texts = tuple(t.text() for t in body.texts)
    return joint.draft_declaration(desk, actor, need_id, texts)


@router.get("/needs/{need_id}/declarations", **allow(*BUYING))
def declarations(desk: DeskDep, actor: ActorDep, need_id: NeedId) -> list[Declaration]:
    """List the declarations about a need, with who declared what and when."""
    with desk.store.reading() as connection:
        return joint.declarations(connection, desk, actor, need_id)


@router.get("/declarations/{declaration_id}", **allow(*BUYING))
def declaration(desk: DeskDep, actor: ActorDep, declaration_id: str) -> Declaration:
    """Return a declaration of intent."""
    with desk.store.reading() as connection:
        return joint.declaration(connection, desk, actor, declaration_id)


@router.post("/declarations/{declaration_id}/sending", **allow(*RUNNING))
def send(desk: DeskDep, actor: ActorDep, declaration_id: str) -> Declaration:
    """Send a declaration round to its buyers; its words are fixed from now on."""
    return joint.send_declaration(desk, actor, declaration_id)


@router.post("/declarations/{declaration_id}/signature", **allow(Role.BUYER))
def sign(desk: DeskDep, actor: ActorDep, declaration_id: str, body: SignatureIn) -> Declaration:
    """Sign a declaration for one's own organisation, or decline to."""
    return joint.sign(desk, actor, declaration_id, body.signs, body.commitment, body.statement)
