"""One error shape: problem+json (RFC 9457) on the API, a page for people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.schemas import Problem
from matcher.errors import SamspillError

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Make every error of the application come out in this shape."""

    @app.exception_handler(SamspillError)
    async def on_samspill_error(request: Request, error: SamspillError) -> Response:
        return answer(request, error.status, error.title, str(error))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        title = HTTPStatus(error.status_code).phrase
        detail = (
            str(error.detail) if error.detail != title else f"{request.method} {request.url.path}"
        )
        return answer(request, error.status_code, title, detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {"field": ".".join(str(p) for p in e["loc"][1:]), "message": str(e["msg"])}
            for e in error.errors()
        ]
        detail = "; ".join(f"{e['field']}: {e['message']}" for e in errors)
        return answer(request, 422, "The request does not fit", detail, errors)

    @app.exception_handler(Exception)
    async def on_bug(request: Request, error: Exception) -> Response:
        # The route, not the path: that may be a personal link.
        route = getattr(request.scope.get("route"), "path", "unmatched")
        log.error("unhandled", method=request.method, route=route, exc_info=error)
        return answer(request, 500, "Something went wrong", "The error has been logged.")


def answer(
    request: Request,
    status: int,
    title: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: Any = None,
) -> Response:
    """Answer with an error: a page where a person asked for one, else problem+json."""
    problem = Problem(title=title, status=status, detail=detail, errors=errors or [])
    if not request.url.path.startswith("/api/") and "text/html" in request.headers.get(
        "accept", ""
    ):
        from api.web.pages import error_page

        return error_page(request, problem)
    return JSONResponse(
        problem.model_dump(),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )
