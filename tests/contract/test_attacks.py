"""What attackers try: each refused, with nothing broken."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from api import limits
from api.app import create_app
from matcher.errors import SettingsError
from matcher.settings import Settings
from matcher.workflow import accounts, log, privacy
from matcher.workflow.access import Scope
from matcher.workflow.desk import Role
from tests.world import PASSWORD, SECRET, Person, World, logged, world

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}${7*7}"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")', "=cmd|'/c calc'!A1"]
TRAVERSALS = [
    "../../etc/passwd",
    "..\\..\\x",
    "/etc/passwd",
    "%2e%2e%2f",
    "....//",
    "a\x00b",
    "~root",
]


@pytest.fixture(scope="module")
def here(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(demo_settings, tmp_path_factory.mktemp("attacks") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def broker(here: World) -> Person:
    return here.person(Role.BROKER, "broker")


@pytest.fixture(scope="module")
def supplier(here: World) -> Person:
    found = here.person(Role.SUPPLIER, "supplier")
    here.bind(found, "move-s11")
    return found


def _need(person: Person, text: str) -> str:
    texts = [{"lang": "en", "title": text, "body": f"ferries {text}"}]
    need = person("POST", "/needs", 201, texts=texts, region=text)
    person("POST", f"/needs/{need['need_id']}/state", to="published", reason=text)
    return str(need["need_id"])


def _dialogue(person: Person, text: str) -> str:
    plan = {
        "title": text, "need_ids": [_need(person, text)], "place": text,
        "open_call": "https://notices.example/1",
        "pack": {"texts": [{"lang": "en", "body": text}],
                 "documents": [{"name": text, "url": "https://notices.example/a.pdf"}]},
    }  # fmt: skip
    dialogue = str(person("POST", "/dialogues", 201, **plan)["id"])
    choice = {"supplier_id": "move-s1", "shortlisted": True, "reason": text}
    person("POST", f"/dialogues/{dialogue}/shortlist", choices=[choice])
    person("POST", f"/dialogues/{dialogue}/state", to="open", reason=text)
    return dialogue


# -- what was written runs nowhere


def test_a_formula_stays_a_text(broker: Person) -> None:
    for formula in FORMULAS:
        dialogue = _dialogue(broker, formula.strip())
        answer = broker.client.get(f"/api/v1/dialogues/{dialogue}/record?format=xlsx")
        book = load_workbook(io.BytesIO(answer.content))
        cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
        assert any(formula.strip() in str(c.value) for c in cells)
        for cell in cells:
            assert cell.data_type != "f", cell.value
            assert not str(cell.value or "").startswith(("=", "+", "@", "\t"))
            assert isinstance(cell.value, int | float) or not str(cell.value).startswith("-")


def test_a_script_in_any_text_runs_on_no_page(
    here: World, broker: Person, supplier: Person
) -> None:
    dialogue = _dialogue(broker, SCRIPT)
    need = broker.get(f"/dialogues/{dialogue}")["plan"]["need_ids"][0]
    supplier("PUT", "/profiles/move-s11", texts=[{"lang": "nb", "body": f"Ferger {SCRIPT}"}],
             region=SCRIPT, municipality=SCRIPT)  # fmt: skip
    supplier("POST", "/profiles/move-s11/submission")
    broker("POST", "/profiles/move-s11/review", publishes=True, reason=SCRIPT)
    supplier("POST", "/profiles/move-s11/interests", need_id=need, text=SCRIPT)
    broker("POST", f"/dialogues/{dialogue}/invitations")
    with here.desk.store.reading() as connection:
        from matcher.workflow import invitations, shortlist

        place = shortlist.find(connection, dialogue, "move-s1")
        assert place is not None
        token = invitations.answer_token(here.desk, place)
    for path in ("/", "/needs", f"/needs/{need}", "/suppliers/move-s11", f"/answer/{token}"):
        page = here.anybody.get(path, headers={"accept": "text/html"})
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
        assert "onerror=alert" not in page.text.replace("&lt;img src=x onerror=alert", ""), path
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    for path in (f"/api/v1/needs/{need}", "/api/v1/suppliers/move-s11"):
        answer = here.anybody.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "//x",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "http:///x",
    ],
)
def test_a_link_is_a_web_address_or_refused(broker: Person, supplier: Person, url: str) -> None:
    texts = [{"lang": "en", "body": "ferries"}]
    broker("POST", "/needs", 422, texts=texts, url=url)
    broker("POST", "/dialogues", 422, title="x", open_call=url)
    broker("POST", "/dialogues", 422, title="x", link=url)
    supplier("PUT", "/profiles/move-s11", 422, texts=texts, url=url)


@pytest.mark.parametrize("name", TRAVERSALS)
def test_a_name_never_becomes_a_path(here: World, broker: Person, name: str) -> None:
    clean = name.replace("\x00", "")
    dialogue = _dialogue(broker, clean)
    answer = broker.client.get(f"/api/v1/dialogues/{dialogue}/record?format=docx")
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="samspill-{dialogue}.docx"'
    )
    for path in ("/static/", "/api/v1/needs/"):
        assert here.anybody.get(path + name.replace("\x00", "%00")).status_code in (400, 404)


# -- sessions and secrets


def _login(client: TestClient, email: str, password: str) -> int:
    body = {"email": email, "password": password}
    return client.post("/api/v1/auth/login", json=body).status_code


def test_a_session_from_before_the_login_is_worth_nothing(here: World, broker: Person) -> None:
    """Session fixation: what the attacker planted does not become the victim's session."""
    victim = TestClient(here.app)
    victim.portal = here.anybody.portal
    victim.cookies.set("samspill_session", "planted", domain="testserver.local")
    assert _login(victim, "broker@example.test", PASSWORD) == 200
    secret = victim.cookies.get("samspill_session", domain="testserver.local")
    planted = {"cookie": "samspill_session=planted"}
    assert here.anybody.get("/api/v1/auth/me", headers=planted).status_code == 401
    # Signing in again ends the session before it, signing out ends it everywhere.
    first = broker.client.cookies.get("samspill_session")
    again = Person(here, broker.account)
    assert again.client.cookies.get("samspill_session") != first
    stolen = {"cookie": f"samspill_session={again.client.cookies.get('samspill_session')}"}
    assert here.anybody.get("/api/v1/auth/me", headers=stolen).status_code == 200
    again("POST", "/auth/logout")
    assert here.anybody.get("/api/v1/auth/me", headers=stolen).status_code == 401
    assert secret != "planted"


