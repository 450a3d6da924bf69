"""Rankings, both ways."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import CountDep, FiltersDep, ServiceDep
from api.schemas import MatchesOut, Problem, SearchIn
from matcher.records import Kind

router = APIRouter(
    tags=["matches"],
    responses={400: {"model": Problem}, 404: {"model": Problem}, 503: {"model": Problem}},
)


@router.get("/needs/{need_id}/matches")
def need_matches(
    service: ServiceDep, filters: FiltersDep, need_id: str, k: CountDep = 10
) -> MatchesOut:
    """Rank suppliers for a stored need, with reasons."""
    return MatchesOut.of(service.match_record(Kind.NEED, need_id, k, filters))


@router.get("/suppliers/{supplier_id}/matches")
def supplier_matches(
    service: ServiceDep, filters: FiltersDep, supplier_id: str, k: CountDep = 10
) -> MatchesOut:
    """Rank needs for a stored supplier, with reasons."""
    return MatchesOut.of(service.match_record(Kind.SUPPLIER, supplier_id, k, filters))


@router.post("/search")
def search(service: ServiceDep, body: SearchIn) -> MatchesOut:
    """Rank the other side for a text, with reasons.

    The text travels in the body, never in the URL: it may name people.
    """
    found = service.match_text(body.text, body.lang, body.kind, body.k, body.filters)
    return MatchesOut.of(found)
