"""Signing in by an OpenID provider: code flow with PKCE, state and nonce (Authlib).

What a login on its way needs lies on the server, under the state, and is tied to the browser
by a cookie: a state that another browser was given is worth nothing.
"""

from __future__ import annotations

import hmac
import time
from typing import Any

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from matcher.errors import NotFoundError, UnauthenticatedError, UnavailableError
from matcher.settings import Settings
from matcher.workflow import access
from matcher.workflow.desk import Desk
from matcher.workflow.signing import digest, new_secret

_FLOW = "oidc"
# Asymmetric ones alone: with a shared secret anybody who holds it could sign, and "none" is none.
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_METADATA_SECONDS = 3600
_LEEWAY = 60


class Provider:
    """The OpenID provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metadata: dict[str, Any] = {}
        self._read_at = 0.0

    def start(self, desk: Desk) -> tuple[str, str]:
        """Begin a login: return where to send the browser, and its cookie's secret."""
        metadata = self._load()
        nonce, verifier, browser = generate_token(32), generate_token(64), new_secret()
        with desk.store.writing() as connection:
            data = {"nonce": nonce, "verifier": verifier, "browser": digest(browser)}
            state = access.offer(connection, desk, _FLOW, access.FLOW_VALID, data=data)
        with self._client(desk) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url), browser

    def finish(self, desk: Desk, state: str, code: str, browser: str) -> dict[str, Any]:
        """End a login: return what the provider says of the person, all of it checked.

        Raises:
            UnauthenticatedError: State, browser, code or ID token do not fit.
            UnavailableError: The provider does not answer.
        """
        with desk.store.writing() as connection:
            flow = access.take_up(connection, desk, _FLOW, state).data
        if not hmac.compare_digest(flow["browser"], digest(browser)):
            raise UnauthenticatedError("this login was begun in another browser: begin again")
        metadata = self._load()
        try:
            with self._client(desk) as client:
                token = client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=flow["verifier"]
                )
            return self._claims(token, flow["nonce"])
        except (OAuthError, JoseError, ValueError, KeyError) as error:
            raise UnauthenticatedError("the OpenID provider's answer does not fit") from error
        except httpx2.HTTPError as error:
            raise UnavailableError("the OpenID provider does not answer") from error

    def _claims(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        keys = KeySet.import_key_set(self._get(self._load()["jwks_uri"]))
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        decoded = jwt.decode(token["id_token"], key=keys, registry=registry)
        client_id = self._settings.oidc_client_id
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "values": [self._settings.oidc_issuer]},
                "aud": {"essential": True, "value": client_id},
                "sub": {"essential": True},
                "nonce": {"essential": True, "value": nonce},
            },
            {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")},
        )
        claims.validate(leeway=_LEEWAY)
        return dict(claims)

    def _load(self) -> dict[str, Any]:
        if not self._settings.oidc_issuer:
            raise NotFoundError("no OpenID provider is set up here")
        if time.monotonic() - self._read_at > _METADATA_SECONDS or not self._metadata:
            issuer = self._settings.oidc_issuer
            found = self._get(issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise UnavailableError("the OpenID provider calls itself otherwise than set up")
            self._metadata, self._read_at = found, time.monotonic()
        return self._metadata

    @staticmethod
    def _get(url: str) -> Any:
        try:
            answer = httpx2.get(url, timeout=10)
            answer.raise_for_status()
            found = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise UnavailableError("the OpenID provider does not answer") from error
        if not isinstance(found, dict):
            raise UnavailableError("the OpenID provider does not answer as one")
        return found

    def _client(self, desk: Desk) -> Any:
        return OAuth2Client(
            self._settings.oidc_client_id,
            self._settings.oidc_client_secret,
            scope="openid email",
            redirect_uri=desk.link("/api/v1/auth/oidc/callback"),
            code_challenge_method="S256",
            timeout=10,
        )
