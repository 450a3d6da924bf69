"""Who asks, and whether they may.

Every route says by :func:`allow` (or :func:`allow_everybody`) who may use it; the application
does not start with a route that says nothing. What belongs to whom is then decided where it is
read: in :mod:`matcher.workflow`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute

from api.schemas import Problem
from matcher.errors import ForbiddenError, UnauthenticatedError
from matcher.settings import Settings
from matcher.workflow import access
from matcher.workflow.access import Scope
from matcher.workflow.accounts import Account
from matcher.workflow.desk import Actor, Desk, Role

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
_RULE = "x-access"
EVERY_ROLE = tuple(Role)
BUYING = (Role.BROKER, Role.BUYER, Role.ADMIN)
RUNNING = (Role.BROKER, Role.ADMIN)


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes:
        account: That is signed in.
        scopes: Of the API token, None for a session: it may do all its account may.
        session: Secret of the session, empty for a token.
    """

    account: Account
    scopes: frozenset[Scope] | None
    session: str = ""

    @property
    def actor(self) -> Actor:
        """The account as somebody who acts."""
        return self.account.actor


def allow(*roles: Role, scope: Scope | None = None, session_only: bool = False) -> dict[str, Any]:
    """Return the arguments of a route that these roles may use.

    Args:
        roles: May use it; all if none is named.
        scope: An API token needs; by the method (``read`` or ``write``) if not given.
        session_only: No API token may use it, whatever its scopes.
    """
    allowed = roles or EVERY_ROLE

    def check(request: Request) -> None:
        principal = _authenticate(request)
        if principal is None:
            raise UnauthenticatedError("sign in first")
        _authorise(request, principal, allowed, scope, session_only)

    rule = {"roles": [r.value for r in allowed], "session_only": session_only}
    return _arguments(check, rule, [{"session": []}] + ([] if session_only else [{"token": []}]))


def allow_searching(*roles: Role) -> dict[str, Any]:
    """Return the arguments of a route that is open where the settings open search to all.

    A search is sent by POST to keep its text out of the address; it changes nothing, so no
    code against foreign pages is asked for.
    """
    allowed = roles or EVERY_ROLE

    def check(request: Request) -> None:
        principal = _authenticate(request)
        if principal is None:
            settings: Settings = request.app.state.settings
            if not settings.searchable_by_all:
                raise UnauthenticatedError("sign in first")
            return
        _check_role(principal, allowed)
        _check_scope(request, principal, Scope.READ, False)

    rule = {"roles": [r.value for r in allowed], "searching": True}
    return _arguments(check, rule, [{}, {"session": []}, {"token": []}])


def allow_judging() -> dict[str, Any]:
    """Return the arguments of a route by which brokers judge, in development anybody."""

    def check(request: Request) -> None:
        principal = _authenticate(request)
        if principal is not None:
            _authorise(request, principal, RUNNING, None, False)
        elif request.app.state.settings.env != "development":
            raise UnauthenticatedError("sign in first")

    rule = {"roles": [r.value for r in RUNNING], "judging": True}
    return _arguments(check, rule, [{}, {"session": []}, {"token": []}])


def allow_everybody() -> dict[str, Any]:
    """Return the arguments of a route that needs no account: it says so on purpose."""

    def check(request: Request) -> None:
        request.state.principal = None

    return _arguments(check, {"everybody": True}, [{}])


def _arguments(
    check: Callable[[Request], None], rule: dict[str, Any], security: list[dict[str, Any]]
) -> dict[str, Any]:
    codes = (400, 401, 403, 404, 409, 413, 422, 429, 503)
    return {
        "dependencies": [Depends(check)],
        "openapi_extra": {_RULE: rule, "security": security},
        "responses": {
            code: {
                "description": "An error.",
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            }
            for code in codes
        },
    }


def refuse_unguarded(app: FastAPI) -> None:
    """Make sure that every route of the API says who may use it.

    Raises:
        RuntimeError: One does not: a mistake of the programmer, found at the start.
    """
    for route in app.routes:
        if (
            isinstance(route, APIRoute)
            and route.path.startswith("/api/")
            and _RULE not in (route.openapi_extra or {})
        ):
            raise RuntimeError(f"{route.path}: no rule who may use it (api.auth.guard.allow)")


