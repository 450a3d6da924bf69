"""Notices as XML, eForms or the older TED XML: the root element tells which."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree
from pydantic import ValidationError

from matcher.sources.base import Item, Refusal
from matcher.sources.documents import Document, content_of, documents
from matcher.sources.eforms import ROOTS, read_eforms_notice
from matcher.sources.ted_xml import read_ted_notice
from matcher.sources.xml import Element, UnreadableError, local_name, parse_xml

SUFFIXES = (".xml",)
KEY = "xml"
"""Field of a refused record that holds its XML."""


def read_notices(paths: list[Path]) -> Iterator[Item]:
    """Read notices: one XML file each, in folders or archives, or refused ones that were mended.

    Yields:
        A need per consultation, planning or competition notice; award and other notices set
        aside; a refusal for whatever cannot be used; remarks on what was left out.
    """
    for document in documents(paths, SUFFIXES, KEY):
        if isinstance(document, Refusal):
            yield document
        else:
            yield from read_document(document)


def read_document(document: Document) -> Iterator[Item]:
    """Read the notice, or the notices, of one document."""
    try:
        root = parse_xml(document.data)
        notices = _notices(root)
    except UnreadableError as error:
        yield _refusal(document, error.field, error.reason)
        return
    for number, notice in enumerate(notices, start=1):
        if len(notices) > 1:
            # Each is refused, and mended, by itself.
            whole = f"{document.name}, notice {number}"
            own = Document(whole, etree.tostring(notice, encoding="utf-8"))
        else:
            own = document
        yield from _read(notice, own)


def _read(notice: Element, document: Document) -> list[Item]:
    """Read one notice whole before any of it is handed on, so that it counts once."""
    read = read_ted_notice if local_name(notice) == "TED_EXPORT" else read_eforms_notice
    try:
        return list(read(notice, document.name))
    except UnreadableError as error:
        return [_refusal(document, error.field, error.reason)]
    except ValidationError as error:
        first = error.errors()[0]
        return [_refusal(document, ".".join(map(str, first["loc"])), first["msg"])]


def _notices(root: Element) -> list[Element]:
    """The root if it is a notice, else the notices that it wraps."""
    known = {*ROOTS, "TED_EXPORT"}
    if local_name(root) in known:
        return [root]
    wrapped = [e for e in root.iter() if isinstance(e.tag, str) and local_name(e) in known]
    if not wrapped:
        raise UnreadableError("", f"root element {local_name(root)} is no notice")
    return wrapped


def _refusal(document: Document, field: str, reason: str) -> Refusal:
    return Refusal(document.name, "", field, reason, content_of(document, KEY))
