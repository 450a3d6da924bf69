"""Suppliers at work: their profiles, what they start, and the brokers' reviews."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.answers import Done, InvitationOut, Page, SupplierIdOut
from api.auth.guard import RUNNING, ActorDep, DeskDep, allow
from api.deps import CountDep
from api.forms import (
    AnswerIn,
    ClaimIn,
    InterestIn,
    LinkIn,
    MuteIn,
    ProfileIn,
    ProtectionIn,
    ReverseAnswerIn,
    ReverseIn,
    ReviewIn,
)
from api.routes.records import Limit, Offset
from api.schemas import MatchesOut
from matcher.workflow import initiative, invitations, outbound, suppliers
from matcher.workflow.desk import Role
from matcher.workflow.initiative import Interest, Partner, ReverseDialogue
from matcher.workflow.outbound import Page as WebPage
from matcher.workflow.suppliers import Profile

router = APIRouter(tags=["suppliers"])
SELLING = (Role.SUPPLIER,)
SEEING = (Role.SUPPLIER, *RUNNING)
SupplierId = Annotated[str, Path(max_length=200)]


@router.post("/suppliers/{supplier_id}/claim", status_code=202, **allow(*SELLING))
def ask_claim(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId) -> Done:
    """Ask for a link to the company's mailbox, to take over its profile."""
    suppliers.ask_claim(desk, actor, supplier_id)
    return Done()


@router.post("/claims", **allow(*SELLING))
def take_claim(desk: DeskDep, actor: ActorDep, body: ClaimIn) -> SupplierIdOut:
    """Take over a profile by the link from the company's mailbox."""
    return SupplierIdOut(supplier_id=suppliers.take_claim(desk, actor, body.token))


@router.post("/claims/by-invitation", **allow(*SELLING))
def claim_by_invitation(desk: DeskDep, actor: ActorDep, body: ClaimIn) -> SupplierIdOut:
    """Take over a profile by the link of an invitation."""
    return SupplierIdOut(supplier_id=suppliers.claim_by_invitation(desk, actor, body.token))


@router.get("/my/profiles", **allow(*SELLING))
def own(desk: DeskDep, actor: ActorDep) -> list[Profile]:
    """List the profiles one acts for."""
    with desk.store.reading() as connection:
        return [suppliers.profile(connection, desk, actor, i) for i in sorted(actor.suppliers)]


@router.get("/profiles/{supplier_id}", **allow(*SEEING))
def one(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId) -> Profile:
    """Return a profile as it is written now."""
    with desk.store.reading() as connection:
        return suppliers.profile(connection, desk, actor, supplier_id)


@router.put("/profiles/{supplier_id}", **allow(*SEEING))
def write(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId, body: ProfileIn) -> Profile:
    """Write a profile; what is published stays shown until a review."""
    return suppliers.write(desk, actor, supplier_id, body.content(), body.open_to_partners)


@router.delete("/profiles/{supplier_id}", **allow(*SEEING))
def leave(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId) -> Done:
    """Leave: profile, record and contact data go, and no feed brings them back."""
    suppliers.leave(desk, actor, supplier_id)
    return Done()


@router.get("/profiles/{supplier_id}/matches", **allow(*SEEING))
def matches(
    desk: DeskDep, actor: ActorDep, supplier_id: SupplierId, k: CountDep = 10
) -> MatchesOut:
    """Rank needs for a profile as it is written now, with reasons."""
    return MatchesOut.of(suppliers.matches(desk, actor, supplier_id, k))


@router.post("/profiles/{supplier_id}/submission", **allow(*SEEING))
def submit(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId) -> Profile:
    """Hand a profile in for review."""
    return suppliers.submit(desk, actor, supplier_id)


@router.get("/reviews", **allow(*RUNNING))
def reviews(desk: DeskDep, actor: ActorDep, offset: Offset = 0, limit: Limit = 50) -> Page[Profile]:
    """List profiles that await review, the oldest first."""
    with desk.store.reading() as connection:
        total, items = suppliers.awaiting_review(connection, actor, offset, limit)
    return Page(total=total, items=items)


@router.post("/profiles/{supplier_id}/review", **allow(*RUNNING))
def review(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId, body: ReviewIn) -> Profile:
    """Publish a profile, or return it with what needs to be changed."""
    return suppliers.review(desk, actor, supplier_id, body.publishes, body.reason)