def test_cookies_are_set_as_they_should_be(
    demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cookies") / "data"
    url = "https://samspill.example"
    with world(demo_settings, folder, env="production", public_url=url) as here:
        accounts.create(here.desk, accounts.Actor("t", Role.ADMIN), Role.BROKER, "b@example.test",
                        password=PASSWORD)  # fmt: skip
        body = {"email": "b@example.test", "password": PASSWORD}
        answer = here.anybody.post("/api/v1/auth/login", json=body)
        cookie = answer.headers["set-cookie"].lower()
        assert cookie.startswith("__host-samspill=")
        for part in ("httponly", "secure", "samesite=lax", "path=/"):
            assert part in cookie
        assert "domain" not in cookie
        assert "max-age" in answer.headers["strict-transport-security"]
        assert answer.headers["cache-control"] == "no-store"


def test_no_answer_tells_whether_an_account_exists(here: World, broker: Person) -> None:
    def answer(path: str, email: str) -> tuple[int, Any]:
        body: dict[str, str] = {"email": email}
        if path.endswith("login"):
            body["password"] = "wrong password"
        found = here.anybody.post(f"/api/v1/auth/{path}", json=body)
        return found.status_code, found.json()

    for path in ("login", "password/forgotten"):
        assert answer(path, "broker@example.test") == answer(path, "nobody@example.test")
    # A locked account answers like any other, also to the right password.
    for _ in range(10):
        _login(here.anybody, "broker@example.test", "wrong password")
    assert _login(here.anybody, "broker@example.test", PASSWORD) == 401
    with here.desk.store.writing() as connection:
        accounts._set_hash(connection, broker.account.id, accounts.hash_password(PASSWORD, ""))
    assert _login(here.anybody, "broker@example.test", PASSWORD) == 200


@pytest.mark.parametrize(
    "secret", ["", "samspill_", "samspill_" + "A" * 43, "' OR 1=1 --", "é", "x" * 9000]
)
def test_a_token_cannot_be_guessed(here: World, secret: str) -> None:
    headers = {"authorization": f"Bearer {secret}".encode()}
    assert here.anybody.get("/api/v1/figures", headers=headers).status_code == 401  # type: ignore[arg-type]
    for path in ("answers", "feeds"):
        assert here.anybody.get(f"/api/v1/{path}/{secret[:400] or 'x'}").status_code in (401, 404)


def test_secrets_are_kept_as_digests(here: World, broker: Person) -> None:
    token = here.token(broker, Scope.READ)
    session = broker.client.cookies.get("samspill_session")
    content = b"".join(p.read_bytes() for p in here.settings.data_dir.glob("samspill.sqlite*"))
    for secret in (token, token.removeprefix("samspill_"), session, PASSWORD):
        assert str(secret).encode() not in content


def test_guessing_is_slowed_down(
    demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rates") / "data"
    with world(demo_settings, folder, rate_logins="5/hour", rate_requests="20/hour") as here:
        codes = [_login(here.anybody, "x@example.test", "wrong password") for _ in range(7)]
        assert codes == [401] * 5 + [429] * 2
        answer = here.anybody.get("/api/v1/answers/x")
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
        assert answer.headers["content-type"] == "application/problem+json"
        codes = [here.anybody.get("/api/v1/needs?limit=1").status_code for _ in range(21)]
        assert codes[:20] == [200] * 20
        assert codes[20] == 429
        # A header of one's own making changes nothing.
        forged = {"x-forwarded-for": "203.0.113.9"}
        assert here.anybody.get("/api/v1/needs", headers=forged).status_code == 429
        assert here.anybody.get("/healthz").status_code == 200


def test_only_a_trusted_proxy_says_who_asks() -> None:
    scope = {
        "type": "http", "client": ("10.0.0.2", 1),
        "headers": [(b"x-forwarded-for", b"198.51.100.7, 203.0.113.9, 10.0.0.3")],
    }  # fmt: skip
    assert limits.client_address(scope, set()) == "10.0.0.2"
    assert limits.client_address(scope, {"10.0.0.2", "10.0.0.3"}) == "203.0.113.9"
    assert limits.network_key("2001:db8:1:2:3::4") == limits.network_key("2001:db8:1:2::9")


# -- foreign pages


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
     {"origin": "http://testserver.evil.example"}],
)  # fmt: skip
def test_a_foreign_page_writes_nothing(
    here: World, broker: Person, headers: dict[str, str]
) -> None:
    paths = {"/api/v1/auth/login": {"email": "broker@example.test", "password": PASSWORD},
             "/api/v1/buyers": {"name": "Evil"}, "/api/v1/search": {"text": "x"}}  # fmt: skip
    for path, body in paths.items():
        assert broker.client.post(path, json=body, headers=headers).status_code == 403
    assert (
        here.anybody.post("/answer/x", data={"accepts": "true"}, headers=headers).status_code == 403
    )
    own = {"origin": "http://testserver"}
    assert broker.client.post("/api/v1/buyers", json={"name": "Ok"}, headers=own).status_code == 201


