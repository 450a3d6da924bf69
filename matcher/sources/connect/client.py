"""An HTTP client that is patient with feeds: retries, ``retry-after``, limits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from matcher.errors import UnavailableError
from matcher.sources.jsonfiles import parse_json

ATTEMPTS = 6
MAX_ANSWER = 100_000_000
"""Bytes one answer may have."""
MAX_WAIT = 300.0
"""Seconds that are waited at most, whatever a server asks for."""
_RETRIED = {408, 425, 429, 500, 502, 503, 504}
AGENT = "Samspill/0"


class Client:
    """Asks for JSON. Keys travel in headers and never stand in a message.

    Args:
        proxy: URL of an HTTP proxy, empty for none.
        auth: User and password, for feeds that ask for them.
        sleep: How to wait; replaced in tests.
        transport: How to connect; replaced in tests.
    """

    def __init__(
        self,
        proxy: str = "",
        auth: tuple[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._sleep = sleep
        self._client = httpx.Client(
            headers={"User-Agent": AGENT, "Accept": "application/json"},
            timeout=httpx.Timeout(60.0, connect=10.0),
            trust_env=False,
            proxy=proxy or None,
            auth=auth,
            transport=transport,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def get(self, url: str, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
        """Ask with GET; see :meth:`ask`."""
        return self.ask("GET", url, headers=headers, params=query or None)

    def post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask with POST and a JSON body; see :meth:`ask`."""
        return self.ask("POST", url, json=body)

    def ask(self, method: str, url: str, **how: Any) -> dict[str, Any]:
        """Ask until there is an answer.

        Network errors, truncated or broken JSON, 429 and server errors are tried again, six
        times in all, after what ``retry-after`` says or a growing, scattered pause.

        Raises:
            UnavailableError: No answer came, or the server refuses the request.
        """
        reason = ""
        for attempt in range(ATTEMPTS):
            wait = min(MAX_WAIT, 2.0**attempt) * random.uniform(0.5, 1.0)
            try:
                with self._client.stream(method, url, **how) as answer:
                    data = _read(answer)
                if answer.status_code == 200:
                    value = parse_json(data)
                    if isinstance(value, dict):
                        return value
                    raise UnavailableError(f"{_shown(url)} answers no JSON object: a new format?")
                reason = f"answers {answer.status_code}"
                if answer.status_code not in _RETRIED:
                    raise UnavailableError(f"{_shown(url)} {reason}{_detail(data)}")
                asked = _retry_after(answer)
                if asked is not None and asked > MAX_WAIT:
                    raise UnavailableError(
                        f"{_shown(url)} {reason} and asks to wait {asked:.0f} seconds: "
                        "sync again then"
                    )
                wait = wait if asked is None else asked
            except (httpx.HTTPError, ValueError) as error:
                reason = f"fails: {type(error).__name__}: {error}"
            if attempt + 1 < ATTEMPTS:
                self._sleep(wait)
        raise UnavailableError(f"{_shown(url)} {reason}, {ATTEMPTS} times")


def _read(answer: httpx.Response) -> bytes:
    data = bytearray()
    for chunk in answer.iter_bytes(1 << 16):
        data += chunk
        if len(data) > MAX_ANSWER:
            raise UnavailableError(f"an answer of more than {MAX_ANSWER:,} bytes")
    return bytes(data)


def _retry_after(answer: httpx.Response) -> float | None:
    """Read ``retry-after``: seconds, or a date."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        when = parsedate_to_datetime(given)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _detail(data: bytes) -> str:
    """What a refusal says of itself, shortened."""
    text = " ".join(data[:300].decode("utf-8", "replace").split())
    return f": {text}" if text else ""


def _shown(url: str) -> str:
    """An address without its query, which may hold keys."""
    return url.partition("?")[0]
