"""The pages that letters to accounts lead to, as a browser without JavaScript uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from matcher.records import Contact
from matcher.settings import Settings
from matcher.store import dialogue as tables
from matcher.workflow import suppliers
from matcher.workflow.access import Scope
from matcher.workflow.desk import Role
from tests.world import PASSWORD, Person, World, world


@pytest.fixture(scope="module")
def here(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(demo_settings, tmp_path_factory.mktemp("pages") / "data") as found:
        yield found


def _link(here: World, kind: str, text: str) -> str:
    """Return the path that the last letter of a kind leads to."""
    table = tables.message
    with here.desk.store.reading() as connection:
        query = select(table.c.text).where(table.c.kind == kind).order_by(table.c.created_at.desc())
        written = connection.execute(query).scalars().first()
    found = re.search(rf"http://testserver({text}\S*)", str(written))
    assert found, written
    return found.group(1)


def _code(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found, page
    return found.group(1)


def _signed_in(here: World, person: Person, path: str) -> TestClient:
    """Open a page as a browser, be asked to sign in, do it, come to the page."""
    browser = TestClient(here.app, raise_server_exceptions=False)
    browser.portal = here.anybody.portal
    browser.headers["accept"] = "text/html"
    asked = browser.get(path)
    assert asked.status_code == 401
    assert f'value="{path}"' in asked.text
    form = {"to": path, "email": person.account.email, "password": "wrong password"}
    assert 'role="alert"' in browser.post("/sign-in", data=form).text
    arrived = browser.post("/sign-in", data={**form, "password": PASSWORD})
    assert (arrived.status_code, arrived.url.path) == (200, path)
    return browser


def test_signing_in_leads_to_no_other_page(here: World) -> None:
    person = here.person(Role.SUPPLIER, "careful")
    for to in ("https://evil.example/", "//evil.example/profile", "/profile\n//x", "/api/v1/needs",
               "/profile/../..", "/claim/a/../b", "/claim/ü"):  # fmt: skip
        form = {"to": to, "email": person.account.email, "password": PASSWORD}
        answer = here.anybody.post("/sign-in", data=form, follow_redirects=False)
        assert answer.status_code == 400, to
        assert "set-cookie" not in answer.headers


def test_a_profile_is_claimed_written_and_renewed_by_its_pages(here: World) -> None:
    found = here.desk.store.supplier("move-s12")
    contact = Contact(email="post@askvik.example")
    here.desk.store.save([found.model_copy(update={"contact": contact})])
    owner, broker = here.person(Role.SUPPLIER, "owner"), here.person(Role.BROKER, "broker")
    owner("POST", "/suppliers/move-s12/claim", 202)
    path = _link(here, "claim", "/claim/")
    browser = _signed_in(here, owner, path)
    # Opening it took nothing; a foreign form takes nothing either.
    assert browser.post(path).status_code == 403
    assert browser.post(path, data={"csrf": "0" * 32}).status_code == 403
    assert not owner.get("/my/profiles")
    page = browser.post(path, data={"csrf": _code(browser.get(path).text)})
    assert page.url.path == "/profile"
    assert found.name in page.text
    bodies = [f"{t.body} <b>Og meir.</b>" for t in found.texts]
    form = {"csrf": _code(page.text), "supplier_id": "move-s12", "body": bodies}
    page = browser.post("/profile?language=nn", data=form)
    assert owner.get("/profiles/move-s12")["state"] == "submitted"
    assert "&lt;b&gt;Og meir." in page.text
    broker("POST", "/profiles/move-s12/review", publishes=True)
    assert _link(here, "review", "/profile") == "/profile"
    before = owner.get("/profiles/move-s12")["expires_at"]
    assert browser.post("/profile", data=form).status_code == 200
    renewed = owner.get("/profiles/move-s12")
    assert renewed["state"] == "published"
    assert renewed["expires_at"] > before
    # A stranger writes nothing here.
    form["supplier_id"] = "move-s13"
    assert browser.post("/profile", data=form).status_code == 404
    with here.desk.store.reading() as connection:
        assert not suppliers.owners(connection, "move-s13")


def test_a_declaration_is_answered_on_its_page(here: World) -> None:
    broker = here.person(Role.BROKER, "declaring")
    buyer = here.person(Role.BUYER, "buyer", buyer_id=here.buyer("Askvik kommune"))
    stranger = here.person(Role.BUYER, "stranger", buyer_id=here.buyer("Bratland kommune"))
    texts = [{"lang": "nb", "title": "Ferger", "body": "Elektriske ferger <i>nå</i>"}]
    buyers = [{"name": "Askvik kommune", "country": "NO"}]
    need = broker("POST", "/needs", 201, texts=texts, buyers=buyers)["need_id"]
    made = broker("POST", f"/needs/{need}/declarations", 201, texts=texts)
    path = f"/declarations/{made['id']}"
    broker("POST", f"{path}/sending")
    assert _link(here, "declaration", "/declarations/") == path
    browser = _signed_in(here, buyer, path)
    page = browser.get(path)
    assert "&lt;i&gt;nå" in page.text
    form = {"signs": "true", "commitment": "commits", "statement": "Gjerne"}
    assert browser.post(path, data=form).status_code == 403
    assert stranger.client.get(path).status_code == 404
    supplier = here.person(Role.SUPPLIER, "curious")
    assert supplier.client.get(path).status_code == 403
    page = browser.post(f"{path}?language=de", data={**form, "csrf": _code(page.text)})
    assert 'role="status"' in page.text
    assert 'name="csrf"' not in page.text
    signature = buyer.get(path)["signatures"][0]
    assert (signature["decision"], signature["commitment"]) == ("signed", "commits")


def test_an_api_token_opens_no_page_of_a_session(here: World) -> None:
    person = here.person(Role.SUPPLIER, "robot")
    headers = {"authorization": f"Bearer {here.token(person, Scope.READ, Scope.WRITE)}"}
    assert here.anybody.get("/profile", headers=headers).status_code == 401
    form = {"supplier_id": "move-s1", "body": ["x"], "csrf": ""}
    assert here.anybody.post("/profile", data=form, headers=headers).status_code == 403
