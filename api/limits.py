"""Limits of every request: size, depth, time, rate, origin; and the headers of every answer.

Plain ASGI, outside the application: what is refused here costs nothing more.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import math
import re
import time
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.guard import SAFE_METHODS
from api.schemas import Problem
from matcher.settings import Settings

MAX_DEPTH = 32
_GUESSING = re.compile(
    r"/api/v1/(auth/(login|password|oidc)|answers/|stop/|claims)|/(answer|stop|password|claim|sign-in)(/|$)"
)
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The documentation page of the framework loads its script from elsewhere; only in development.
_DOCS_CSP = (
    "default-src 'none'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; connect-src 'self'; "
    "style-src https://cdn.jsdelivr.net; img-src data: https://fastapi.tiangolo.com; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    # Personal links stay here. `no-referrer` would make browsers send forms without an origin.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "x-frame-options": "DENY",
}


def install(app: FastAPI, settings: Settings) -> None:
    """Put the limits around the application."""
    app.add_middleware(BodyLimit, most=settings.max_body)
    app.add_middleware(OriginCheck, settings=settings)
    app.add_middleware(RateLimit, settings=settings)
    app.add_middleware(TimeLimit, seconds=settings.max_seconds)
    app.add_middleware(SecurityHeaders, production=settings.env == "production")


class _RefusedError(Exception):
    def __init__(self, status: int, title: str, detail: str, headers: dict[str, str] | None = None):
        super().__init__(detail)
        problem = Problem(title=title, status=status, detail=detail)
        self.response = JSONResponse(
            problem.model_dump(), status, headers, media_type="application/problem+json"
        )


class BodyLimit:
    """Refuses bodies that are too large or too deep, or hold what no text can.

    A declared length is not believed: bytes are counted as they come.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, look at it, hand it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            if b"%00" in scope.get("raw_path", b"") + scope["query_string"]:
                raise _RefusedError(
                    400, "The input cannot be used", "a NUL character in the address"
                )
            body = await self._read(receive)
            # Without a type it is read as JSON too.
            kind = Headers(scope=scope).get("content-type", "json").casefold()
            if "json" in kind:
                _look_at(body)
        except _RefusedError as refusal:
            await refusal.response(scope, receive, send)
            return
        sent = False

        async def again() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > self.most:
                raise _RefusedError(
                    413, "The request is too large", f"a request has {self.most} bytes at most"
                )
        return b"".join(parts)


def _look_at(body: bytes) -> None:
    """Refuse JSON that is nested too deep or whose strings no database can hold."""
    if not body:
        return
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise _RefusedError(422, "The request does not fit", "the body is no JSON") from None
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += [*item, *item.values()]
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str) and not _storable(item):
                detail = "a text holds a NUL or half a character"
                raise _RefusedError(400, "The input cannot be used", detail)
        if not below:
            return
        level = below
    raise _too_deep()


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _too_deep() -> _RefusedError:
    return _RefusedError(
        400, "The input cannot be used", f"the body is nested deeper than {MAX_DEPTH} levels"
    )


class OriginCheck:
    """Refuses writing requests that another site's page sent with the browser's cookies."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.own = urlsplit(settings.public_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compare the origin with where the request went."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            foreign = headers.get("sec-fetch-site") == "cross-site"
            if origin is not None:
                host = _host(origin)
                foreign = foreign or not host or host not in (self.own, headers.get("host", ""))
            if foreign and "authorization" not in headers:
                refusal = _RefusedError(403, "Not allowed", "this request comes from another site")
                await refusal.response(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _host(origin: str) -> str:
    """Return whose an origin is, empty if it is nobody's."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


class RateLimit:
    """Limits how often one client asks, and more tightly how often it may guess a secret."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._limiter = MovingWindowRateLimiter(storage_from_string(settings.rate_storage))
        self._any: RateLimitItem = parse(settings.rate_requests)
        self._guess: RateLimitItem = parse(settings.rate_logins)
        self._proxies = {p.strip() for p in settings.trusted_proxies.split(",") if p.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request; refuse it if there were too many."""
        if scope["type"] == "http" and scope["path"] not in ("/healthz", "/readyz"):
            address = client_address(scope, self._proxies)
            scope.setdefault("state", {})["address"] = address
            key = network_key(address)
            guesses = bool(_GUESSING.match(scope["path"]))
            item = self._guess if guesses else self._any
            if not self._limiter.hit(item, "guess" if guesses else "any", key):
                reset = self._limiter.get_window_stats(
                    item, "guess" if guesses else "any", key
                ).reset_time
                wait = max(1, math.ceil(reset - time.time()))
                refusal = _RefusedError(
                    429,
                    "Too many requests",
                    f"more than {item}: wait a little",
                    {"retry-after": str(min(wait, item.get_expiry()))},
                )
                await refusal.response(scope, receive, send)
                return
        await self.app(scope, receive, send)


def client_address(scope: Scope, proxies: set[str]) -> str:
    """Return who asks: the last hop that is no trusted proxy."""
    client = scope.get("client")
    address = str(client[0]) if client else ""
    if address in proxies:
        # A proxy may add a line of its own below one that the client made up.
        lines = Headers(scope=scope).getlist("x-forwarded-for")
        hops = [h.strip() for h in ",".join(lines).split(",")]
        address = next((h for h in reversed(hops) if h and h not in proxies), address)
    return address


def network_key(address: str) -> str:
    """Return what is counted together: an IPv4 address, an IPv6 network of one customer."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network(f"{ip}/64", strict=False))


class TimeLimit:
    """Ends a request that takes too long, also one whose body never comes."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request against the clock."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = closed = False

        async def noted(message: Message) -> None:
            nonlocal started
            if not closed:
                started = True
                await send(message)

        # Not cancelled and awaited: work in a thread cannot be cancelled, and the client
        # is not to wait for it.
        task = asyncio.ensure_future(self.app(scope, receive, noted))
        try:
            done, _ = await asyncio.wait({task}, timeout=self.seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            await task
            return
        closed = True
        task.cancel()
        task.add_done_callback(lambda t: t.cancelled() or t.exception())
        if not started:
            detail = f"a request may take {self.seconds:g} seconds"
            refusal = _RefusedError(503, "Not available now", detail)
            await refusal.response(scope, receive, send)


class SecurityHeaders:
    """Adds to every answer what browsers need to know to keep people safe."""

    def __init__(self, app: ASGIApp, production: bool) -> None:
        self.app = app
        self.production = production

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                docs = scope["path"].startswith("/api/docs") and not self.production
                headers.setdefault("content-security-policy", _DOCS_CSP if docs else _CSP)
                # Pages too: a personal link stays in no shared browser's cache.
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
                if self.production:
                    headers.setdefault("strict-transport-security", "max-age=63072000")
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