# -- bodies


def test_bodies_too_large_too_deep_or_impossible(here: World, broker: Person) -> None:
    client, path = broker.client, "/api/v1/needs"
    kind = {"content-type": "application/json"}

    def send(content: Any) -> int:
        return client.post(path, content=content, headers=kind).status_code

    assert send(b"x" * (here.settings.max_body + 1)) == 413
    assert send(iter([b"x" * 65536] * 40)) == 413
    for depth in (33, 1000, 100_000):
        assert send(b"[" * depth + b"]" * depth) == 400
        assert send(b'{"a":' * depth + b"1" + b"}" * depth) == 400
    assert send(b'{"texts": [{"lang": "nb", "body": "a\\u0000b"}]}') == 400
    assert send(b'{"texts": [{"lang": "nb", "body": "a\\ud800b"}]}') == 400
    assert send(b'{"value": NaN}') == 422
    assert send(b'{"value": 1e999}') == 422
    assert send(b"\xff\xfe") == 422
    assert send(b'{"a": ' + b"9" * 100_000 + b"}") == 422
    assert client.get("/api/v1/needs/x%00y").status_code == 400
    assert client.get("/api/v1/needs?offset=%00").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/needs/move-n1/matches?k=1000000000", None), ("GET", "/needs?limit=1000000000", None),
     ("GET", f"/needs?offset={10**30}", None), ("POST", "/search", {"text": "x", "k": 10**9}),
     ("POST", "/dialogues/x/rankings", {"need_id": "x", "k": 10**9}),
     ("POST", "/dialogues/x/draws", {"count": 10**9, "reason": "x"}),
     ("GET", f"/log/{10**30}", None), ("GET", f"/log?after={10**30}", None),
     ("PUT", f"/needs/x/buyers/{10**30}/commitment", {"commitment": "commits"}),
     ("POST", "/needs", {"texts": [{"body": "x"}] * 25}),
     ("POST", "/needs", {"texts": [{"body": "x"}], "cpv": ["nonsense"]}),
     ("POST", "/needs", {"texts": [{"body": "x"}], "value": -1})],
)  # fmt: skip
def test_no_number_or_list_without_bounds(
    broker: Person, method: str, path: str, body: dict[str, Any] | None
) -> None:
    broker(method, path, 422, **(body or {}))


