"""XML read with entities, document types and the network off, and what readers of it share."""

from __future__ import annotations

from datetime import date

from lxml import etree

from matcher.codes import normalise_country
from matcher.languages import UNKNOWN, normalise_language

Element = etree._Element


class UnreadableError(Exception):
    """A document or field that cannot be used: (field, reason)."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field, self.reason = field, reason


def parse_xml(data: bytes) -> Element:
    """Parse a document.

    A document type declaration is refused before anything is parsed: notices have none, and
    entities are what bombs and reads of local files are made of.

    Raises:
        UnreadableError: It is empty, not well-formed, or declares a document type.
    """
    if not data.strip():
        raise UnreadableError("", "the file is empty")
    if b"<!DOCTYPE" in data or "<!DOCTYPE".encode("utf-16-le") in data[:2000]:
        raise UnreadableError("", "a document type declaration is not accepted")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        # Feeds put empty lines before the declaration, where none may stand.
        root = etree.fromstring(data.lstrip(), parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableError("", f"not well-formed XML: {error.msg}") from error
    except ValueError as error:
        raise UnreadableError("", f"not readable as XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableError("", "a document type declaration is not accepted")
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def content(element: Element | None) -> str:
    """Return the text of an element, stripped; empty if there is none."""
    return "" if element is None else "".join(map(str, element.itertext())).strip()


def language_of(code: str | None) -> str:
    """Return a language code, ``und`` for what is none."""
    try:
        return normalise_language(code)
    except ValueError:
        return UNKNOWN


def country_of(code: str) -> str:
    """Return a country code, empty for what is none."""
    try:
        return normalise_country(code)
    except ValueError:
        return ""


def date_of(text: str) -> date | None:
    """Read an ISO date, which may carry a zone or a time (``2024-12-05+01:00``)."""
    digits = text.strip()
    if len(digits) >= 8 and digits[:8].isdigit():
        digits = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    try:
        return date.fromisoformat(digits[:10])
    except ValueError:
        return None


def number_of(text: str | None) -> float | None:
    """Read a number; None if it is none or not finite."""
    try:
        number = float((text or "").replace("\u00a0", "").replace(" ", ""))
    except ValueError:
        return None
    return number if abs(number) < 1e18 else None
