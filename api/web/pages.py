"""The first pages: paste a need and see suppliers; open a supplier and see needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates

from api.auth.guard import RUNNING, allow_searching
from api.deps import ServiceDep
from api.schemas import MAX_TEXT, Problem
from api.web.codes import cpv_labels
from api.web.i18n import COOKIE, NAMES, reader_language, translate
from api.web.marking import mark
from matcher.errors import InputError, UnavailableError
from matcher.fusion import Band
from matcher.index import Filters
from matcher.languages import LANGUAGES
from matcher.records import Kind
from matcher.service import Matches
from matcher.sideways import COVERED, covered_aspects

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
# Search and records: open where the settings open them, else for brokers and admins. What is
# ranked for whom is the API's to tell apart until pages for each role exist.
_SEARCHING = allow_searching(*RUNNING)["dependencies"]
_templates = Jinja2Templates(directory=Path(__file__).parent / "templates")
_templates.env.globals["mark"] = mark
_SHOWN = 10
_PER_PAGE = 30
COUNTRIES = ("NO", "SE", "DK", "FI", "IS", "DE")


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a page in the reader's language."""
    lang = reader_language(request)

    def _(message: str, **filled: object) -> str:
        return translate(lang, message, **filled)

    known = {
        "_": _,
        "lang": lang,
        "languages": NAMES,
        "countries": COUNTRIES,
        "bands": {
            Band.STRONG: _("strong match"),
            Band.POSSIBLE: _("possible match"),
            Band.WEAK: _("weak match"),
        },
        "covered_aspects": covered_aspects,
        "cpv_labels": cpv_labels(request, lang),
        "least_covered": COVERED,
    }
    response = _templates.TemplateResponse(
        request, template, {**known, **values}, status_code=status
    )
    if request.query_params.get("language") in LANGUAGES:
        response.set_cookie(COOKIE, lang, max_age=31_536_000, httponly=True, samesite="lax")
    response.headers["Content-Language"] = lang
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


def error_page(request: Request, problem: Problem) -> HTMLResponse:
    """Render an error for a person."""
    return render(request, "error.html", problem.status, problem=problem)


@router.get("/", dependencies=_SEARCHING)
def home(request: Request, service: ServiceDep) -> Response:
    """Show the form, and what is there to be matched."""
    ready, reason = service.ready()
    return render(
        request,
        "home.html",
        ready=ready,
        reason=reason,
        needs=service.store.page(Kind.NEED, 0, 6),
        need_count=service.store.count(Kind.NEED),
        supplier_count=service.store.count(Kind.SUPPLIER),
        form={"text": "", "kind": "need", "country": [], "written": "und"},
    )


@router.post("/", dependencies=_SEARCHING)
def search(
    request: Request,
    service: ServiceDep,
    text: Annotated[str, Form(max_length=MAX_TEXT)] = "",
    kind: Annotated[Kind, Form()] = Kind.NEED,
    written: Annotated[str, Form()] = "und",
    country: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Rank the other side for a pasted text."""
    form = {"text": text, "kind": kind.value, "country": country or [], "written": written}
    found: Matches | None = None
    problem = ""
    try:
        if written not in (*LANGUAGES, "und"):
            raise InputError(f"{written!r} is none of our languages")
        chosen = tuple(c for c in country or () if c in COUNTRIES)
        filters = Filters(countries=chosen)
        found = service.match_text(text, written, kind, _SHOWN, filters)
    except (InputError, UnavailableError) as error:
        problem = str(error)
    status = 400 if problem else 200
    return render(request, "results.html", status, found=found, form=form, problem=problem)


@router.get("/needs", dependencies=_SEARCHING)
def needs(
    request: Request, service: ServiceDep, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> Response:
    """List needs."""
    return _listing(request, service, Kind.NEED, page)


@router.get("/suppliers", dependencies=_SEARCHING)
def suppliers(
    request: Request, service: ServiceDep, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> Response:
    """List suppliers."""
    return _listing(request, service, Kind.SUPPLIER, page)


@router.get("/needs/{need_id}", dependencies=_SEARCHING)
def need(request: Request, service: ServiceDep, need_id: str) -> Response:
    """Show a need and the suppliers for it."""
    return _record(request, service, Kind.NEED, need_id)


@router.get("/suppliers/{supplier_id}", dependencies=_SEARCHING)
def supplier(request: Request, service: ServiceDep, supplier_id: str) -> Response:
    """Show a supplier and the needs it could meet."""
    return _record(request, service, Kind.SUPPLIER, supplier_id)


def _listing(request: Request, service: ServiceDep, kind: Kind, page: int) -> Response:
    total = service.store.count(kind)
    items = service.store.page(kind, (page - 1) * _PER_PAGE, _PER_PAGE)
    more = page * _PER_PAGE < total
    return render(
        request, "listing.html", kind=kind, items=items, total=total, page=page, more=more
    )


def _record(request: Request, service: ServiceDep, kind: Kind, record_id: str) -> Response:
    record = service.store.get(kind, record_id)
    found, problem = None, ""
    try:
        found = service.match(record, kind, _SHOWN)
    except (InputError, UnavailableError) as error:
        problem = str(error)
    return render(request, "record.html", record=record, kind=kind, found=found, problem=problem)
