"""Signing in by an OpenID provider that the test runs: code flow, PKCE, state and nonce."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from matcher.settings import Settings
from matcher.workflow.desk import Role
from tests.world import World, world


class Provider:
    """An OpenID provider that checks what a good one checks, and lies where it is told to."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        self.flows: dict[str, dict[str, str]] = {}
        self.claims: dict[str, Any] = {}
        self.sign: Any = None
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self, provider.get(urlsplit(self.path).path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                provider.answer(self, provider.token({k: v[0] for k, v in parse_qs(body).items()}))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def answer(handler: BaseHTTPRequestHandler, found: dict[str, Any] | None) -> None:
        handler.send_response(200 if found is not None else 400)
        handler.send_header("content-type", "application/json")
        handler.end_headers()
        handler.wfile.write(json.dumps(found or {"error": "invalid_grant"}).encode())

    def get(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            }  # fmt: skip
        return {"keys": [self.key.as_dict(private=False)]} if path == "/keys" else None

    def authorize(self, url: str) -> tuple[str, str]:
        """Sign the user in: return code and state, as the browser would carry them back."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"]
        code = f"code-{len(self.flows)}"
        self.flows[code] = asked
        return code, asked["state"]

    def token(self, asked: dict[str, str]) -> dict[str, Any] | None:
        flow = self.flows.pop(asked["code"], None)
        if flow is None or asked["redirect_uri"] != flow["redirect_uri"]:
            return None
        challenge = hashlib.sha256(asked["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != flow["code_challenge"]:
            return None
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": "user-1", "aud": "samspill", "exp": now + 60, "iat": now,
            "nonce": flow["nonce"], "email": "broker@example.test", "email_verified": True,
            **self.claims,
        }  # fmt: skip
        sign = self.sign or (lambda c: jwt.encode({"alg": "RS256", "kid": "1"}, c, self.key))
        return {"access_token": "a", "token_type": "Bearer", "id_token": sign(claims)}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    found = Provider()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(scope="module")
def here(
    demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory, provider: Provider
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("oidc") / "data"
    values = {
        "oidc_client_id": "samspill",
        "oidc_client_secret": "s",
        "oidc_issuer": provider.issuer,
    }
    with world(demo_settings, folder, **values) as found:
        found.person(Role.BROKER, "broker")
        yield found


@pytest.fixture(autouse=True)
def _honest(provider: Provider) -> None:
    provider.claims, provider.sign = {}, None


def _browser(here: World) -> TestClient:
    found = TestClient(here.app, raise_server_exceptions=False, follow_redirects=False)
    found.portal = here.anybody.portal
    return found


def _begin(browser: TestClient, provider: Provider) -> tuple[str, str]:
    answer = browser.get("/api/v1/auth/oidc/login")
    assert answer.status_code == 302
    return provider.authorize(answer.headers["location"])


def _end(browser: TestClient, code: str, state: str) -> int:
    params = {"code": code, "state": state}
    return browser.get("/api/v1/auth/oidc/callback", params=params).status_code


def test_a_known_person_is_signed_in(here: World, provider: Provider) -> None:
    for _ in range(2):
        browser = _browser(here)
        assert _end(browser, *_begin(browser, provider)) == 302
        assert browser.get("/api/v1/auth/me").json()["account"]["email"] == "broker@example.test"


def test_the_identity_counts_not_the_address(here: World, provider: Provider) -> None:
    provider.claims = {"email": "changed@example.test"}
    browser = _browser(here)
    assert _end(browser, *_begin(browser, provider)) == 302
    # Another identity with the address of an account that is bound already gets nothing.
    provider.claims = {"sub": "user-2"}
    assert _end(browser, *_begin(browser, provider)) == 401


def _unsigned(claims: dict[str, Any]) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    text = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts]
    return ".".join([*text, ""])


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"nonce": None}, {"aud": "somebody-else"}, {"iss": "https://evil.example"},
     {"exp": 1}, {"sub": None}, {"sub": "user-9", "email": "unknown@example.test"},
     {"sub": "user-9", "email_verified": False}, {"sub": "user-9", "email_verified": "false"}],
)  # fmt: skip
def test_an_id_token_that_does_not_fit_signs_nobody_in(
    here: World, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    browser = _browser(here)
    assert _end(browser, *_begin(browser, provider)) == 401
    assert browser.get("/api/v1/auth/me").status_code == 401


@pytest.mark.parametrize("kind", ["none", "hmac", "other key", "garbage"])
def test_a_forged_signature_signs_nobody_in(here: World, provider: Provider, kind: str) -> None:
    other = RSAKey.generate_key(2048, {"kid": "1"})
    public = provider.key.as_pem(private=False)
    provider.sign = {
        "none": _unsigned,
        "hmac": lambda c: jwt.encode({"alg": "HS256"}, c, OctKey.import_key(public[30:200])),
        "other key": lambda c: jwt.encode({"alg": "RS256", "kid": "1"}, c, other),
        "garbage": lambda c: "a.b.c",
    }[kind]
    browser = _browser(here)
    assert _end(browser, *_begin(browser, provider)) == 401


def test_a_state_works_once_and_in_its_own_browser(here: World, provider: Provider) -> None:
    browser, other = _browser(here), _browser(here)
    code, state = _begin(browser, provider)
    _begin(other, provider)
    # Login CSRF: the attacker's code and state in the victim's browser.
    assert _end(other, code, state) == 401
    code, state = _begin(browser, provider)
    assert _end(browser, code, state) == 302
    browser = _browser(here)
    _begin(browser, provider)
    assert _end(browser, code, state) == 401
    assert _end(browser, code, "made-up") == 401
    assert browser.get("/api/v1/auth/oidc/callback?error=access_denied").status_code == 401


def test_a_provider_that_breaks_off_is_no_crash(here: World, provider: Provider) -> None:
    browser = _browser(here)
    code, state = _begin(browser, provider)
    provider.server.RequestHandlerClass.do_POST = lambda handler: handler.connection.close()  # type: ignore[attr-defined]
    assert _end(browser, code, state) == 503
