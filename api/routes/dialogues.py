"""Market dialogues: plan, shortlist, invitations, record."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.answers import CountOut, DrawnOut, Page, RankedOut
from api.auth.guard import BUYING, RUNNING, ActorDep, DeskDep, allow
from api.forms import (
    AttendanceIn,
    ChoicesIn,
    DialogueIn,
    DialogueMoveIn,
    DrawIn,
    RankingIn,
)
from api.routes.records import Limit, Offset
from api.schemas import MatchesOut
from matcher.languages import LANGUAGES
from matcher.workflow import (
    consultation,
    dialogues,
    documents,
    figures,
    invitations,
    shortlist,
)
from matcher.workflow.access import Scope
from matcher.workflow.dialogues import Dialogue
from matcher.workflow.figures import Exposure
from matcher.workflow.invitations import Round
from matcher.workflow.shortlist import Origin, Place

router = APIRouter(prefix="/dialogues", tags=["dialogues"])
DialogueId = Annotated[str, Path(max_length=32)]


@router.post("", status_code=201, **allow(*RUNNING))
def create(desk: DeskDep, actor: ActorDep, body: DialogueIn) -> Dialogue:
    """Plan a market dialogue."""
    return dialogues.create(desk, actor, body.plan())


@router.get("", **allow(*BUYING))
def listing(
    desk: DeskDep, actor: ActorDep, offset: Offset = 0, limit: Limit = 50
) -> Page[Dialogue]:
    """List dialogues: a buyer's own, a broker's all."""
    with desk.store.reading() as connection:
        total, items = dialogues.listing(connection, actor, offset, limit)
    return Page(total=total, items=items)


@router.get("/{dialogue_id}", **allow(*BUYING))
def one(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId) -> Dialogue:
    """Return a dialogue."""
    with desk.store.reading() as connection:
        return dialogues.get(connection, actor, dialogue_id)


@router.put("/{dialogue_id}", **allow(*RUNNING))
def edit(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId, body: DialogueIn) -> Dialogue:
    """Change a dialogue."""
    return dialogues.edit(desk, actor, dialogue_id, body.plan())


@router.post("/{dialogue_id}/state", **allow(*RUNNING))
def move(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId, body: DialogueMoveIn) -> Dialogue:
    """Open a dialogue, note that it was held, or cancel it. No open call, no opening."""
    return dialogues.move(desk, actor, dialogue_id, body.to, body.reason)


@router.post("/{dialogue_id}/rankings", status_code=201, **allow(*RUNNING))
def rank(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId, body: RankingIn) -> RankedOut:
    """Rank suppliers for a need of the dialogue, on the record; the first k are suggested."""
    ranked = shortlist.rank(desk, actor, dialogue_id, body.need_id, body.k, body.filters)
    return RankedOut(log_number=ranked.number, ranking=MatchesOut.of(ranked.found))


@router.get("/{dialogue_id}/shortlist", **allow(*BUYING))
def places(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId) -> list[Place]:
    """List who is suggested, shortlisted, rejected and invited, and why."""
    with desk.store.reading() as connection:
        return shortlist.places(connection, actor, dialogue_id)


@router.post("/{dialogue_id}/shortlist", **allow(*RUNNING))
def decide(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId, body: ChoicesIn) -> list[Place]:
    """Accept, reject or add suppliers, each with its reason."""
    choices = [shortlist.Choice(**c.model_dump()) for c in body.choices]
    return shortlist.decide(desk, actor, dialogue_id, choices, Origin.HAND)


@router.post("/{dialogue_id}/draws", status_code=201, **allow(*RUNNING))
def draw(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId, body: DrawIn) -> DrawnOut:
    """Draw at random from a pool; seed, pool and outcome are on the record."""
    number, drawn = shortlist.draw(
        desk, actor, dialogue_id, body.count, body.reason, tuple(body.pool), body.seed
    )
    return DrawnOut(log_number=number, drawn=drawn)


@router.post("/{dialogue_id}/invitations", **allow(*RUNNING, scope=Scope.SEND))
def invite(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId) -> Round:
    """Invite everybody on the shortlist; nobody is invited twice."""
    return invitations.invite(desk, actor, dialogue_id)


@router.post("/{dialogue_id}/reminders", **allow(*RUNNING, scope=Scope.SEND))
def remind(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId) -> Round:
    """Remind those who have not answered."""
    return invitations.remind(desk, actor, dialogue_id)


@router.post("/{dialogue_id}/attendance", **allow(*RUNNING))
def attended(
    desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId, body: AttendanceIn
) -> CountOut:
    """Note who came."""
    return CountOut(count=invitations.attended(desk, actor, dialogue_id, body.supplier_ids))


@router.get("/{dialogue_id}/exposure", **allow(*BUYING))
def exposure(desk: DeskDep, actor: ActorDep, dialogue_id: DialogueId) -> Exposure:
    """Count who came how far, by size, country, region, newcomers and language."""
    return figures.exposure(desk, actor, dialogue_id)


@router.get(
    "/{dialogue_id}/record",
    response_class=Response,
    **allow(*BUYING),
)
def record(
    desk: DeskDep,
    actor: ActorDep,
    dialogue_id: DialogueId,
    form: Annotated[str, Query(alias="format", pattern="^(json|xlsx|docx)$")] = "json",
    language: Annotated[str, Query(pattern=f"^({'|'.join(LANGUAGES)})$")] = "en",
) -> Response:
    """Return the consultation record as a file: JSON, XLSX or DOCX."""
    found = consultation.record(desk, actor, dialogue_id)
    make, media_type = documents.MAKERS[form]
    content = make(found, lambda message: desk.translate(language, message))
    # The name is made of the id alone: what somebody wrote never becomes a file's name.
    name = f"samspill-{dialogue_id}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
