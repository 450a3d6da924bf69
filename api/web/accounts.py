"""The pages that letters to accounts lead to: claim, declaration, profile; and signing in to them.

They work without JavaScript. What may be done is decided where the API decides it: in
:mod:`matcher.workflow`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.auth.guard import (
    BUYING,
    DeskDep,
    Principal,
    csrf_token,
    get_principal,
    get_visitor,
    is_csrf_token,
)
from api.forms import MAX_BODY_TEXT
from api.routes.auth import address, open_session
from api.web.letters import clean
from api.web.pages import render
from matcher.errors import ForbiddenError, InputError, UnauthenticatedError
from matcher.records import Commitment
from matcher.workflow import accounts, joint, suppliers
from matcher.workflow.desk import Desk, Role

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_PAGES = re.compile(r"/(profile|claim/[\w-]{1,100}|declarations/[0-9a-f]{32})", re.ASCII)
Code = Annotated[str, Form(max_length=64)]
Word = Annotated[str, Form(max_length=2000)]
Secret = Annotated[str, Path(max_length=500)]


@router.post("/sign-in")
def sign_in(
    request: Request,
    desk: DeskDep,
    to: Annotated[str, Form(max_length=200)],
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=accounts.PASSWORD_LENGTH[1])],
) -> Response:
    """Sign in and go on to the page that asked for it, one of ours and no other."""
    if not _PAGES.fullmatch(to):
        raise InputError("this is no page to go on to")
    try:
        account = accounts.login(desk, email, password, address(request))
    except UnauthenticatedError:
        return RedirectResponse(f"{to}?failed=true", 303)
    response = RedirectResponse(to, 303)
    open_session(request, response, desk, account)
    return response


@router.get("/claim/{token}")
def ask_claim(request: Request, desk: DeskDep, token: Secret) -> Response:
    """Show the button that takes over a profile: opening the link alone takes nothing."""
    who = get_visitor(request, Role.SUPPLIER)
    return _page(request, desk, who, "claim") if who else _sign_in(request, desk)


@router.post("/claim/{token}")
def claim(request: Request, desk: DeskDep, token: Secret, csrf: Code = "") -> Response:
    """Take over the profile and show it."""
    who = _writer(request, csrf, Role.SUPPLIER)
    suppliers.take_claim(desk, who.actor, token)
    return RedirectResponse("/profile", 303)


@router.get("/declarations/{declaration_id}")
def declaration(request: Request, desk: DeskDep, declaration_id: str) -> Response:
    """Show a declaration of intent, and to a buyer the form that answers it."""
    who = get_visitor(request, *BUYING)
    if who is None:
        return _sign_in(request, desk)
    with desk.store.reading() as connection:
        found = joint.declaration(connection, desk, who.actor, declaration_id)
    own = next((s for s in found.signatures if s.buyer_id == who.account.buyer_id), None)
    return _page(
        request, desk, who, "declaration", declaration=found, own=own, commitments=list(Commitment)
    )


@router.post("/declarations/{declaration_id}")
def sign(
    request: Request,
    desk: DeskDep,
    declaration_id: str,
    signs: Annotated[bool, Form()],
    commitment: Annotated[Commitment, Form()],
    statement: Word = "",
    csrf: Code = "",
) -> Response:
    """Sign a declaration for one's buyer, or decline to."""
    who = _writer(request, csrf, Role.BUYER)
    joint.sign(desk, who.actor, declaration_id, signs, commitment, clean(statement))
    return RedirectResponse(f"/declarations/{declaration_id}", 303)


@router.get("/profile")
def profiles(request: Request, desk: DeskDep) -> Response:
    """Show one's profiles, each as a form."""
    who = get_visitor(request, Role.SUPPLIER)
    if who is None:
        return _sign_in(request, desk)
    with desk.store.reading() as connection:
        found = [
            (
                desk.store.supplier_in(connection, supplier_id),
                suppliers.profile(connection, desk, who.actor, supplier_id),
            )
            for supplier_id in who.account.suppliers
        ]
    return _page(request, desk, who, "profile", profiles=found)


@router.post("/profile")
def write_profile(
    request: Request,
    desk: DeskDep,
    supplier_id: Annotated[str, Form(max_length=200)],
    body: Annotated[list[Annotated[str, Form(max_length=MAX_BODY_TEXT)]], Form(max_length=24)],
    csrf: Code = "",
) -> Response:
    """Write the texts of a profile and hand it in; who changed nothing renews it."""
    actor = _writer(request, csrf, Role.SUPPLIER).actor
    with desk.store.reading() as connection:
        found = suppliers.profile(connection, desk, actor, supplier_id)
    content = found.content
    if len(body) != len(content.texts):
        raise InputError("the profile has been changed since: open the page again")
    words = [clean(text) for text in body]
    same = [w.split() for w in words] == [t.body.split() for t in content.texts]
    if same and found.state in (suppliers.State.PUBLISHED, suppliers.State.EXPIRED):
        suppliers.renew(desk, actor, supplier_id)
    else:
        texts = tuple(
            t.model_copy(update={"body": w}) for t, w in zip(content.texts, words, strict=True)
        )
        changed = content.model_copy(update={"texts": texts})
        suppliers.write(desk, actor, supplier_id, changed, found.open_to_partners)
        suppliers.submit(desk, actor, supplier_id)
    return RedirectResponse("/profile", 303)


def _writer(request: Request, csrf: str, role: Role) -> Principal:
    """Return who wrote a form: signed in, by a form that we gave out."""
    who = get_visitor(request, role) or get_principal(request)
    if who.scopes is not None or not is_csrf_token(request, who, csrf):
        raise ForbiddenError("this form is too old: open the page again")
    return who


def _page(request: Request, desk: Desk, who: Principal, shows: str, **values: Any) -> Response:
    code = csrf_token(request, who)
    return render(request, "account.html", shows=shows, csrf=code, failed=False, **values)


def _sign_in(request: Request, desk: Desk) -> Response:
    values = {
        "to": request.url.path,
        "failed": "failed" in request.query_params,
        "oidc": desk.settings.oidc_issuer,
    }
    return render(request, "account.html", 401, shows="sign in", **values)
