"""Parsers of PDF, DOCX and HTML, run by :mod:`matcher.sources.sandbox` as a process.

Standard input holds the file, standard output gets JSON: ``sections`` of title and text, or an
``error``. Boilerplate is stripped: navigation and banners of pages, running heads and feet of
documents.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections import Counter
from typing import Any

MAX_PAGES = 200
_TOO_MANY_TO_BE_TEXT = 4_000_000

Sections = list[dict[str, str]]


def parse_pdf(data: bytes) -> Sections:
    """Text of a PDF, a section a page, without lines that repeat on most pages."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ValueError("the PDF is locked with a password")
    pages = [page.extract_text() or "" for page in reader.pages[:MAX_PAGES]]
    if not any(p.strip() for p in pages):
        raise ValueError("the PDF holds no text: it is probably scanned")
    lines = [[" ".join(x.split()) for x in p.splitlines() if x.strip()] for p in pages]
    seen = Counter(re.sub(r"\d+", "#", x) for page in lines for x in set(page))
    running = {x for x, n in seen.items() if n > 2 and n > len(pages) / 2}
    kept = ([x for x in page if re.sub(r"\d+", "#", x) not in running] for page in lines)
    return [{"title": "", "text": _unwrapped(page)} for page in kept if page]


def _unwrapped(lines: list[str]) -> str:
    """Join lines that the page's width broke; a word parted by a hyphen becomes whole."""
    text = ""
    for line in lines:
        if text.endswith("-") and line[:1].islower():
            text = text[:-1] + line
        elif text and (line[:1].islower() or not re.search(r"[.!?:]$", text)):
            text += " " + line
        else:
            text += ("\n" if text else "") + line
    return text


def parse_docx(data: bytes) -> Sections:
    """Text of a DOCX, a section a heading, tables as lines."""
    from docx import Document
    from docx.table import Table

    from matcher.sources.documents import check_zip

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_zip(archive)
    sections: Sections = [{"title": "", "text": ""}]
    for block in Document(io.BytesIO(data)).iter_inner_content():
        if isinstance(block, Table):
            rows = (" ".join(dict.fromkeys(c.text.strip() for c in r.cells)) for r in block.rows)
            text = "\n".join(row for row in rows if row.strip())
        else:
            text = block.text.strip()
            style = block.style.name if block.style is not None else ""
            if text and (style or "").startswith(("Heading", "Title")):
                sections.append({"title": text, "text": ""})
                continue
        if text:
            last = sections[-1]
            last["text"] = f"{last['text']}\n{text}" if last["text"] else text
    kept = [s for s in sections if s["text"]]
    if not kept:
        raise ValueError("the document holds no text")
    return kept


def parse_html(data: bytes) -> Sections:
    """Main text of a page, a section a heading."""
    import trafilatura
    from lxml import etree

    body = trafilatura.extract(
        data, output_format="xml", include_comments=False, include_tables=True, favor_recall=True
    )
    if not body:
        raise ValueError("the page holds no text beyond its navigation")
    sections: Sections = [{"title": "", "text": ""}]
    for element in etree.fromstring(body.encode()).iter("head", "p", "item", "row", "quote"):
        if any(a.tag in ("p", "item", "row", "quote") for a in element.iterancestors()):
            continue
        text = " ".join("".join(map(str, element.itertext())).split())
        if element.tag == "head":
            sections.append({"title": text, "text": ""})
        elif text:
            last = sections[-1]
            last["text"] = f"{last['text']}\n{text}" if last["text"] else text
    return [s for s in sections if s["text"]]


PARSERS: dict[str, Any] = {"pdf": parse_pdf, "docx": parse_docx, "html": parse_html}


def main() -> None:
    """Parse standard input."""
    try:
        sections = PARSERS[sys.argv[1]](sys.stdin.buffer.read())
        size = sum(len(s["text"]) for s in sections)
        if size > _TOO_MANY_TO_BE_TEXT:
            raise ValueError(f"{size:,} characters of text are more than a profile has")
        answer: dict[str, Any] = {"sections": sections}
    except MemoryError:
        answer = {"error": "it takes more memory than is allowed"}
    except RecursionError:
        answer = {"error": "nested too deeply"}
    except Exception as error:
        # Whatever a parser raises on a foreign file is a reason to refuse it, not to fail.
        answer = {"error": f"cannot be parsed: {type(error).__name__}: {error}"[:500]}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
