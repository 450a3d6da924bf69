"""Who may do what: role x route x owner, every cell of it.

The routes come from the OpenAPI document: one without a row fails. Every cell is asked on the
same state of the store, put back before each, so that no answer depends on another.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from matcher.settings import Settings
from matcher.workflow import access, alerts, invitations, mail, shortlist
from matcher.workflow.access import Scope
from matcher.workflow.desk import Role
from tests.world import PASSWORD, Person, World, world

WHO = ("nobody", "broker", "admin", "buyer", "other buyer", "supplier", "other supplier", "job")
MEANS = {"+": range(200, 400), "0": [400], "1": [401], "3": [403], "4": [404], "9": [409]}

NEED = {"texts": [{"lang": "nb", "title": "Ferger", "body": "Vi trenger utslippsfrie ferger."}],
        "buyers": [{"name": "Askvik kommune", "country": "NO"}]}  # fmt: skip
JOINT = {"parts": ["{spare}", "{other spare}"], "texts": NEED["texts"], "reason": "Likt"}
TEXTS = {"texts": [{"lang": "nb", "title": "Erklæring", "body": "Vi vil."}]}
SIGNS = {"signs": True, "commitment": "commits"}
PLAN = {"title": "Dialog", "need_ids": ["{need}"], "open_call": "https://notices.example/1"}
CHOICE = {"choices": [{"supplier_id": "move-s3", "shortlisted": True, "reason": "Passer"}]}
PROFILE = {"texts": [{"lang": "nb", "body": "Vi bygger elektriske ferger."}]}
WISH = {"title": "Ferger", "text": "elektriske ferger", "language": "nb", "kind": "supplier"}
REVERSE = {"title": "Hør oss", "text": "Vi har noe nytt."}
WHOM = {"email": "somebody@example.test"}

# Route: cells in the order of WHO, and a body that fits. + done, otherwise the status.
# fmt: off
ROWS: dict[str, tuple[str, Any]] = {
    "GET /needs":                                   ("++++++++", None),
    "POST /needs":                                  ("1+++3333", NEED),
    "GET /needs/{need_id}":                         ("++++++++", None),
    "GET /needs/{need_id}/matches":                 ("++++433+", None),
    "GET /suppliers":                               ("++++++++", None),
    "GET /suppliers/{supplier_id}":                 ("++++++++", None),
    "GET /suppliers/{supplier_id}/wins":            ("++++++++", None),
    "GET /cpv":                                     ("++++++++", None),
    "GET /suppliers/{supplier_id}/matches":         ("+++33+3+", None),
    "POST /search":                                 ("+++++33+", {"text": "ferger"}),
    "GET /my/needs":                                ("1++++333", None),
    "GET /needs/{need_id}/case":                    ("1+++4333", None),
    "POST /needs/{need_id}/case":                   ("1++33333", None),
    "PUT /needs/{need_id}/case":                    ("1+++4333", NEED),
    "GET /needs/{need_id}/history":                 ("1+++4333", None),
    "POST /needs/{need_id}/state":
        ("1+++4333", {"to": "withdrawn", "reason": "Utgår"}),
    "PUT /needs/{need_id}/buyers/{buyer_id}/commitment":
        ("1+++4333", {"commitment": "commits"}),
    "GET /needs/{need_id}/similar":                 ("+++++333", None),
    "GET /needs/{need_id}/joint-suggestions":       ("1+++4333", None),
    "POST /needs/{need_id}/invitation-list":        ("+++33333", {"size": 3}),
    "GET /needs/{need_id}/partners/{supplier_id}":  ("+++33333", None),
    "GET /suppliers/{supplier_id}/hints":           ("+++33+33", None),
    "PUT /needs/{need_id}/judgements/{supplier_id}": ("+++33333", {"grade": "relevant"}),
    "DELETE /needs/{need_id}/judgements/{supplier_id}": ("+++33333", None),
    "GET /needs/{need_id}/interests":               ("1+++4333", None),
    "POST /joint-needs":                            ("1++33333", JOINT),
    "GET /joint-needs/{need_id}/parts":             ("1+++4333", None),
    "POST /needs/{need_id}/declarations":           ("1++33333", TEXTS),
    "GET /needs/{need_id}/declarations":            ("1+++4333", None),
    "GET /declarations/{declaration_id}":           ("1+++4333", None),
    "POST /declarations/{declaration_id}/sending":  ("19933333", None),
    "POST /declarations/{declaration_id}/signature": ("133+4333", SIGNS),
    "GET /dialogues":                               ("1++++333", None),
    "POST /dialogues":                              ("1++33333", PLAN),
    "GET /dialogues/{dialogue_id}":                 ("1+++4333", None),
    "PUT /dialogues/{dialogue_id}":                 ("1++33333", PLAN),
    "POST /dialogues/{dialogue_id}/state":
        ("1++33333", {"to": "cancelled", "reason": "Utgår"}),
    "POST /dialogues/{dialogue_id}/rankings":       ("1++33333", {"need_id": "{need}", "k": 3}),
    "GET /dialogues/{dialogue_id}/shortlist":       ("1+++4333", None),
    "POST /dialogues/{dialogue_id}/shortlist":      ("1++33333", CHOICE),
    "POST /dialogues/{dialogue_id}/draws":
        ("1++33333", {"count": 1, "reason": "Likt", "pool": ["move-s1"]}),
    "POST /dialogues/{dialogue_id}/invitations":    ("1++33333", None),
    "POST /dialogues/{dialogue_id}/reminders":      ("1++33333", None),
    "POST /dialogues/{dialogue_id}/attendance":     ("1++33333", {"supplier_ids": ["{supplier}"]}),
    "GET /dialogues/{dialogue_id}/exposure":        ("1+++4333", None),
    "GET /dialogues/{dialogue_id}/record":          ("1+++4333", None),
    "POST /suppliers/{supplier_id}/claim":          ("13333++3", None),
    "POST /suppliers/{supplier_id}/owners":
        ("1++33333", {"account_id": "{supplier account}"}),
    "POST /claims":                                 ("13333113", {"token": "x"}),
    "POST /claims/by-invitation":                   ("13333++3", {"token": "{answer}"}),
    "GET /my/profiles":                             ("13333++3", None),
    "GET /profiles/{supplier_id}":                  ("1++33+43", None),
    "PUT /profiles/{supplier_id}":                  ("1++33+43", PROFILE),
    "DELETE /profiles/{supplier_id}":               ("1++33+43", None),
    "GET /profiles/{supplier_id}/matches":          ("1++33+43", None),
    "POST /profiles/{supplier_id}/submission":      ("19933943", None),
    "GET /reviews":                                 ("1++33333", None),
    "POST /profiles/{supplier_id}/review":          ("1++33333", {"publishes": True}),
    "POST /profiles/{supplier_id}/renewal":         ("19933943", None),
    "PUT /profiles/{supplier_id}/mute":             ("1++33+43", {"until": "2030-01-01T00:00:00Z"}),
    "PUT /profiles/{supplier_id}/protection":       ("1++33333", {"protected": True}),
    "POST /links":                                  ("10033003", {"url": "http://127.0.0.1/"}),
    "GET /profiles/{supplier_id}/interests":        ("13333+43", None),
    "POST /profiles/{supplier_id}/interests":       ("13333+43", {"need_id": "{need}"}),
    "DELETE /profiles/{supplier_id}/interests/{need_id}": ("13333+43", None),
    "GET /profiles/{supplier_id}/partners?need_id={need}": ("13333+43", None),
    "POST /profiles/{supplier_id}/reverse-dialogues": ("13333+43", REVERSE),
    "GET /reverse-dialogues":                       ("1++33++3", None),
    "POST /reverse-dialogues/{reverse_id}/answer":
        ("1++33333", {"takes_up": True, "text": "Gjerne"}),
    "GET /my/invitations":                          ("13333++3", None),
    "POST /my/invitations/{invitation_id}":         ("13333+43", {"accepts": True}),
    "GET /answers/{token}":                         ("++++++++", None),
    "POST /answers/{token}":                        ("++++++++", {"accepts": False}),
    "POST /stop/{token}":                           ("++++++++", None),
    "GET /feeds/{token}":                           ("++++++++", None),
    "GET /subscriptions":                           ("1+++++++", None),
    "POST /subscriptions":                          ("1+++++++", WISH),
    "PUT /subscriptions/{subscription_id}":         ("14444+44", WISH),
    "DELETE /subscriptions/{subscription_id}":      ("14444+44", None),
    "GET /subscriptions/{subscription_id}/hits":    ("14444+44", None),
    "GET /log":                                     ("1++33333", None),
    "GET /log/verification":                        ("1++3333+", None),
    "GET /log/{number}":                            ("1++33333", None),
    "POST /log/{number}/replay":                    ("1++33333", None),
    "POST /log/{number}/erasure":                   ("13+33333", None),
    "GET /figures":                                 ("1++33333", None),
    "GET /exposure":                                ("1++33333", None),
    "POST /auth/login":                             ("11111111", {**WHOM, "password": "wrong"}),
    "POST /auth/logout":                            ("1+++++++", None),
    "GET /auth/me":                                 ("1+++++++", None),
    "POST /auth/password":
        ("1+++++++", {"current": PASSWORD, "new": "en helt annen sang"}),
    "POST /auth/password/forgotten":                ("++++++++", WHOM),
    "POST /auth/password/chosen":                   ("11111111", {"token": "x", "new": PASSWORD}),
    "GET /auth/tokens":                             ("1+++++++", None),
    "POST /auth/tokens":                            ("1+++++++", {"name": "t", "scopes": ["read"]}),
    "DELETE /auth/tokens/{token_id}":               ("14444+44", None),
    "GET /auth/oidc/login":                         ("44444444", None),
    "GET /auth/oidc/callback":                      ("11111111", None),
    "GET /accounts":                                ("13+33333", None),
    "POST /accounts":                               ("13+33333", {**WHOM, "role": "broker"}),
    "GET /accounts/{account_id}":                   ("13+33333", None),
    "PATCH /accounts/{account_id}":                 ("13+33333", {"active": False}),
    "GET /logins":                                  ("13+33333", None),
    "GET /buyers":                                  ("1++33333", None),
    "POST /buyers":                                 ("1++33333", {"name": "Ny kommune"}),
    "GET /my/data":                                 ("1+++++++", None),
    "POST /my/erasure":                             ("1+9+++++", {"password": PASSWORD}),
    "POST /people/data":                            ("13+33333", WHOM),
    "POST /people/erasure":                         ("13+33333", {"email": "{supplier email}"}),
}
# fmt: on


@dataclass
class Scene:
    """The world, who is in it, and what belongs to whom."""

    world: World
    people: dict[str, Person]
    ids: dict[str, str]
    snapshot: sqlite3.Connection
    cookies: dict[str, dict[str, str]]

    def restore(self) -> None:
        """Put the store back to the scene's beginning."""
        with sqlite3.connect(self.world.settings.data_dir / "samspill.sqlite") as live:
            self.snapshot.backup(live)
        live.close()
        for who, person in self.people.items():
            person.client.cookies.clear()
            person.client.cookies.update(self.cookies[who])

    def ask(self, who: str, row: str, body: Any, headers: dict[str, str] | None = None) -> int:
        """Ask one cell and return the status."""
        method, path = row.split(" ", 1)
        client: TestClient = self.world.anybody if who == "nobody" else self.people[who].client
        answer = client.request(
            method,
            "/api/v1" + self.fill(path),
            json=self.fill(body),
            headers=headers,
            follow_redirects=False,
        )
        assert answer.status_code < 500, (row, who, answer.text)
        return answer.status_code

    def fill(self, value: Any) -> Any:
        """Put ids into a path or body."""
        if isinstance(value, str):
            return re.sub(r"\{([a-z_ ]+)\}", lambda m: str(self.ids[m.group(1)]), value)
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        if isinstance(value, dict):
            return {k: self.fill(v) for k, v in value.items()}
        return value


