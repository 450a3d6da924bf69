"""Suggestions around a ranking: invitation lists, joint needs, partners, hints, judgements."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.guard import BUYING, RUNNING, SearcherDep, allow_judging, allow_searching
from api.deps import CountDep, FiltersDep, ServiceDep
from api.schemas import MatchesOut
from api.suggestions import (
    InvitationIn,
    InvitationListOut,
    JudgementIn,
    NeedHintsOut,
    PartnersOut,
)
from matcher.errors import ForbiddenError
from matcher.workflow.desk import Role

router = APIRouter(tags=["suggestions"])


@router.post("/needs/{need_id}/invitation-list", **allow_searching(*RUNNING))
def invitation_list(
    service: ServiceDep, filters: FiltersDep, need_id: str, body: InvitationIn
) -> InvitationListOut:
    """Compose a list of suppliers that together cover a need. Writes nothing."""
    found = service.invite(need_id, body.size, body.floors, body.seed, filters)
    return InvitationListOut.of(found)


@router.get("/needs/{need_id}/similar", **allow_searching(*BUYING))
def similar_needs(
    service: ServiceDep, filters: FiltersDep, need_id: str, k: CountDep = 10
) -> MatchesOut:
    """Rank the needs of other buyers by likeness to a need."""
    return MatchesOut.of(service.similar(need_id, k, filters))


@router.get("/needs/{need_id}/partners/{supplier_id}", **allow_searching(*RUNNING))
def partners(service: ServiceDep, need_id: str, supplier_id: str, k: CountDep = 10) -> PartnersOut:
    """Rank suppliers by what they add to one supplier's coverage of a need."""
    return PartnersOut.of(*service.partners(need_id, supplier_id, k))


@router.get("/suppliers/{supplier_id}/hints", **allow_searching(*RUNNING, Role.SUPPLIER))
def hints(service: ServiceDep, who: SearcherDep, supplier_id: str) -> list[NeedHintsOut]:
    """Show what needs near a supplier ask for that its profile says nothing of."""
    if who is not None and who.role is Role.SUPPLIER and supplier_id not in who.suppliers:
        raise ForbiddenError("what another supplier's profile leaves out is not yours to see")
    return [NeedHintsOut.of(found) for found in service.hints(supplier_id)]


@router.put("/needs/{need_id}/judgements/{supplier_id}", status_code=204, **allow_judging())
def judge(service: ServiceDep, need_id: str, supplier_id: str, body: JudgementIn) -> None:
    """Say how well a supplier's text answers a need; the next ranking heeds it."""
    service.judge(need_id, supplier_id, body.as_grade())


@router.delete("/needs/{need_id}/judgements/{supplier_id}", status_code=204, **allow_judging())
def take_back(service: ServiceDep, need_id: str, supplier_id: str) -> None:
    """Take a judgement back."""
    service.judge(need_id, supplier_id, None)
