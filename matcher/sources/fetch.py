"""Polite, bounded fetching of public web pages.

robots.txt is kept, one host is asked at most once a second, size and time are bounded, and no
address that is not public is ever asked: names are resolved first, every address they have is
checked, and the connection goes to the address that was checked, also after a redirect.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import httpx

AGENT = "Samspill/0 (supplier profiles; respects robots.txt)"
MAX_BYTES = 3_000_000
MAX_SECONDS = 20.0
MAX_REDIRECTS = 5
PAUSE = 1.0
"""Seconds between two requests to one host, unless its robots.txt asks for more."""
_KINDS = ("text/html", "application/xhtml+xml", "application/pdf", "text/plain")

Resolve = Callable[[str, int], list[str]]


class FetchError(Exception):
    """A page was not fetched; the message says why."""


@dataclass(frozen=True)
class Page:
    """A page as fetched: its address after redirects, its media type and its bytes."""

    url: str
    kind: str
    data: bytes


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"{host} has no address") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Tell whether an IP address is one on the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if mapped is not None and not mapped.is_global:
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class Fetcher:
    """Fetches pages. Keeps the robots.txt and the last request of each host."""

    def __init__(
        self,
        proxy: str = "",
        resolver: Resolve = resolve,
        allowed: Callable[[str], bool] = is_public,
        pause: float = PAUSE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._resolve, self._allowed, self._pause = resolver, allowed, pause
        self._client = httpx.Client(
            headers={"User-Agent": AGENT, "Accept": ", ".join(_KINDS)},
            timeout=httpx.Timeout(10.0, connect=5.0),
            follow_redirects=False,
            trust_env=False,
            proxy=proxy or None,
            transport=transport,
        )
        self._robots: dict[str, RobotFileParser] = {}
        self._asked: dict[str, float] = {}

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def fetch(self, url: str) -> Page:
        """Fetch one page.

        Raises:
            FetchError: It may not be fetched, or was not within the limits.
        """
        url = url if "://" in url else f"https://{url}"
        deadline = time.monotonic() + MAX_SECONDS
        for _ in range(MAX_REDIRECTS + 1):
            self._check_robots(url, deadline)
            answer, data = self._get(url, deadline, MAX_BYTES)
            if answer.is_redirect:
                url = _joined(url, answer.headers.get("location", ""))
                continue
            if answer.status_code != 200:
                raise FetchError(f"{_shown(url)} answers {answer.status_code}")
            kind = answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
            if kind not in _KINDS:
                raise FetchError(f"{_shown(url)} is {kind}, which is no page of text")
            return Page(url, kind, data)
        raise FetchError(f"{_shown(url)}: more than {MAX_REDIRECTS} redirects")

    def _get(self, url: str, deadline: float, limit: int) -> tuple[httpx.Response, bytes]:
        """Ask the checked address itself, so that the name cannot point elsewhere meanwhile."""
        parts = _split(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme not in ("http", "https") or not host or parts.username:
            raise FetchError(f"{_shown(url)} is no address of a public page")
        port = port or (443 if parts.scheme == "https" else 80)
        addresses = self._resolve(host, port)
        if not addresses or not all(self._allowed(a) for a in addresses):
            raise FetchError(f"{host} is no public address")
        self._wait(host)
        literal = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        target = httpx.URL(url).copy_with(host=literal.strip("[]"), port=port)
        try:
            request = self._client.build_request(
                "GET",
                target,
                headers={"Host": host if parts.port is None else f"{host}:{port}"},
                extensions={"sni_hostname": host},
            )
            answer = self._client.send(request, stream=True)
            try:
                return answer, _read(answer, deadline, limit)
            finally:
                answer.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchError(f"{_shown(url)}: {type(error).__name__}") from error

    def _check_robots(self, url: str, deadline: float) -> None:
        parts = _split(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._robots:
            rules = RobotFileParser()
            try:
                answer, data = self._get(f"{site}/robots.txt", deadline, 500_000)
                if answer.status_code == 200:
                    rules.parse(data.decode("utf-8", "replace").splitlines())
                elif answer.status_code in (401, 403) or answer.status_code >= 500:
                    # RFC 9309: a server that cannot say what is allowed allows nothing.
                    rules.disallow_all = True  # type: ignore[attr-defined]
                else:
                    rules.allow_all = True  # type: ignore[attr-defined]
            except FetchError as error:
                if "no public address" in str(error) or "no address" in str(error):
                    raise
                rules.disallow_all = True  # type: ignore[attr-defined]
            self._robots[site] = rules
        if not self._robots[site].can_fetch(AGENT, url):
            raise FetchError(f"{_shown(url)} may not be fetched (robots.txt)")

    def _wait(self, host: str) -> None:
        delays = (r.crawl_delay(AGENT) for s, r in self._robots.items() if f"//{host}" in s)
        pause = max([self._pause, *(min(float(d), 30.0) for d in delays if d)])
        left = self._asked.get(host, -pause) + pause - time.monotonic()
        if left > 0:
            time.sleep(left)
        self._asked[host] = time.monotonic()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port
    except ValueError as error:
        raise FetchError(f"{url[:200]!r} is no address of a page") from error
    return parts


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise FetchError(f"a redirect to {location[:200]!r}, which is no address") from error


def _read(answer: httpx.Response, deadline: float, limit: int) -> bytes:
    data = bytearray()
    for chunk in answer.iter_bytes(65536):
        data += chunk
        if len(data) > limit:
            raise FetchError(f"larger than {limit:,} bytes")
        if time.monotonic() > deadline:
            raise FetchError(f"not read within {MAX_SECONDS:.0f} seconds")
    return bytes(data)


def _shown(url: str) -> str:
    """An address without what may be private in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
