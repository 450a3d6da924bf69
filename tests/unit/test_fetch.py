import gzip

import httpx
import pytest

from matcher.sources.fetch import Fetcher, FetchError, is_public, resolve


def fetcher(pages: dict[str, httpx.Response], addresses: dict[str, str] | None = None) -> Fetcher:
    """Make a fetcher whose network is a table of pages by Host and path."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.headers["host"], request.url.path))
        found = pages.get(f"{request.headers['host']}{request.url.path}", httpx.Response(404))
        return httpx.Response(found.status_code, headers=found.headers, stream=found.stream)

    asked: list[tuple[str, str, str]] = []
    made = Fetcher(
        resolver=lambda host, port: [(addresses or {}).get(host, "93.184.215.14")],
        pause=0,
        transport=httpx.MockTransport(answer),
    )
    made.asked = asked  # type: ignore[attr-defined]
    return made


PAGE = httpx.Response(200, headers={"content-type": "text/html"}, text="<p>Hei</p>")


def test_a_page_is_fetched_from_the_address_that_was_checked() -> None:
    made = fetcher({"a.example/om": PAGE})
    page = made.fetch("a.example/om")
    assert (page.url, page.kind, page.data) == ("https://a.example/om", "text/html", b"<p>Hei</p>")
    assert made.asked == [  # type: ignore[attr-defined]
        ("93.184.215.14", "a.example", "/robots.txt"), ("93.184.215.14", "a.example", "/om")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fe80::1%eth0", "0.0.0.0",
     "100.64.0.1", "::ffff:127.0.0.1", "fd00::1", "224.0.0.1", "2002:7f00:1::",
     "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2001:0:7f00:1:0:0:80ff:fffe", "::127.0.0.1", "x"],
)  # fmt: skip
def test_private_addresses_are_never_asked(address: str) -> None:
    assert not is_public(address)
    made = fetcher({"a.example/": PAGE}, {"a.example": address})
    with pytest.raises(FetchError, match="no public address"):
        made.fetch("http://a.example/")
    assert made.asked == []  # type: ignore[attr-defined]


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


def test_redirects_are_followed_but_not_to_private_addresses() -> None:
    pages = {
        "a.example/": httpx.Response(302, headers={"location": "https://b.example/ny"}),
        "b.example/ny": PAGE,
        "c.example/": httpx.Response(302, headers={"location": "http://inside.example/"}),
        "d.example/": httpx.Response(302, headers={"location": "file:///etc/passwd"}),
        "e.example/": httpx.Response(302, headers={"location": "/"}),
    }
    made = fetcher(pages, {"inside.example": "10.0.0.1"})
    assert made.fetch("a.example").url == "https://b.example/ny"
    for start in ("c.example", "d.example", "e.example"):
        with pytest.raises(FetchError):
            made.fetch(f"https://{start}/")
    assert "10.0.0.1" not in str(made.asked)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("robots", "allowed"),
    [(httpx.Response(404), True), (httpx.Response(200, text="User-agent: *\nDisallow: /"), False),
     (httpx.Response(200, text="User-agent: *\nDisallow: /x"), True), (httpx.Response(500), False),
     (httpx.Response(200, text="User-agent: Samspill\nDisallow: /om"), False)],
)  # fmt: skip
def test_robots_txt_is_kept(robots: httpx.Response, allowed: bool) -> None:
    made = fetcher({"a.example/robots.txt": robots, "a.example/om": PAGE})
    if allowed:
        assert made.fetch("a.example/om").data
    else:
        with pytest.raises(FetchError, match=r"robots\.txt"):
            made.fetch("a.example/om")


def test_limits_of_size_and_kind() -> None:
    large = httpx.Response(200, headers={"content-type": "text/html"}, content=b"x" * 4_000_000)
    image = httpx.Response(200, headers={"content-type": "image/png"}, content=b"x")
    made = fetcher({"a.example/": large, "b.example/": image})
    for host in ("a", "b", "c"):
        with pytest.raises(FetchError):
            made.fetch(f"{host}.example/")
    for wrong in ("ftp://a.example/", "http://user:pass@a.example/", "http://[::1", "javascript:1"):
        with pytest.raises(FetchError):
            made.fetch(wrong)


def test_what_is_packed_is_unpacked_within_the_limit() -> None:
    def packed(data: bytes, encoding: str = "gzip") -> httpx.Response:
        headers = {"content-type": "text/html", "content-encoding": encoding}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(data))

    bomb = gzip.compress(bytes(50_000_000))
    pages = {
        "a.example/": packed(gzip.compress(b"<p>Hei</p>")),
        "b.example/": packed(bomb),
        "c.example/": packed(gzip.compress(bomb), "gzip, gzip"),
        "d.example/": packed(b"no gzip"),
    }
    made = fetcher(pages)
    assert made.fetch("a.example/").data == b"<p>Hei</p>"
    for host, why in (("b", "larger"), ("c", "packed as"), ("d", "unpacked")):
        with pytest.raises(FetchError, match=why):
            made.fetch(f"{host}.example/")


def test_other_ports_are_not_asked() -> None:
    made = fetcher({})
    for url in ("http://a.example:22/", "https://a.example:6379/"):
        with pytest.raises(FetchError, match="no address"):
            made.fetch(url)
    assert made.asked == []  # type: ignore[attr-defined]


def test_a_host_without_an_address_is_said() -> None:
    with pytest.raises(FetchError, match="no address"):
        resolve("nowhere.invalid", 80)
