"""Requests to addresses that users name: only to public hosts, whatever a name resolves to.

A name is resolved once, every address it has must be public, and the connection goes to the
very address that was checked: a name server cannot answer differently the second time. Each
redirect is a new request with the same checks.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore2
import httpx2

from matcher.errors import InputError, UnavailableError
from matcher.workflow.dialogues import is_web_address

_PORTS = (80, 443)
_MOST_BYTES = 512_000
_MOST_REDIRECTS = 4
_SECONDS = 10.0
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TRANSLATING = [ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48")]

Resolve = Callable[[str, int], Iterable[str]]


@dataclass(frozen=True)
class Page:
    """What was found under a link."""

    url: str
    status: int
    title: str


def look_at(url: str, resolve: Resolve | None = None) -> Page:
    """Fetch a public page and return where it is and what it is called.

    Raises:
        InputError: The address, or one it redirects to, is not public.
        UnavailableError: Nothing answers there in time.
    """
    deadline = time.monotonic() + _SECONDS
    # No proxy: it would resolve the name itself, and what was checked would not be what is asked.
    with httpcore2.ConnectionPool(
        ssl_context=ssl.create_default_context(),
        network_backend=_Guarded(resolve or _resolve),
        max_connections=1,
    ) as pool:
        for _ in range(_MOST_REDIRECTS + 1):
            url = _check(url)
            status, location, body = _get(pool, url, deadline)
            if status not in (301, 302, 303, 307, 308) or not location:
                found = _TITLE.search(body)
                title = " ".join(unescape(found.group(1)).split())[:200] if found else ""
                return Page(url, status, title)
            url = urljoin(url, location)
    raise InputError("this link redirects too often")


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, Teredo, NAT64) is what it carries.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if any(ip in network for network in _TRANSLATING):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


class _Guarded(httpcore2.NetworkBackend):
    """Connects to public addresses alone."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.NetworkStream:
        try:
            addresses = list(dict.fromkeys(self._resolve(host, port)))
        except (OSError, UnicodeError) as error:
            raise UnavailableError(f"{host[:100]!r} is not known") from error
        if not addresses or not all(is_public(a) for a in addresses):
            raise InputError(f"{host[:100]!r} is not an address of the public internet")
        return self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _check(url: str) -> str:
    """Return the address in ASCII, as it is asked for."""
    if not is_web_address(url):
        raise InputError("this is no web address (https://...)")
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        plain = str(httpx2.URL(url))
    except (ValueError, httpx2.InvalidURL) as error:
        raise InputError(f"this is no web address: {error}") from error
    if port not in _PORTS or parts.username or parts.password:
        raise InputError("only the usual ports, and no name or password, in a link")
    return plain


def _get(pool: httpcore2.ConnectionPool, url: str, deadline: float) -> tuple[int, str, str]:
    left = deadline - time.monotonic()
    limits = {name: max(left, 0.1) for name in ("connect", "read", "write", "pool")}
    headers = [("User-Agent", "Samspill (link check)"), ("Accept", "text/html")]
    body = b""
    try:
        with pool.stream("GET", url, headers=headers, extensions={"timeout": limits}) as answer:
            found = {k.lower(): v for k, v in answer.headers}
            for chunk in answer.iter_stream():
                body += chunk
                if len(body) > _MOST_BYTES or time.monotonic() > deadline:
                    break
            location = found.get(b"location", b"").decode("latin-1")
            return answer.status, location, body[:_MOST_BYTES].decode("utf-8", "replace")
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise UnavailableError(f"nothing answers there ({type(error).__name__})") from error
    except (httpcore2.UnsupportedProtocol, UnicodeError, ValueError) as error:
        raise InputError("this is no web address (https://...)") from error
