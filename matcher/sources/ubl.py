"""The namespaces of eForms' UBL, and how its fields are found."""

from __future__ import annotations

from datetime import date

from matcher.languages import UNKNOWN
from matcher.sources.xml import Element, content, date_of, language_of

NS = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
    "efac": "http://data.europa.eu/p27/eforms-ubl-extension-aggregate-components/1",
    "efbc": "http://data.europa.eu/p27/eforms-ubl-extension-basic-components/1",
}


def find_text(parent: Element | None, path: str) -> str:
    """Return the text of the first element at a path, empty if there is none."""
    return "" if parent is None else content(parent.find(path, NS))


def by_language(parent: Element | None, path: str, default: str = UNKNOWN) -> dict[str, str]:
    """Return the texts at a path by language; several in one language stand on lines.

    A text that does not tell its language is in the notice's own, the ``default``.
    """
    found: dict[str, str] = {}
    if parent is None:
        return found
    for element in parent.findall(path, NS):
        if text := content(element):
            lang = language_of(element.get("languageID")) if element.get("languageID") else default
            found[lang] = f"{found[lang]}\n{text}" if lang in found else text
    return found


def latest_date(root: Element, path: str) -> date | None:
    """Return the latest of the dates at a path."""
    dates = (date_of(content(element)) for element in root.iterfind(path, NS))
    return max((d for d in dates if d), default=None)
