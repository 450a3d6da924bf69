"""Suggestions around a ranking: invitation lists, joint needs, partners, hints, judgements."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import CountDep, FiltersDep, ServiceDep
from api.schemas import MatchesOut, Problem
from api.suggestions import (
    InvitationIn,
    InvitationListOut,
    JudgementIn,
    NeedHintsOut,
    PartnersOut,
)

router = APIRouter(
    tags=["suggestions"],
    responses={400: {"model": Problem}, 404: {"model": Problem}, 503: {"model": Problem}},
)


@router.post("/needs/{need_id}/invitation-list")
def invitation_list(
    service: ServiceDep, filters: FiltersDep, need_id: str, body: InvitationIn
) -> InvitationListOut:
    """Compose a list of suppliers that together cover a need. Writes nothing."""
    found = service.invite(need_id, body.size, body.floors, body.seed, filters)
    return InvitationListOut.of(found)


@router.get("/needs/{need_id}/similar")
def similar_needs(
    service: ServiceDep, filters: FiltersDep, need_id: str, k: CountDep = 10
) -> MatchesOut:
    """Rank the needs of other buyers by likeness to a need."""
    return MatchesOut.of(service.similar(need_id, k, filters))


@router.get("/needs/{need_id}/partners/{supplier_id}")
def partners(service: ServiceDep, need_id: str, supplier_id: str, k: CountDep = 10) -> PartnersOut:
    """Rank suppliers by what they add to one supplier's coverage of a need."""
    return PartnersOut.of(*service.partners(need_id, supplier_id, k))


@router.get("/suppliers/{supplier_id}/hints")
def hints(service: ServiceDep, supplier_id: str) -> list[NeedHintsOut]:
    """Show what needs near a supplier ask for that its profile says nothing of."""
    return [NeedHintsOut.of(found) for found in service.hints(supplier_id)]


@router.put("/needs/{need_id}/judgements/{supplier_id}", status_code=204)
def judge(service: ServiceDep, need_id: str, supplier_id: str, body: JudgementIn) -> None:
    """Say how well a supplier's text answers a need; the next ranking heeds it."""
    service.judge(need_id, supplier_id, body.as_grade())


@router.delete("/needs/{need_id}/judgements/{supplier_id}", status_code=204)
def take_back(service: ServiceDep, need_id: str, supplier_id: str) -> None:
    """Take a judgement back."""
    service.judge(need_id, supplier_id, None)