@pytest.fixture(scope="module")
def scene(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("access") / "data"
    with world(demo_settings, folder) as here:
        yield set_the_scene(here)


def set_the_scene(here: World) -> Scene:
    """Give everybody something of their own."""
    buyer, other = here.buyer("Askvik kommune"), here.buyer("Bratland kommune")
    people = {
        "broker": here.person(Role.BROKER, "broker"),
        "admin": here.person(Role.ADMIN, "admin"),
        "buyer": here.person(Role.BUYER, "buyer", buyer_id=buyer),
        "other buyer": here.person(Role.BUYER, "other-buyer", buyer_id=other),
        "supplier": here.person(Role.SUPPLIER, "supplier"),
        "other supplier": here.person(Role.SUPPLIER, "other-supplier"),
        "job": here.person(Role.JOB, "job"),
    }
    broker, supplier = people["broker"], people["supplier"]
    own = "move-s11"
    here.bind(supplier, own)
    here.bind(people["other supplier"], "move-s9")
    need = people["buyer"]("POST", "/needs", 201, **NEED)["need_id"]
    people["buyer"]("POST", f"/needs/{need}/state", to="published", reason="Vedtatt")
    spare, spare2 = (
        broker("POST", "/needs", 201, **{**NEED, "buyers": []})["need_id"] for _ in range(2)
    )
    for need_id in (spare, spare2):
        broker("POST", f"/needs/{need_id}/state", to="published", reason="Vedtatt")
    declaration = broker("POST", f"/needs/{need}/declarations", 201, **TEXTS)["id"]
    broker("POST", f"/declarations/{declaration}/sending")
    plan = {**PLAN, "need_ids": [need]}
    dialogue = broker("POST", "/dialogues", 201, **plan)["id"]
    ranking = broker("POST", f"/dialogues/{dialogue}/rankings", 201, need_id=need, k=3)
    broker(
        "POST",
        f"/dialogues/{dialogue}/shortlist",
        choices=[
            {"supplier_id": s, "shortlisted": True, "reason": "Passer"} for s in (own, "move-s2")
        ],
    )
    broker("POST", f"/dialogues/{dialogue}/state", to="open", reason="Klar")
    broker("POST", f"/dialogues/{dialogue}/invitations")
    broker(
        "POST",
        f"/dialogues/{dialogue}/shortlist",
        choices=[
            {"supplier_id": s, "shortlisted": True, "reason": "Også"}
            for s in ("move-s1", "move-s4")
        ],
    )
    with here.desk.store.reading() as connection:
        place = shortlist.find(connection, dialogue, own)
        assert place is not None
    supplier("PUT", f"/profiles/{own}", **PROFILE, mailbox="post@move.example")
    supplier("POST", f"/profiles/{own}/submission")
    supplier("POST", f"/profiles/{own}/interests", need_id=need)
    reverse = supplier("POST", f"/profiles/{own}/reverse-dialogues", 201, **REVERSE)["id"]
    wish = supplier("POST", "/subscriptions", 201, **WISH)["subscription"]["id"]
    token, _ = access.make_token(here.desk, supplier.account.id, "t", [Scope.READ], 1)
    spare_account = here.person(Role.BROKER, "spare").account
    signer = here.desk.signer
    ids = {
        "need": need, "spare": spare, "other spare": spare2,
        "need_id": need, "supplier": own, "supplier_id": own,
        "buyer_id": str(buyer), "declaration_id": declaration, "dialogue_id": dialogue,
        "invitation_id": place.id, "reverse_id": reverse, "subscription_id": wish,
        "number": str(ranking["log_number"]), "account_id": spare_account.id,
        "token_id": token.id, "answer": invitations.answer_token(here.desk, place),
        "supplier account": supplier.account.id, "supplier email": supplier.account.email,
        "stop": signer.make(mail.STOP, f"supplier:{own}"), "feed": signer.make(alerts.FEED, wish),
    }  # fmt: skip
    snapshot = sqlite3.connect(":memory:", check_same_thread=False)
    live = sqlite3.connect(here.settings.data_dir / "samspill.sqlite")
    live.backup(snapshot)
    live.close()
    cookies = {who: dict(person.client.cookies) for who, person in people.items()}
    return Scene(here, people, ids, snapshot, cookies)


def _row(row: str) -> str:
    """A row's path with the right kind of token."""
    kind = {"/answers/": "{answer}", "/stop/": "{stop}", "/feeds/": "{feed}"}
    token = next((t for part, t in kind.items() if part in row), "")
    return row.replace("{token}", token)


def _operations(here: World) -> dict[str, dict[str, Any]]:
    paths = here.anybody.get("/api/v1/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
        if path.startswith("/api/")
    }


def test_every_route_has_a_row_and_every_row_a_route(scene: Scene) -> None:
    assert set(_operations(scene.world)) == {row.partition("?")[0] for row in ROWS}


@pytest.mark.parametrize("row", ROWS)
def test_cells(scene: Scene, row: str) -> None:
    cells, body = ROWS[row]
    assert len(cells) == len(WHO)
    wrong = []
    scene.restore()
    for who, cell in zip(WHO, cells, strict=True):
        if not row.startswith("GET"):
            scene.restore()
        status = scene.ask(who, _row(row), body)
        if status not in MEANS[cell]:
            wrong.append(f"{who}: {status} instead of {cell}")
    assert not wrong, wrong


def test_a_writing_request_without_its_code_is_refused(scene: Scene) -> None:
    """CSRF: the cookie alone is not enough, on no route that needs a session."""
    scene.restore()
    tried = 0
    for row, operation in _operations(scene.world).items():
        rule = operation["x-access"]
        if row.startswith("GET") or rule.get("everybody") or rule.get("searching"):
            continue
        role = "admin" if "admin" in rule["roles"] else rule["roles"][0]
        body = next(b for r, (_, b) in ROWS.items() if r.partition("?")[0] == row)
        for code in ("", "0" * 32, scene.people["job"].client.headers["x-csrf-token"]):
            assert scene.ask(role, _row(row), body, {"x-csrf-token": code}) == 403, row
            tried += 1
    assert tried > 100


def test_a_token_does_what_its_scopes_say_and_no_more(scene: Scene) -> None:
    scene.restore()
    secrets = {
        role: {s: scene.world.token(person, s) for s in Scope}
        for role, person in scene.people.items()
    }
    for row, operation in _operations(scene.world).items():
        rule = operation["x-access"]
        if rule.get("everybody"):
            continue
        role = "admin" if "admin" in rule["roles"] else rule["roles"][0]
        if rule.get("session_only"):
            given = list(Scope)
        elif row.startswith("GET") or rule.get("searching"):
            given = [Scope.WRITE, Scope.SEND]
        else:
            given = [Scope.READ] if not row.endswith("replay") else [Scope.WRITE]
        body = next(b for r, (_, b) in ROWS.items() if r.partition("?")[0] == row)
        for scope in given:
            headers = {"authorization": f"Bearer {secrets[role][scope]}"}
            assert scene.ask("nobody", _row(row), body, headers) == 403, (row, scope)
    read = {"authorization": f"Bearer {secrets['broker'][Scope.READ]}"}
    assert scene.ask("nobody", "GET /figures", None, read) == 200


def test_a_route_without_a_rule_stops_the_start(demo_settings: Settings) -> None:
    from fastapi import FastAPI

    from api.auth import guard

    app = FastAPI()

    @app.get("/api/v1/forgotten")
    def forgotten() -> str:
        return "open to all"

    with pytest.raises(RuntimeError, match="forgotten"):
        guard.refuse_unguarded(app)


def test_in_production_search_needs_a_login(
    demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("production") / "data"
    url = "https://samspill.example"
    with world(demo_settings, folder, env="production", public_url=url) as here:
        assert here.anybody.get("/api/v1/needs").status_code == 401
        assert here.anybody.post("/api/v1/search", json={"text": "x"}).status_code == 401
        assert here.anybody.get("/needs").status_code == 401
        assert here.anybody.get("/api/docs").status_code == 404
        assert here.anybody.get("/healthz").status_code == 200


def test_nobody_promotes_or_locks_out_themselves(scene: Scene) -> None:
    scene.restore()
    admin = scene.people["admin"]
    problem = admin("PATCH", f"/accounts/{admin.account.id}", 409, active=False)
    assert "another admin" in problem["detail"]


def test_a_shut_account_is_out_at_once(scene: Scene) -> None:
    scene.restore()
    spare = scene.world.person(Role.BROKER, "to-be-shut")
    token = scene.world.token(spare, Scope.READ)
    spare("GET", "/figures")
    scene.people["admin"]("PATCH", f"/accounts/{spare.account.id}", active=False)
    spare("GET", "/figures", 401)
    headers = {"authorization": f"Bearer {token}"}
    assert scene.ask("nobody", "GET /figures", None, headers) == 401
    login = {"email": spare.account.email, "password": PASSWORD}
    assert scene.ask("nobody", "POST /auth/login", login) == 401
