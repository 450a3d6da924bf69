"""Rows of tables: CSV, TSV, XLSX and JSON Lines, read as a stream whatever is wrong in them."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from matcher.errors import InputError
from matcher.sources.documents import check_zip, open_stream

_PLAIN = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
SUFFIXES = (*_PLAIN, *(f"{s}.gz" for s in _PLAIN), ".xlsx")
MAX_TEXT = 1_000_000
"""Characters a text may have; a longer one is refused rather than cut in silence."""
_MAX_RECORD_LINES = 500


@dataclass(frozen=True)
class Row:
    """A row as found: its place, its values by heading, and what is wrong with its form.

    ``own_fields`` tells that each row names its own fields, as in JSON Lines.
    """

    place: str
    values: dict[str, Any]
    problem: str = ""
    own_fields: bool = False


def read_rows(path: Path) -> Iterator[Row]:
    """Read the rows of one file as a stream."""
    suffixes = [s.lower() for s in path.suffixes]
    if path.stat().st_size == 0:
        return iter(())
    if ".xlsx" in suffixes:
        return _xlsx_rows(path)
    if {".jsonl", ".ndjson"} & set(suffixes):
        return _jsonl_rows(path)
    if {".csv", ".tsv", ".txt"} & set(suffixes):
        return _csv_rows(path)
    raise InputError(f"{path}: a table is one of {', '.join(SUFFIXES)}")


def _lines(path: Path) -> Iterator[str]:
    """Lines of a text file, with the encoding found out.

    A byte that does not fit into a UTF-8 file is kept as a lone surrogate, so that only its
    row is refused.
    """
    encoding = find_encoding(path)
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    with (
        open_stream(path) as raw,
        io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline=None) as text,
    ):
        yield from text


def find_encoding(path: Path) -> str:
    """Find out whether a file is UTF-8 (with or without BOM), UTF-16 or Windows-1252.

    UTF-8 if all of the first 4 MB is, or if more bytes above ASCII are part of valid UTF-8
    sequences than not (a few broken bytes in a UTF-8 file do not make it another encoding).
    """
    with open_stream(path) as raw:
        head = raw.read(4_000_000)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    valid = len(re.findall(rb"[\xc2-\xf4][\x80-\xbf]{1,3}", head))
    broken = sum(0xDC80 <= ord(c) <= 0xDCFF for c in head.decode("utf-8", "surrogateescape"))
    # The last character may be cut in the middle, which is no fault of the file.
    return "utf-8-sig" if broken <= max(valid, 3 if len(head) == 4_000_000 else 0) else "cp1252"


_BROKEN = re.compile("[\udc80-\udcff]")


def _csv_rows(path: Path) -> Iterator[Row]:
    numbered = enumerate(_lines(path), start=1)
    first = next(((n, line) for n, line in numbered if line.strip()), None)
    if first is None:
        return
    delimiter = max("\t;,|", key=first[1].count)
    records = _csv_records(chain([first], numbered), delimiter)
    _, header, problem = next(records)
    if problem:
        raise ValueError(f"the line of headings: {problem}")
    header = [h.strip() for h in header]
    for number, cells, problem in records:
        if not any(c.strip() for c in cells):
            continue
        values: dict[str, Any] = dict(zip(header, cells, strict=False))
        if not problem and len(cells) != len(header):
            problem = (
                f"{len(cells)} columns where the headings have {len(header)}: "
                "columns are shifted, or a quote is missing"
            )
        if len(cells) > len(header):
            values["_extra"] = cells[len(header) :]
        if not problem and any(_BROKEN.search(c) for c in cells):
            problem = "bytes that are no UTF-8, as the rest of the file is"
        yield Row(f"line {number}", values, problem)


def _csv_records(
    numbered: Iterator[tuple[int, str]], delimiter: str
) -> Iterator[tuple[int, list[str], str]]:
    """Parse records, which may span lines, as (first line's number, cells, problem).

    A quote that is never closed would swallow the rest of the file. So when a record is
    malformed or does not end within a limit, only its first line is given up, as a problem,
    and reading goes on with the line after it.
    """
    csv.field_size_limit(2 * MAX_TEXT)
    waiting: deque[tuple[int, str]] = deque()
    while True:
        taken: list[tuple[int, str]] = []

        def feed(taken: list[tuple[int, str]] = taken) -> Iterator[str]:
            while len(taken) <= _MAX_RECORD_LINES:
                line = waiting.popleft() if waiting else next(numbered, None)
                if line is None:
                    return
                taken.append(line)
                yield line[1]

        try:
            cells = next(csv.reader(feed(), delimiter=delimiter, strict=True), None)
        except csv.Error as error:
            waiting.extendleft(reversed(taken[1:]))
            yield taken[0][0], taken[0][1].rstrip("\r\n").split(delimiter), f"not CSV: {error}"
            continue
        if cells is None:
            return
        yield taken[0][0], cells, ""


def _jsonl_rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            # Raw control characters inside strings are a common fault of feeds; they are
            # cleaned away later.
            value = json.loads(line, strict=False)
        except (ValueError, RecursionError) as error:
            yield Row(place, {"_line": line.rstrip("\n")}, f"not JSON: {error}")
            continue
        if not isinstance(value, dict):
            yield Row(place, {"_line": line.rstrip("\n")}, "not a JSON object")
        elif _BROKEN.search(line):
            yield Row(place, value, "bytes that are no UTF-8, as the rest of the file is")
        else:
            if value.get("id"):
                place = f"{place} ({value['id']})"
            yield Row(place, value, own_fields=True)


def _xlsx_rows(path: Path) -> Iterator[Row]:
    try:
        with zipfile.ZipFile(path) as archive:
            check_zip(archive)
        frame = pd.read_excel(path, dtype=str, keep_default_na=False, engine="openpyxl")
    except Exception as error:  # openpyxl raises whatever the broken part of the file led to
        raise ValueError(f"not an XLSX workbook: {error}") from error
    headings = [str(c).strip() for c in frame.columns]
    for number, cells in enumerate(frame.itertuples(index=False, name=None), start=2):
        values = {h: v for h, v in zip(headings, cells, strict=True) if isinstance(v, str) and v}
        if values:
            yield Row(f"row {number}", values)
