"""The pages that links in mails lead to. They need no account and no JavaScript."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from api.auth.guard import DeskDep
from api.routes.auth import PASSWORD, address
from api.web.pages import render
from matcher.workflow import access, accounts, invitations
from matcher.workflow.invitations import Invitation

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_MOST = 2000


@router.get("/answer/{token}")
def invitation(request: Request, desk: DeskDep, token: str) -> Response:
    """Show an invitation with the two buttons that answer it."""
    return _invitation(request, invitations.by_token(desk, token))


@router.post("/answer/{token}")
def answer(
    request: Request,
    desk: DeskDep,
    token: str,
    accepts: Annotated[bool, Form()],
    text: Annotated[str, Form(max_length=_MOST)] = "",
) -> Response:
    """Answer an invitation: the link is what allows it, so no cookie is looked at."""
    return _invitation(request, invitations.answer_by_token(desk, token, accepts, clean(text)))


@router.get("/stop/{token}")
def ask_stop(request: Request, token: str) -> Response:
    """Ask whether mail is to stop: opening a link alone, as mail scanners do, stops nothing."""
    return render(request, "letter.html", invitation=None, asks="stop", done=False)


@router.post("/stop/{token}")
def stop(request: Request, desk: DeskDep, token: str) -> Response:
    """Stop mail, by the button or by a mail program's one click (RFC 8058)."""
    invitations.stop_mail(desk, token)
    return render(request, "letter.html", invitation=None, asks="stop", done=True)


@router.get("/password/{token}")
def ask_password(request: Request, token: str) -> Response:
    """Ask for the new password."""
    return render(request, "letter.html", invitation=None, asks="password", done=False)


@router.post("/password/{token}")
def choose_password(
    request: Request,
    desk: DeskDep,
    token: str,
    password: Annotated[str, Form(max_length=accounts.PASSWORD_LENGTH[1])],
) -> Response:
    """Set the password; the link is used up."""
    with desk.store.writing() as connection:
        row = access.take_up(connection, desk, PASSWORD, token)
        accounts.set_password(desk, connection, row.account_id, password, address(request))
    return render(request, "letter.html", invitation=None, asks="password", done=True)


def clean(text: str) -> str:
    """Return what somebody wrote into a form, without what no text holds."""
    return "".join(c for c in text if c.isprintable() or c in "\r\n\t")


def _invitation(request: Request, found: Invitation) -> Response:
    return render(
        request, "letter.html", invitation=found, plan=found.dialogue.plan, place=found.place
    )
