"""Polite, bounded requests to addresses that others name.

No address that is not public is ever asked: names are resolved first, every address they have is
checked, and the connection goes to the address that was checked, also after a redirect. A name
server cannot answer differently the second time. Size, also unpacked, and time are bounded. Where
pages are read by the job, robots.txt is kept and one host is asked at most once a second.
"""

from __future__ import annotations

import ipaddress
import socket
import time
import zlib
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
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSLATING = [ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48")]

Resolve = Callable[[str, int], list[str]]


class FetchError(Exception):
    """A page was not fetched; the message says why."""


class NotPublicError(FetchError):
    """What was named is no address of a page on the public internet."""


@dataclass(frozen=True)
class Page:
    """A page as fetched: its address after redirects, status, media type and bytes."""

    url: str
    status: int
    kind: str
    data: bytes


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"{host[:100]} has no address") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


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


class Fetcher:
    """Fetches pages. Keeps the robots.txt and the last request of each host.

    Args:
        proxy: URL of an HTTP proxy; it is told the checked address, not the name.
        resolver: How to find the addresses of a host.
        allowed: Which addresses may be asked.
        pause: Seconds between two requests to one host.
        transport: How to connect; replaced in tests.
        seconds: For a page, with its redirects.
    """

    def __init__(
        self,
        proxy: str = "",
        resolver: Resolve = resolve,
        allowed: Callable[[str], bool] = is_public,
        pause: float = PAUSE,
        transport: httpx.BaseTransport | None = None,
        seconds: float = MAX_SECONDS,
    ) -> None:
        self._resolve, self._allowed, self._pause = resolver, allowed, pause
        self._seconds = seconds
        self._client = httpx.Client(
            headers={"User-Agent": AGENT, "Accept": ", ".join(_KINDS), "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(min(10.0, seconds), connect=5.0),
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
        """Fetch one page, as its robots.txt allows.

        Raises:
            FetchError: It may not be fetched, or was not within the limits.
        """
        page = self._follow(url if "://" in url else f"https://{url}", MAX_BYTES, robots=True)
        if page.status != 200:
            raise FetchError(f"{_shown(page.url)} answers {page.status}")
        if page.kind not in _KINDS:
            raise FetchError(f"{_shown(page.url)} is {page.kind}, which is no page of text")
        return page

    def look(self, url: str, limit: int) -> Page:
        """Ask for one page because a person names it; give its first ``limit`` bytes.

        Raises:
            NotPublicError: It, or what it redirects to, is no public address.
            FetchError: Nothing answers there within the limits.
        """
        return self._follow(url, limit, robots=False)

    def _follow(self, url: str, limit: int, robots: bool) -> Page:
        deadline = time.monotonic() + self._seconds
        for _ in range(MAX_REDIRECTS + 1):
            if robots:
                self._check_robots(url, deadline)
            answer, data = self._get(url, deadline, limit, whole=robots)
            location = answer.headers.get("location", "")
            if answer.status_code not in _REDIRECTS or not location:
                kind = answer.headers.get("content-type", "text/html").partition(";")[0]
                return Page(url, answer.status_code, kind.strip().lower(), data)
            url = _joined(url, location)
        raise FetchError(f"{_shown(url)}: more than {MAX_REDIRECTS} redirects")

    def _get(
        self, url: str, deadline: float, limit: int, whole: bool = True
    ) -> tuple[httpx.Response, bytes]:
        """Ask the checked address itself, so that the name cannot point elsewhere meanwhile."""
        target, host = _target(url)
        addresses = self._resolve(host, target.port or _PORTS[target.scheme])
        if not addresses or not all(self._allowed(a) for a in addresses):
            raise NotPublicError(f"{host[:100]!r} is no public address")
        self._wait(host)
        try:
            request = self._client.build_request(
                "GET",
                target.copy_with(host=addresses[0]),
                headers={"Host": target.netloc.decode("ascii")},
                extensions={"sni_hostname": host},
            )
            answer = self._client.send(request, stream=True)
            try:
                return answer, _read(answer, deadline, limit, whole)
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
            except NotPublicError:
                raise
            except FetchError:
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


def _target(url: str) -> tuple[httpx.URL, str]:
    """Return a URL and its host in ASCII, as they are asked for: usual ports, nobody's name."""
    parts = _split(url)
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise NotPublicError(f"{url[:200]!r} is no address of a page") from error
    host = target.raw_host.decode("ascii")
    usual = target.port in (None, *_PORTS.values())
    if target.scheme not in _PORTS or not host or parts.username or target.userinfo or not usual:
        raise NotPublicError(f"{url[:200]!r} is no address of a public page")
    return target, host


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port
    except ValueError as error:
        raise NotPublicError(f"{url[:200]!r} is no address of a page") from error
    if not url.isprintable():
        raise NotPublicError(f"{url[:200]!r} is no address of a page")
    return parts


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise FetchError(f"a redirect to {location[:200]!r}, which is no address") from error


def _read(answer: httpx.Response, deadline: float, limit: int, whole: bool) -> bytes:
    """Read a body, all of it or its beginning.

    Unpacked here: a library that unpacks what comes in may be made to fill the memory.
    """
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise FetchError(f"packed as {encoding[:40]!r}, which was not asked for")
    unpacker = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    data = bytearray()
    for chunk in answer.iter_raw(65536):
        try:
            data += unpacker.decompress(chunk, limit + 1) if unpacker else chunk
        except zlib.error as error:
            raise FetchError("what it holds cannot be unpacked") from error
        if len(data) > limit:
            if whole:
                raise FetchError(f"larger than {limit:,} bytes")
            break
        if time.monotonic() > deadline:
            raise FetchError("not read in time")
    return bytes(data[:limit])


def _shown(url: str) -> str:
    """An address without what may be private in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
