"""Signing in and out, passwords, API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from api.answers import Done, MeOut, TokenOut
from api.auth.guard import (
    DeskDep,
    Principal,
    PrincipalDep,
    allow,
    allow_everybody,
    csrf_token,
    session_cookie,
)
from api.auth.oidc import Provider
from api.forms import EmailIn, LoginIn, PasswordByLinkIn, PasswordIn, TokenIn
from matcher.errors import UnauthenticatedError
from matcher.workflow import access, accounts, letters, mail
from matcher.workflow.access import Token
from matcher.workflow.accounts import Account
from matcher.workflow.desk import Desk
from matcher.workflow.signing import digest

router = APIRouter(prefix="/auth", tags=["accounts"])
PASSWORD = "password"  # noqa: S105 - the purpose of a link
PASSWORD_VALID = timedelta(days=2)
_PASSWORD_PAUSE = timedelta(minutes=10)
_OIDC_COOKIE = "samspill_oidc"


@router.post("/login", **allow_everybody())
def login(request: Request, response: Response, desk: DeskDep, body: LoginIn) -> MeOut:
    """Sign in with e-mail address and password; the session comes as a cookie."""
    account = accounts.login(desk, body.email, body.password, address(request))
    return _open(request, response, desk, account)


@router.post("/logout", **allow(session_only=True))
def logout(request: Request, response: Response, desk: DeskDep, who: PrincipalDep) -> Done:
    """Sign out: the session is worth nothing any more, here or elsewhere."""
    access.close_session(desk, who.account.id, who.session, address(request))
    response.delete_cookie(session_cookie(desk.settings), path="/")
    return Done()


@router.get("/me", **allow())
def me(request: Request, who: PrincipalDep) -> MeOut:
    """Tell who is signed in, and the code that writing requests of the session carry."""
    return MeOut(account=who.account, csrf_token=csrf_token(request, who))


@router.post("/password", **allow(session_only=True))
def change_password(
    request: Request, response: Response, desk: DeskDep, who: PrincipalDep, body: PasswordIn
) -> MeOut:
    """Change one's password; all other sessions end."""
    accounts.check_password(desk, who.account.id, body.current)
    with desk.store.writing() as connection:
        accounts.set_password(desk, connection, who.account.id, body.new, address(request))
    return _open(request, response, desk, who.account)


@router.post("/password/forgotten", status_code=202, **allow_everybody())
def forgotten(desk: DeskDep, body: EmailIn, later: BackgroundTasks) -> Done:
    """Send a link to choose a new password. The answer is the same whoever asks for whom."""
    # Written after the answer, which must not take longer where there is an account.
    later.add_task(_send_password, desk, accounts.clean_email(body.email))
    return Done()


def _send_password(desk: Desk, email: str) -> None:
    """Write to an account, if there is one, that was not written to just now."""
    with desk.store.writing() as connection:
        account = accounts.find(connection, email)
        if account is None or not account.active:
            return
        if not access.offered(connection, desk, PASSWORD, account.id, _PASSWORD_PAUSE):
            offer_password(connection, desk, account)


@router.post("/password/chosen", **allow_everybody())
def choose_password(request: Request, desk: DeskDep, body: PasswordByLinkIn) -> Done:
    """Choose a password by the link that was sent; it works once."""
    with desk.store.writing() as connection:
        row = access.take_up(connection, desk, PASSWORD, body.token)
        accounts.set_password(desk, connection, row.account_id, body.new, address(request))
    return Done()


@router.get("/tokens", **allow(session_only=True))
def tokens(desk: DeskDep, who: PrincipalDep) -> list[Token]:
    """List one's API tokens."""
    with desk.store.reading() as connection:
        return access.tokens(connection, who.account.id)


@router.post("/tokens", status_code=201, **allow(session_only=True))
def make_token(desk: DeskDep, who: PrincipalDep, body: TokenIn) -> TokenOut:
    """Make an API token; its secret is shown this once."""
    token, secret = access.make_token(desk, who.account.id, body.name, body.scopes, body.days)
    return TokenOut(token=token, secret=secret)


@router.delete("/tokens/{token_id}", **allow(session_only=True))
def delete_token(desk: DeskDep, who: PrincipalDep, token_id: str) -> Done:
    """Delete an API token."""
    access.delete_token(desk, who.account.id, token_id)
    return Done()


@router.get("/oidc/login", status_code=302, response_class=RedirectResponse, **allow_everybody())
def oidc_login(request: Request, desk: DeskDep) -> Response:
    """Send the browser to the OpenID provider."""
    url, browser = _provider(request).start(desk)
    response = RedirectResponse(url, 302)
    response.set_cookie(
        _OIDC_COOKIE,
        browser,
        max_age=int(access.FLOW_VALID.total_seconds()),
        path="/api/v1/auth/oidc",
        httponly=True,
        secure=desk.settings.env == "production",
        samesite="lax",
    )
    return response


@router.get("/oidc/callback", status_code=302, response_class=RedirectResponse, **allow_everybody())
def oidc_callback(
    request: Request,
    desk: DeskDep,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Take the browser back from the OpenID provider, signed in."""
    browser = request.cookies.get(_OIDC_COOKIE, "")
    if not (state and code and browser):
        raise UnauthenticatedError("the OpenID provider signed nobody in")
    provider = _provider(request)
    claims = provider.finish(desk, state, code, browser)
    verified = claims.get("email_verified") is True
    account = accounts.login_oidc(
        desk,
        desk.settings.oidc_issuer,
        str(claims["sub"]),
        str(claims.get("email", "")),
        verified,
        address(request),
    )
    response = RedirectResponse("/", 302)
    _open(request, response, desk, account)
    response.delete_cookie(_OIDC_COOKIE, path="/api/v1/auth/oidc")
    return response


def offer_password(connection: Connection, desk: Desk, account: Account) -> None:
    """Write to an account with the link to choose a password."""
    secret = access.offer(connection, desk, PASSWORD, PASSWORD_VALID, account.id)
    letter = letters.password(desk, account.language, desk.link(f"/password/{secret}"))
    mail.to_account(connection, desk, account, f"password:{digest(secret)}", letter, "")


def address(request: Request) -> str:
    """Return the address that a request came from."""
    return str(getattr(request.state, "address", ""))


def _open(request: Request, response: Response, desk: Desk, account: Account) -> MeOut:
    principal = open_session(request, response, desk, account)
    return MeOut(account=account, csrf_token=csrf_token(request, principal))


def open_session(request: Request, response: Response, desk: Desk, account: Account) -> Principal:
    """Open a new session; the old one, if the browser brought one, is gone."""
    name = session_cookie(desk.settings)
    secret = access.open_session(desk, account.id, old=request.cookies.get(name, ""))
    response.set_cookie(
        name,
        secret,
        path="/",
        httponly=True,
        secure=desk.settings.env == "production",
        samesite="lax",
    )
    return Principal(account, None, secret)


def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.oidc
    return provider
