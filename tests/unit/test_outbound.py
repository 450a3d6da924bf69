"""Requests to addresses that users name: public hosts alone, whatever they resolve to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from matcher.errors import InputError, SamspillError, UnavailableError
from matcher.sources.fetch import Fetcher, FetchError, is_public, resolve
from matcher.workflow import outbound

# 50 and more addresses that lead, or try to lead, inside.
HOSTILE = [
    "http://127.0.0.1/", "http://127.0.0.1:80/", "http://127.1/", "http://127.0.1/",
    "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0x7f.1/",
    "http://0/", "http://0.0.0.0/", "http://localhost/", "http://localhost./",
    "http://LOCALHOST/", "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::a00:1]/", "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/", "http://[2001:0:7f00:1:0:0:80ff:fffe]/", "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/", "http://[fc00::1]/", "http://[fd12:3456::1]/",
    "http://[ff02::1]/", "http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/",
    "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/",
    "http://192.0.0.1/", "http://192.0.2.1/", "http://198.18.0.1/", "http://224.0.0.1/",
    "http://240.0.0.1/", "http://255.255.255.255/", "http://user:pass@127.0.0.1/",
    "http://example.com@127.0.0.1/", "http://127.0.0.1#@example.com/", "https://127.0.0.1/",
    "http://inside.example/", "http://both.example/", "http://mapped.example/",
    "http://example.com:22/", "http://example.com:6379/", "http://example.com:99999/",
    "file:///etc/passwd", "gopher://127.0.0.1:11211/_stats", "ftp://10.0.0.1/",
    "javascript:alert(1)", "data:text/html,x", "//127.0.0.1/", "http:///x", "http://", "",
    "http://\u2460\u2461\u2466.0.0.1/", "http://127\u30020\u30020\u30021/",
    "http://exa mple.com/", "http://example.com/\r\nHost: 127.0.0.1", "http://[::1",
]  # fmt: skip
NAMES = {
    "inside.example": ["10.1.2.3"],
    "both.example": ["93.184.215.14", "127.0.0.1"],
    "mapped.example": ["::ffff:192.168.0.1"],
    "example.com": ["93.184.215.14"],
}


def _resolve(host: str, port: int) -> list[str]:
    if host in NAMES:
        return NAMES[host]
    if host.replace(".", "").isalpha() and not host.lower().startswith("localhost"):
        raise FetchError("unknown")
    return resolve(host, port)


def _fetcher(answer: Callable[[httpx.Request], httpx.Response] | None = None) -> Fetcher:
    transport = httpx.MockTransport(answer) if answer else None
    return Fetcher(resolver=_resolve, pause=0, transport=transport)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that is tried, of which there must be none."""
    tried: list[Any] = []

    def connect(*arguments: Any, **_: Any) -> Any:
        tried.append(arguments)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(socket.socket, "connect", lambda s, a: connect(a))
    return tried


@pytest.mark.parametrize("url", HOSTILE)
def test_no_connection_is_made(url: str, connections: list[Any]) -> None:
    assert len(set(HOSTILE)) >= 50
    with pytest.raises((InputError, UnavailableError)):
        outbound.look_at(url, _fetcher())
    assert connections == []


def test_the_checked_address_is_the_one_that_is_asked(connections: list[Any]) -> None:
    """A name that answers differently the second time (DNS rebinding) is asked only once."""
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    with pytest.raises(SamspillError):
        outbound.look_at(
            "http://rebind.example/", Fetcher(resolver=lambda host, port: next(answers), pause=0)
        )
    assert [a[0] for a in connections] == [("93.184.215.14", 80)]


def test_a_redirect_inside_is_not_followed() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        headers = {"location": "http://169.254.169.254/"}
        return httpx.Response(302, headers=headers, stream=httpx.ByteStream(b""))

    with pytest.raises(InputError, match="public"):
        outbound.look_at("http://example.com/", _fetcher(answer))
    assert asked == ["93.184.215.14"]


def test_a_page_is_looked_at_and_never_read_without_end() -> None:
    read = []

    def endless() -> Iterator[bytes]:
        yield b"<title> Askvik &amp; co\n</title>"
        for n in range(1000):
            read.append(n)
            yield b"x" * 65536

    page = outbound.look_at(
        "http://example.com/om", _fetcher(lambda _: httpx.Response(200, content=endless()))
    )
    assert (page.status, page.title) == (200, "Askvik & co")
    assert len(read) < 20


@pytest.mark.parametrize("address", ["93.184.215.14", "2a00:1450:400f:80d::200e"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)
