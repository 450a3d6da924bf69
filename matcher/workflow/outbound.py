"""A look at links that users name: only at public hosts, whatever a name resolves to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from matcher.errors import InputError, UnavailableError
from matcher.sources.fetch import Fetcher, FetchError, NotPublicError

_MOST_BYTES = 512_000
_SECONDS = 10.0
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What was found under a link."""

    url: str
    status: int
    title: str


def look_at(url: str, fetcher: Fetcher | None = None) -> Page:
    """Fetch a public page and return where it is and what it is called.

    No proxy: it could reach what this process must not ask for.

    Raises:
        InputError: The address, or one it redirects to, is not public.
        UnavailableError: Nothing answers there in time.
    """
    fetcher = fetcher or Fetcher(pause=0, seconds=_SECONDS)
    try:
        found = fetcher.look(url, _MOST_BYTES)
    except NotPublicError as error:
        raise InputError(f"this is no web address of the public internet: {error}") from error
    except FetchError as error:
        raise UnavailableError(f"nothing answers there: {error}") from error
    finally:
        fetcher.close()
    title = _TITLE.search(found.data.decode("utf-8", "replace"))
    text = " ".join(unescape(title.group(1)).split())[:200] if title else ""
    return Page(found.url, found.status, text)
