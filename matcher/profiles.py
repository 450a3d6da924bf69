"""A supplier's own words: its page on the web, and brochures as PDF or DOCX.

Each page or file becomes texts beside the supplier's record, in the language of each section,
with the address and the day as evidence. Reading one again replaces what it gave before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from matcher.languages import UNKNOWN
from matcher.records import Kind, Supplier, Text
from matcher.sources.base import find_files
from matcher.sources.fetch import Fetcher, FetchError
from matcher.sources.sandbox import SandboxError, run_parser
from matcher.sources.values import clean_text
from matcher.store import Store
from matcher.store.supplements import save_supplier_texts
from matcher.text.language import identify

SUFFIXES = (".pdf", ".docx", ".html", ".htm")
_LEAST = 40
"""Characters below which a section says nothing of its own; it joins the one before."""
_MOST = 200_000
"""Characters kept of one page or file."""


@dataclass(frozen=True)
class Outcome:
    """What became of one page or file: ``saved``, ``unchanged`` or ``refused`` and why."""

    file: str
    outcome: str
    reason: str = ""
    sections: int = 0


def import_files(
    store: Store, supplier_id: str, paths: list[Path], check: bool = False
) -> Iterator[Outcome]:
    """Read a supplier's brochures.

    Raises:
        NotFoundError: There is no such supplier.
        InputError: A path does not exist.
    """
    store.get(Kind.SUPPLIER, supplier_id)
    for path in find_files(paths, SUFFIXES):
        kind = {".htm": "html"}.get(path.suffix.lower(), path.suffix.lower().lstrip("."))
        if kind not in ("pdf", "docx", "html"):
            yield Outcome(str(path), "refused", "neither PDF, DOCX nor HTML")
            continue
        yield _save(store, supplier_id, str(path), path.name, kind, path, check)


def import_page(store: Store, fetcher: Fetcher, supplier: Supplier) -> Outcome:
    """Read the page that a supplier's record names."""
    try:
        page = fetcher.fetch(supplier.url)
    except FetchError as error:
        return Outcome(supplier.id, "refused", str(error))
    with tempfile.NamedTemporaryFile() as file:
        file.write(page.data)
        file.flush()
        kind = "pdf" if page.kind == "application/pdf" else "html"
        return _save(store, supplier.id, supplier.id, page.url, kind, Path(file.name), False)


def sync_pages(
    store: Store, fetcher: Fetcher, seen: Callable[[Any], Any] = lambda s: s
) -> Iterator[Outcome]:
    """Read the pages of all suppliers that name one and are not persons."""
    named = [
        s.id
        for s in store.iterate(Kind.SUPPLIER)
        if isinstance(s, Supplier) and s.url and not s.personal_data
    ]
    for supplier_id in named:
        yield seen(import_page(store, fetcher, store.supplier(supplier_id)))


def _save(
    store: Store, supplier_id: str, shown: str, url: str, kind: str, path: Path, check: bool
) -> Outcome:
    try:
        texts = to_texts(run_parser(kind, path))
    except (SandboxError, OSError) as error:
        return Outcome(shown, "refused", str(error))
    if not texts:
        return Outcome(shown, "refused", "it holds no text to speak of")
    if check:
        return Outcome(shown, "checked", sections=len(texts))
    changed = save_supplier_texts(store, supplier_id, url, texts, _today())
    return Outcome(shown, "saved" if changed else "unchanged", sections=len(texts))


def to_texts(sections: list[dict[str, Any]]) -> list[Text]:
    """Turn sections into texts, neighbours in one language joined.

    A short section takes the language of the one before: a heading and two words tell none.
    """
    texts: list[Text] = []
    left = _MOST
    for section in sections:
        title, body = (clean_text(str(section.get(k) or "")) for k in ("title", "text"))
        whole = "\n".join(filter(None, (title, body)))[:left]
        left -= len(whole)
        if not whole:
            continue
        lang = identify(whole) if len(whole) >= _LEAST else UNKNOWN
        if texts and (lang in (UNKNOWN, texts[-1].lang)):
            last = texts[-1]
            texts[-1] = last.model_copy(update={"body": f"{last.body}\n{whole}"})
        elif len(whole) >= _LEAST:
            texts.append(Text(lang=lang, body=whole))
    return texts


def _today() -> date:
    return datetime.now(UTC).date()
