"""The consultation record as DOCX, XLSX and JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

from docx import Document
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

Translate = Callable[[str], str]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STEPS = ("listed", "invited", "accepted", "attended")
_MOST_IN_CELL = 32_767
_NOT_XML = re.compile(r"[^\n\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(record: dict[str, Any], _: Translate) -> bytes:
    """Return the record as JSON, complete."""
    return json.dumps(record, ensure_ascii=False, indent=1).encode()


def as_xlsx(record: dict[str, Any], _: Translate) -> bytes:
    """Return the record as a workbook; what somebody wrote is text in it, never a formula."""
    book = Workbook(write_only=True)
    _sheet(book, _("Dialogue"), [], _facts(record, _))
    _sheet(
        book,
        _("Suppliers"),
        [_("Supplier"), _("Id"), _("State"), _("From"), _("Place"), _("Score"), _("Reason"),
         _("Invited"), _("Answered"), _("Answer")],
        [
            [s["name"], s["supplier_id"], _(s["state"]), _(s["origin"]), s["position"], s["score"],
             s["reason"], s["invited_at"], s["answered_at"], s["answer"]]
            for s in record["suppliers"]
        ],
    )  # fmt: skip
    _sheet(
        book,
        _("Rankings"),
        [_("Log entry"), _("Need"), _("Version"), _("Index"), _("Place"), _("Id"), _("Score")],
        _ranking_rows(record),
    )
    _sheet(
        book,
        _("Log"),
        [_("Log entry"), _("Time"), _("What"), _("Account"), _("Details"), _("Hash")],
        [
            [e["number"], e["at"], e["kind"], e["actor"], _details(e), e["hash"]]
            for e in record["entries"]
        ],
    )
    _sheet(
        book,
        _("Exposure"),
        [_("By"), _("Value"), *(_(step) for step in _STEPS)],
        _exposure_rows(record, _),
    )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_docx(record: dict[str, Any], _: Translate) -> bytes:
    """Return the record as a document to read and file."""
    document = Document()
    document.core_properties.title = _clean(record["dialogue"]["title"])
    document.core_properties.author = "Samspill"
    document.add_heading(_("Consultation record"), 0)
    document.add_heading(_clean(record["dialogue"]["title"]), 1)
    _table(document, [], _facts(record, _))
    for need in record["needs"]:
        text = need["content"]["texts"][0]
        document.add_heading(f"{_('Need')}: {_clean(text['title'])}", 1)
        document.add_paragraph(_clean(text["body"]))
        _table(
            document,
            [_("Buyer"), _("Country"), _("Commitment")],
            [[b["name"], b["country"], _(b["commitment"])] for b in need["content"]["buyers"]],
        )
        for declaration in need["declarations"]:
            document.add_heading(_("Declaration of intent"), 2)
            document.add_paragraph(_clean(declaration["texts"][0]["body"]))
            _table(
                document,
                [_("Buyer"), _("Answer"), _("Commitment"), _("Time"), _("Details")],
                [
                    [
                        s["buyer"],
                        _(s["decision"]),
                        _(s["commitment"]),
                        s["at"] or "",
                        s["statement"],
                    ]
                    for s in declaration["signatures"]
                ],
            )
    document.add_heading(_("Suppliers"), 1)
    _table(
        document,
        [_("Supplier"), _("State"), _("From"), _("Reason")],
        [[s["name"], _(s["state"]), _(s["origin"]), s["reason"]] for s in record["suppliers"]],
    )
    document.add_heading(_("Exposure"), 1)
    _table(
        document,
        [_("By"), _("Value"), *(_(step) for step in _STEPS)],
        _exposure_rows(record, _),
    )
    document.add_heading(_("Log"), 1)
    _table(
        document,
        [_("Log entry"), _("Time"), _("What"), _("Hash")],
        [[e["number"], e["at"], e["kind"], e["hash"][:16]] for e in record["entries"]],
    )
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


MAKERS: dict[str, tuple[Callable[[dict[str, Any], Translate], bytes], str]] = {
    "json": (as_json, "application/json"),
    "xlsx": (
        as_xlsx,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "docx": (
        as_docx,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
}
"""Format -> how it is made and its media type."""


def _facts(record: dict[str, Any], _: Translate) -> list[list[Any]]:
    plan, head = record["dialogue"], record["log_head"]
    return [
        [_("Dialogue"), plan["title"]],
        [_("State"), _(plan["state"])],
        [_("Time"), plan["starts_at"] or ""],
        [_("Place"), plan["place"] or plan["link"]],
        [_("Open call"), plan["open_call"]],
        [_("Information pack"), "\n".join(d["url"] for d in plan["pack"]["documents"])],
        [_("Log entry"), head["number"]],
        [_("Hash"), head["hash"]],
        [_("Made"), record["made_at"]],
    ]


def _ranking_rows(record: dict[str, Any]) -> list[list[Any]]:
    rows = []
    for entry in record["entries"]:
        if entry["kind"] == "ranking" and entry["payload"]:
            run = entry["payload"]
            for place, (supplier_id, score) in enumerate(run["list"], start=1):
                rows.append(
                    [
                        entry["number"],
                        run["need_id"],
                        run["version"],
                        run["generation"],
                        place,
                        supplier_id,
                        score,
                    ]
                )
    return rows


def _exposure_rows(record: dict[str, Any], _: Translate) -> list[list[Any]]:
    rows = []
    for dimension, values in record["exposure"].items():
        if dimension == "total":
            rows.append([_("all"), "", *(values[step] for step in _STEPS)])
            continue
        for value, steps in values.items():
            rows.append([_(dimension), value, *(steps.get(step, 0) for step in _STEPS)])
    return rows


def _details(entry: dict[str, Any]) -> str:
    if entry["payload"] is None:
        return ""
    shown = {k: v for k, v in entry["payload"].items() if k != "list"}
    return json.dumps(shown, ensure_ascii=False)


def _sheet(book: Workbook, title: str, heading: list[str], rows: list[list[Any]]) -> None:
    sheet = book.create_sheet(title[:31])
    assert isinstance(sheet, WriteOnlyWorksheet)
    if heading:
        cells = [_cell(sheet, text) for text in heading]
        for cell in cells:
            cell.font = Font(bold=True)
        sheet.append(cells)
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])


def _cell(sheet: WriteOnlyWorksheet, value: Any) -> WriteOnlyCell:
    if value is None or isinstance(value, int | float):
        return WriteOnlyCell(sheet, value)
    text = _clean(str(value))[:_MOST_IN_CELL]
    cell = WriteOnlyCell(sheet)
    cell.value = text
    # A text that begins like a formula stays a text, also when the sheet is saved as CSV
    # by somebody's office program and opened again.
    cell.data_type = "s"
    if text.startswith(_FORMULA):
        cell.value = f"'{text}"[:_MOST_IN_CELL]
        cell.data_type = "s"
        cell.quotePrefix = True
    return cell


def _table(document: Any, heading: list[str], rows: list[list[Any]]) -> None:
    width = len(heading) or (len(rows[0]) if rows else 0)
    if not width:
        return
    lines = [heading, *rows] if heading else rows
    table = document.add_table(rows=len(lines), cols=width)
    table.style = "Light Grid Accent 1"
    # By rows: asking the table for each cell by its place takes time squared.
    for row, values in zip(table.rows, lines, strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = _clean("" if value is None else str(value))


def _clean(text: str) -> str:
    """Drop what XML cannot hold."""
    return _NOT_XML.sub("", text)
