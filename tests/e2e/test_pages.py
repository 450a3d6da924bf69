"""The pages in a real browser."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from api.app import create_app
from matcher.settings import Settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: `make test-deps` installs it (Debian's `chromium`)"
)


@pytest.fixture(scope="module")
def address(demo_settings: Settings) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(create_app(demo_settings), port=port, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync", "--no-first-run"],
        )  # fmt: skip
        yield found
        found.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_pasted_need_finds_suppliers_with_reasons(
    browser: Any, address: str, javascript: bool
) -> None:
    context = browser.new_context(java_script_enabled=javascript, locale="da")
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(address)
    assert page.get_attribute("html", "lang") == "da"
    text = "Kommunen har brug for et system, der advarer om lækager i drikkevandsledninger."
    page.fill("#text", text)
    page.click("button[type=submit]")
    assert page.locator(".matches > li").count() == 10
    assert page.locator(".matches mark").count() > 0
    assert "lækager" not in page.url
    page.locator(".matches h3 a").first.click()
    assert page.locator("article.record h1").count() == 1
    assert page.locator(".matches > li").count() == 10
    assert all(url.startswith(address) for url in requested), "a page asks a third party"
    context.close()


def test_pages_fit_a_phone(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    for path in ("/", "/needs", "/suppliers", "/needs/move-n1", "/suppliers/move-s11"):
        page.goto(address + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"{path} is {width} wide"
    context.close()


def test_an_error_is_a_page(browser: Any, address: str) -> None:
    context = browser.new_context(locale="sv-SE")
    page = context.new_page()
    answer = page.goto(f"{address}/needs/nothing")
    assert answer.status == 404
    assert page.locator("h1").count() == 1
    context.close()
