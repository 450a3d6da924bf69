"""Rankings, both ways."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.guard import BUYING, DeskDep, SearcherDep, allow_searching
from api.deps import CountDep, FiltersDep, ServiceDep
from api.schemas import MatchesOut, SearchIn
from matcher.errors import ForbiddenError
from matcher.records import Kind
from matcher.workflow import needs, rankings
from matcher.workflow.desk import Role

router = APIRouter(tags=["matches"])


@router.get("/needs/{need_id}/matches", **allow_searching(*BUYING, Role.JOB))
def need_matches(
    service: ServiceDep,
    desk: DeskDep,
    who: SearcherDep,
    filters: FiltersDep,
    need_id: str,
    k: CountDep = 10,
) -> MatchesOut:
    """Rank suppliers for a stored need, with reasons.

    Who is signed in does it on the record; a buyer for its own needs alone.
    """
    if who is None or who.role is Role.JOB:
        return MatchesOut.of(service.match_record(Kind.NEED, need_id, k, filters))
    with desk.store.writing() as connection:
        case = needs.take_on_own(connection, desk, who, need_id)
    return MatchesOut.of(rankings.run(desk, who, case, k, filters).found)


@router.get(
    "/suppliers/{supplier_id}/matches",
    **allow_searching(Role.BROKER, Role.ADMIN, Role.SUPPLIER, Role.JOB),
)
def supplier_matches(
    service: ServiceDep, who: SearcherDep, filters: FiltersDep, supplier_id: str, k: CountDep = 10
) -> MatchesOut:
    """Rank needs for a stored supplier, with reasons; a supplier sees its own alone."""
    if who is not None and who.role is Role.SUPPLIER and supplier_id not in who.suppliers:
        raise ForbiddenError("how another supplier is ranked is not yours to see")
    return MatchesOut.of(service.match_record(Kind.SUPPLIER, supplier_id, k, filters))


@router.post("/search", **allow_searching())
def search(service: ServiceDep, who: SearcherDep, body: SearchIn) -> MatchesOut:
    """Rank the other side for a text, with reasons.

    The text travels in the body, never in the URL: it may name people. A supplier finds needs,
    it does not rank other suppliers.
    """
    if who is not None and who.role is Role.SUPPLIER and body.kind is Kind.NEED:
        raise ForbiddenError("the suppliers for a need are the buyers' and brokers' to see")
    found = service.match_text(body.text, body.lang, body.kind, body.k, body.filters)
    return MatchesOut.of(found)
