"""The reader's language: which one it is, and texts in it.

Catalogues are gettext's .po files, read as they are: no step between translating and seeing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from babel.core import negotiate_locale
from babel.messages.pofile import read_po
from fastapi import Request

from matcher.languages import LANGUAGES

LOCALE = Path(__file__).parent / "locale"
COOKIE = "samspill_language"
NAMES = {
    "nb": "Bokmål",
    "nn": "Nynorsk",
    "sv": "Svenska",
    "da": "Dansk",
    "fi": "Suomi",
    "is": "Íslenska",
    "en": "English",
    "de": "Deutsch",
}


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(lang: str) -> dict[str, str]:
    """Return message -> translation; English is the language of the messages."""
    path = LOCALE / f"{lang}.po"
    if not path.exists():
        return {}
    with path.open("rb") as stream:
        return {str(m.id): str(m.string) for m in read_po(stream) if m.id and m.string}


def translate(lang: str, message: str, **values: object) -> str:
    """Return a message in a language, with ``{placeholders}`` filled in."""
    text = catalogue(lang).get(message, message)
    return text.format(**values) if values else text


def reader_language(request: Request) -> str:
    """Choose the page's language: asked for, remembered, or the browser's first we have."""
    for wanted in (request.query_params.get("language"), request.cookies.get(COOKIE)):
        if wanted in LANGUAGES:
            return str(wanted)
    return negotiate(request.headers.get("accept-language", "")) or "en"


def negotiate(header: str) -> str | None:
    """Choose among our languages by an Accept-Language header."""
    weighted: list[tuple[float, str]] = []
    for part in header.split(","):
        code, _, quality = part.strip().partition(";q=")
        try:
            weighted.append((-float(quality or 1), code))
        except ValueError:
            continue
    preferred: Iterable[str] = (code for _, code in sorted(weighted, key=lambda w: w[0]))
    aliases = {"no": "nb", "nb": "nb", "nn": "nn"}
    found: str | None = negotiate_locale(list(preferred), list(LANGUAGES), sep="-", aliases=aliases)
    return found