def describe(app: FastAPI) -> None:
    """Let the OpenAPI document say how to sign in and how an error looks."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            parts = original().setdefault("components", {})
            parts["securitySchemes"] = {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": session_cookie(app.state.settings),
                },
                "token": {"type": "http", "scheme": "bearer"},
            }
            parts["schemas"]["Problem"] = Problem.model_json_schema()
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _authenticate(request: Request) -> Principal | None:
    """Find out who asks, once a request."""
    if not hasattr(request.state, "principal"):
        request.state.principal = _find(request)
    found: Principal | None = request.state.principal
    return found


def _find(request: Request) -> Principal | None:
    desk: Desk = request.app.state.desk
    header = request.headers.get("authorization", "")
    if header:
        kind, _, secret = header.partition(" ")
        found = access.token_account(desk, secret.strip()) if kind.lower() == "bearer" else None
        if found is None:
            raise UnauthenticatedError("this API token is unknown, shut or too old")
        return Principal(found[0], found[1])
    secret = request.cookies.get(session_cookie(desk.settings), "")
    account = access.session_account(desk, secret) if secret else None
    return Principal(account, None, secret) if account else None


def _authorise(
    request: Request,
    principal: Principal,
    allowed: tuple[Role, ...],
    scope: Scope | None,
    session_only: bool,
) -> None:
    _check_role(principal, allowed)
    if principal.scopes is None:
        check_csrf(request, principal)
    else:
        _check_scope(request, principal, scope, session_only)


def _check_role(principal: Principal, allowed: tuple[Role, ...]) -> None:
    if principal.account.role not in allowed:
        raise ForbiddenError(f"this is not for the role {principal.account.role}")


def _check_scope(
    request: Request, principal: Principal, scope: Scope | None, session_only: bool
) -> None:
    if principal.scopes is None:
        return
    by_method = Scope.READ if request.method in SAFE_METHODS else Scope.WRITE
    needed = scope or by_method
    if session_only or needed not in principal.scopes:
        missing = "a session" if session_only else f"the scope {needed}"
        raise ForbiddenError(f"this API token is not enough: {missing} is needed")


def check_csrf(request: Request, principal: Principal) -> None:
    """Refuse a writing request that a foreign page made the browser send.

    The cookie alone comes with every request; the code comes only from who was given it.
    """
    if request.method in SAFE_METHODS:
        return
    if not is_csrf_token(request, principal, request.headers.get(CSRF_HEADER, "")):
        raise ForbiddenError(f"the header {CSRF_HEADER} is missing or wrong: GET /api/v1/auth/me")


def is_csrf_token(request: Request, principal: Principal, given: str) -> bool:
    """Tell whether a code is the one that writing requests of the session carry."""
    return hmac.compare_digest(csrf_token(request, principal).encode(), given.encode())


def csrf_token(request: Request, principal: Principal) -> str:
    """Return the code that writing requests of a session carry."""
    desk: Desk = request.app.state.desk
    return desk.signer.seal("csrf", principal.session)[:32] if principal.session else ""


def session_cookie(settings: Settings) -> str:
    """Return the cookie's name; the prefix makes browsers insist on how it was set."""
    return "__Host-samspill" if settings.env == "production" else "samspill_session"


def get_visitor(request: Request, *roles: Role) -> Principal | None:
    """Return who looks at a page with a session, None for nobody: the page asks to sign in.

    Raises:
        ForbiddenError: The page is not for this role.
    """
    principal = _authenticate(request)
    if principal is None or principal.scopes is not None:
        return None
    _check_role(principal, roles)
    return principal


def get_principal(request: Request) -> Principal:
    """Return who asks, on a route that only who is signed in may use."""
    principal = _authenticate(request)
    if principal is None:
        raise UnauthenticatedError("sign in first")
    return principal


def get_actor(request: Request) -> Actor:
    """Return who acts, on a route that only who is signed in may use."""
    return get_principal(request).actor


def get_searcher(request: Request) -> Actor | None:
    """Return who searches, None for anybody where search is open to all."""
    principal = _authenticate(request)
    return principal.actor if principal else None


def get_desk(request: Request) -> Desk:
    """Return what the workflow works with."""
    desk: Desk = request.app.state.desk
    return desk


PrincipalDep = Annotated[Principal, Depends(get_principal)]
ActorDep = Annotated[Actor, Depends(get_actor)]
SearcherDep = Annotated[Actor | None, Depends(get_searcher)]
DeskDep = Annotated[Desk, Depends(get_desk)]