@router.post("/profiles/{supplier_id}/renewal", **allow(*SEEING))
def renew(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId) -> Profile:
    """Renew a profile that still holds."""
    return suppliers.renew(desk, actor, supplier_id)


@router.put("/profiles/{supplier_id}/mute", **allow(*SEEING))
def mute(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId, body: MuteIn) -> Done:
    """Want no mail until a time."""
    suppliers.mute(desk, actor, supplier_id, body.until)
    return Done()


@router.put("/profiles/{supplier_id}/protection", **allow(*RUNNING))
def protect(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId, body: ProtectionIn) -> Done:
    """Note that a supplier is protected against unsolicited mail."""
    suppliers.protect(desk, actor, supplier_id, body.protected)
    return Done()


@router.post("/links", **allow(*SEEING))
def look_at(body: LinkIn) -> WebPage:
    """Look whether a profile's link leads to a public page."""
    return outbound.look_at(body.url)


@router.get("/profiles/{supplier_id}/interests", **allow(*SELLING))
def interests(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId) -> list[Interest]:
    """List what a supplier is interested in."""
    with desk.store.reading() as connection:
        return initiative.own_interests(connection, actor, supplier_id)


@router.post("/profiles/{supplier_id}/interests", **allow(*SELLING))
def express(desk: DeskDep, actor: ActorDep, supplier_id: SupplierId, body: InterestIn) -> Interest:
    """Express interest in a need."""
    return initiative.express(desk, actor, supplier_id, body.need_id, body.text)


@router.delete("/profiles/{supplier_id}/interests/{need_id}", **allow(*SELLING))
def withdraw(
    desk: DeskDep,
    actor: ActorDep,
    supplier_id: SupplierId,
    need_id: Annotated[str, Path(max_length=200)],
) -> Done:
    """Take an interest back."""
    initiative.withdraw(desk, actor, supplier_id, need_id)
    return Done()


@router.get("/profiles/{supplier_id}/partners", **allow(*SELLING))
def partners(
    desk: DeskDep,
    actor: ActorDep,
    supplier_id: SupplierId,
    need_id: Annotated[str, Query(max_length=200)],
    k: Annotated[int, Query(ge=1, le=50)] = 10,
) -> list[Partner]:
    """Find suppliers that cover what one's own profile leaves open of a need."""
    return initiative.partners(desk, actor, supplier_id, need_id, k)


@router.post("/profiles/{supplier_id}/reverse-dialogues", status_code=201, **allow(*SELLING))
def ask(
    desk: DeskDep, actor: ActorDep, supplier_id: SupplierId, body: ReverseIn
) -> ReverseDialogue:
    """Ask to be heard, whatever needs there are."""
    return initiative.ask(desk, actor, supplier_id, body.title, body.text, body.language)


@router.get("/reverse-dialogues", **allow(*SEEING))
def asked(
    desk: DeskDep, actor: ActorDep, offset: Offset = 0, limit: Limit = 50
) -> Page[ReverseDialogue]:
    """List reverse dialogues: a supplier's own, a broker's all."""
    with desk.store.reading() as connection:
        total, items = initiative.asked(connection, actor, offset, limit)
    return Page(total=total, items=items)


@router.post("/reverse-dialogues/{reverse_id}/answer", **allow(*RUNNING))
def answer_reverse(
    desk: DeskDep,
    actor: ActorDep,
    reverse_id: Annotated[str, Path(max_length=32)],
    body: ReverseAnswerIn,
) -> ReverseDialogue:
    """Take a reverse dialogue up, or decline it with the reason."""
    return initiative.answer(desk, actor, reverse_id, body.takes_up, body.text)


@router.get("/my/invitations", **allow(*SELLING))
def own_invitations(desk: DeskDep, actor: ActorDep) -> list[InvitationOut]:
    """List the invitations of the suppliers one acts for."""
    with desk.store.reading() as connection:
        return [InvitationOut.of(i) for i in invitations.own(connection, desk, actor)]


@router.post("/my/invitations/{invitation_id}", **allow(*SELLING))
def answer(
    desk: DeskDep,
    actor: ActorDep,
    invitation_id: Annotated[str, Path(max_length=32)],
    body: AnswerIn,
) -> InvitationOut:
    """Answer an invitation."""
    found = invitations.answer(desk, actor, invitation_id, body.accepts, body.text)
    return InvitationOut.of(found)