def test_a_request_that_takes_too_long_is_ended() -> None:
    app = FastAPI()

    @app.get("/slow")
    def slow() -> str:
        time.sleep(0.5)
        return "late"

    app.add_middleware(limits.TimeLimit, seconds=0.05)
    with TestClient(app) as client:
        answer = client.get("/slow")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"


# -- settings


@pytest.mark.parametrize("key", ["", "short", "a" * 64, "changeme" * 3])
def test_an_unsafe_secret_does_not_start_in_production(key: str) -> None:
    values = {"env": "production", "public_url": "https://samspill.example", "secret_key": key}
    with pytest.raises(SettingsError, match="SAMSPILL_SECRET_KEY"):
        create_app(Settings(_env_file=None, **values))
    values |= {"secret_key": SECRET, "public_url": "http://samspill.example"}
    with pytest.raises(SettingsError, match="SAMSPILL_PUBLIC_URL"):
        create_app(Settings(_env_file=None, **values))
    assert SECRET not in repr(Settings(_env_file=None, secret_key=SECRET))


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaa", "supplier-12345", "x" * 201])
def test_a_password_that_is_easily_guessed_is_refused(here: World, password: str) -> None:
    from matcher.errors import InputError

    with pytest.raises(InputError):
        accounts.hash_password(password, "supplier@example.test")


# -- privacy


def test_a_person_is_shown_what_is_held_and_erased_from_everywhere(
    here: World, broker: Person
) -> None:
    with logged() as stream:
        _show_and_erase(here, broker)
    # Nothing personal in the logs of the process.
    assert "/people/erasure" in stream.getvalue()
    assert "kari" not in stream.getvalue().lower()


def _show_and_erase(here: World, broker: Person) -> None:
    admin = here.person(Role.ADMIN, "admin")
    kari = here.person(Role.SUPPLIER, "kari.nordmann")
    here.bind(kari, "move-s2")
    kari("PUT", "/profiles/move-s2", texts=[{"lang": "nb", "body": "Vi bygger."}],
         mailbox="kari.nordmann@example.test")  # fmt: skip
    dialogue = _dialogue(broker, "Ferger")
    reason = "Ringte kari.nordmann@example.test, som ville"
    broker("POST", f"/dialogues/{dialogue}/shortlist",
           choices=[{"supplier_id": "move-s3", "shortlisted": True, "reason": reason}])  # fmt: skip
    kari("POST", "/auth/password/forgotten", 202, email="kari.nordmann@example.test")
    held = admin("POST", "/people/data", email="Kari.Nordmann@example.test")
    assert held["account"]["email"] == "kari.nordmann@example.test"
    assert held["contacts"]
    assert held["logins"]
    assert held["mail_waiting"]
    assert len(held["log_entries"]) == 1
    assert kari.get("/my/data")["account"] == held["account"]
    done = admin("POST", "/people/erasure", email="kari.nordmann@example.test")
    assert done == {"accounts": 1, "contacts": 1, "mail_waiting": 1, "log_entries": 1, "texts": 1}
    admin("POST", "/people/erasure", 404, email="kari.nordmann@example.test")
    kari("GET", "/auth/me", 401)
    assert log.verify(here.desk).ok
    with here.desk.store.reading() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        dump = "\n".join(raw.iterdump())
    assert "kari.nordmann@" not in dump
    text = broker.client.get(f"/api/v1/dialogues/{dialogue}/record").text
    assert json.loads(text)["format"] == 1


def test_retention_takes_away_what_is_no_longer_needed(here: World) -> None:
    from dataclasses import replace
    from datetime import timedelta

    here.person(Role.BROKER, "long-gone")
    now = here.desk.now()
    later = replace(here.desk, now=lambda: now + timedelta(days=800))
    done = privacy.clean(later)
    assert done.accounts >= 1
    assert done.sessions >= 1
    assert done.login_events >= 1
    with here.desk.store.reading() as connection:
        _, left = accounts.listing(connection, 0, 1000)
    assert {a.role for a in left if a.email} <= {Role.ADMIN, Role.JOB}
    assert log.verify(here.desk).ok
