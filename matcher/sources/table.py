"""Tables of suppliers or needs: CSV, TSV, XLSX and JSON Lines, headings in any of our languages.

Every row becomes a dictionary of field -> value; columns are recognised by their headings, in
the supported languages, and can be named outright. Collections (DESIGN: ``needs.jsonl``,
``suppliers.jsonl``) are JSON Lines tables with our own field names.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from matcher.codes import (
    find_organisation_number,
    normalise_country,
    normalise_cpv,
    normalise_nace,
    size_class,
)
from matcher.errors import InputError
from matcher.languages import normalise_language
from matcher.records import Buyer, Contact, Kind, Need, Part, Record, Supplier, Text
from matcher.sources.base import Item, Refusal, find_files
from matcher.sources.headings import guess_columns, guess_kind
from matcher.sources.rows import MAX_TEXT, SUFFIXES, Row, read_rows
from matcher.sources.values import clean_text

_TEXT_FIELDS = {"name", "title", "text", "texts"}

T = TypeVar("T")


def read_table(
    paths: list[Path], kind: Kind | None = None, columns: Mapping[str, str] | None = None
) -> Iterator[Item]:
    """Read tables.

    Args:
        paths: Files, or folders of them.
        kind: What the rows are; guessed from the headings if not given.
        columns: Field -> heading, where the guess would be wrong.

    Yields:
        A record per usable row, a refusal for each other one.
    """
    for path in find_files(paths, SUFFIXES):
        try:
            rows = read_rows(path)
        except InputError as error:
            yield Refusal(str(path), "", "", str(error).removeprefix(f"{path}: "))
            continue
        try:
            yield from _read_rows(rows, str(path), kind, dict(columns or {}))
        except (OSError, UnicodeError, EOFError, ValueError, zlib.error) as error:
            yield Refusal(str(path), "", "", f"not readable as a table: {error}")


def _read_rows(
    rows: Iterator[Row], file: str, kind: Kind | None, columns: dict[str, str]
) -> Iterator[Item]:
    mapping: dict[str, str] | None = None
    guessed = kind or Kind.SUPPLIER
    seen: set[str] = set()
    rows_read = 0
    for row in rows:
        rows_read += 1
        if row.problem:
            yield Refusal(file, row.place, "", row.problem, row.values)
            continue
        if mapping is None or not seen.issuperset(row.values):
            # JSON Lines may bring new fields in any line; a table's headings never change.
            seen |= set(row.values)
            mapping = guess_columns(list(seen), columns)
            guessed = kind or guess_kind(mapping.values())
            if not _TEXT_FIELDS.intersection(f.partition(":")[0] for f in mapping.values()):
                reason = (
                    f"no column is recognised as a name, title or text among {sorted(seen)}: "
                    "name one with --map text=HEADING"
                )
                yield Refusal(file, row.place, "", reason, row.values)
                if not row.own_fields:
                    return
                mapping = None
                continue
        # Two columns for one field: the first that has a value counts.
        fields: dict[str, Any] = {}
        for heading, value in row.values.items():
            name = mapping.get(heading)
            if name and value not in (None, "") and name not in fields:
                fields[name] = value
        record, problems = make_record(fields, guessed, row.place)
        if record is None or problems:
            name, reason = problems[0]
            yield Refusal(file, row.place, name, reason, row.values)
        else:
            yield record
    if not rows_read:
        yield Refusal(file, "", "", "the file is empty, or has headings only")


# -- from fields to a record


def make_record(
    fields: dict[str, Any], kind: Kind, place: str
) -> tuple[Record | None, list[tuple[str, str]]]:
    """Make a record from fields.

    Returns:
        The record, or None if it lacks what it cannot do without; and every problem as
        (field, reason). A record with problems is whole but for the fields named.
    """
    values = _Values(fields)
    common = {
        "id": values.text("id"),
        "texts": values.texts(),
        "country": values.one("country", normalise_country, ""),
        "region": values.text("region"),
        "cpv": values.many("cpv", normalise_cpv),
        "url": values.text("url"),
        "source": "table",
    }
    common["source_id"] = common["id"]
    try:
        if kind is Kind.SUPPLIER:
            return _supplier(values, common, place), values.problems
        return _need(values, common, place), values.problems
    except _UnusableError as error:
        return None, [(error.field, error.reason), *values.problems]
    except ValidationError as error:
        first = error.errors()[0]
        return None, [(".".join(map(str, first["loc"])), first["msg"]), *values.problems]


class _UnusableError(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def _supplier(values: _Values, common: dict[str, Any], place: str) -> Supplier:
    name = values.text("name") or next((t.title for t in common["texts"] if t.title), "")
    if not name:
        raise _UnusableError("name", "the supplier has no name")
    number, personal = _organisation_number(values, common["country"])
    if not common["id"]:
        common["id"] = common["source_id"] = (
            f"{common['country'] or 'org'}-{number}" if number else _slug(name)
        )
    if not any(t.body for t in common["texts"]):
        raise _UnusableError("text", f"the supplier {common['id']!r} has no text")
    employees = values.one("employees", _count, None)
    return Supplier(
        **common,
        name=name,
        organisation_number=number,
        municipality=values.text("municipality"),
        nace=values.many("nace", normalise_nace),
        employees=employees,
        size=size_class(employees),
        personal_data=personal,
        founded=values.one("founded", _count, None),
        contact=values.contact(),
    )


def _organisation_number(values: _Values, country: str) -> tuple[str, bool]:
    """Return the number in its register's form, and whether it stood for a person.

    A person's identity number is not kept; what is no number of a known country stays as it is.
    """
    given = values.text("organisation_number")
    found = find_organisation_number(given, country)
    if found is None:
        return given, False
    return ("", True) if found.personal else (found.number, False)


def _need(values: _Values, common: dict[str, Any], place: str) -> Need:
    if not any(t.title or t.body for t in common["texts"]):
        raise _UnusableError("text", f"the need {common['id'] or place!r} has no text")
    if not common["id"]:
        common["id"] = common["source_id"] = _slug(
            common["texts"][0].title or common["texts"][0].body[:60]
        )
    return Need(
        **common,
        buyers=values.buyers(common["country"]),
        parts=values.parts(),
        procedure=values.text("procedure") or "other",
        published=values.one("published", _date, None),
        deadline=values.one("deadline", _date, None),
        value=values.one("value", _amount, None),
        currency=values.text("currency")[:3].upper(),
        notice_type=values.text("notice_type"),
    )


class _Values:
    """Reads typed values out of a row's fields and collects what is wrong with them."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.problems: list[tuple[str, str]] = []

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if value is None:
            return ""
        if isinstance(value, list | tuple):
            return " ".join(clean_text(str(v)) for v in value if v is not None)
        if isinstance(value, dict):
            self.problems.append((name, "an object where a text is expected"))
            return ""
        text = clean_text(str(value))
        if len(text) > MAX_TEXT:
            self.problems.append((name, f"{len(text)} characters, at most {MAX_TEXT} are taken"))
            return ""
        return text

    def one(self, name: str, convert: Callable[[str], T], default: T) -> T:
        text = self.text(name)
        if not text:
            return default
        try:
            return convert(text)
        except ValueError as error:
            self.problems.append((name, str(error)))
            return default

    def many(self, name: str, convert: Callable[[str], str]) -> tuple[str, ...]:
        value = self.fields.get(name)
        if value is None:
            return ()
        items = value if isinstance(value, list | tuple) else re.split(r"[,;|\s]+", str(value))
        found = []
        for item in items:
            if item is not None and str(item).strip():
                try:
                    found.append(convert(str(item)))
                except ValueError as error:
                    self.problems.append((name, str(error)))
        return tuple(dict.fromkeys(found))

    def texts(self) -> tuple[Text, ...]:
        """Return the texts: ``texts``, or ``title`` and ``text``, or columns as ``text_sv``."""
        given = self.fields.get("texts")
        if isinstance(given, list):
            return self._given_texts(given)
        first = Text(
            lang=self.one("lang", normalise_language, "und"),
            title=self.text("title"),
            body=self.text("text"),
        )
        others: dict[str, dict[str, str]] = {}
        for name in self.fields:
            base, _, lang = name.partition(":")
            if lang and base in ("title", "text"):
                key = "title" if base == "title" else "body"
                others.setdefault(lang, {})[key] = self.text(name)
        texts = [first] if first.title or first.body or not others else []
        return tuple(texts + [Text(lang=lang, **parts) for lang, parts in others.items()])

    def _given_texts(self, given: list[Any]) -> tuple[Text, ...]:
        try:
            texts = tuple(
                Text(
                    lang=t.get("lang", "und"),
                    title=clean_text(str(t.get("title") or "")),
                    body=clean_text(str(t.get("body") or t.get("text") or "")),
                )
                for t in given
            )
        except (AttributeError, ValidationError, ValueError) as error:
            self.problems.append(("texts", f"not a list of lang, title, body: {error}"))
            return (Text(),)
        return texts or (Text(),)

    def buyers(self, country: str) -> tuple[Buyer, ...]:
        """Buyers as objects (collections) or as names parted by ``;``."""
        value = self.fields.get("buyers")
        if value is None:
            return ()
        items = value if isinstance(value, list) else str(value).split(";")
        buyers = []
        for item in items:
            given = item if isinstance(item, dict) else {"name": str(item).strip()}
            if not given.get("name"):
                continue
            known = {k: v for k, v in given.items() if k in Buyer.model_fields and v is not None}
            try:
                buyers.append(Buyer(**{"country": country, **known}))
            except ValidationError as error:
                first = error.errors()[0]
                self.problems.append(("buyers", f"{given['name']}: {first['msg']}"))
        return tuple(buyers)

    def parts(self) -> tuple[Part, ...]:
        value = self.fields.get("parts")
        if not isinstance(value, list):
            return ()
        try:
            return tuple(Part(**part) for part in value)
        except (TypeError, ValidationError) as error:
            self.problems.append(("parts", f"not a list of id, texts, cpv: {error}"))
            return ()

    def contact(self) -> Contact | None:
        contact = Contact(
            name=self.text("contact_name"), email=self.text("email"), phone=self.text("phone")
        )
        return contact if contact != Contact() else None


def _slug(text: str) -> str:
    return re.sub(r"[^\w]+", "-", text.casefold()).strip("-")[:100] or "unnamed"


def _count(text: str) -> int:
    number = float(re.sub(r"[\s\u00a0]", "", text).replace(",", "."))
    if number < 0 or number != int(number):
        raise ValueError(f"{text!r} is no whole number")
    return int(number)


def _amount(text: str) -> float:
    digits = re.sub(r"[\s\u00a0]|kr|[€$]", "", text, flags=re.IGNORECASE)
    if re.fullmatch(r"\d{1,3}(\.\d{3})+(,\d+)?", digits):
        digits = digits.replace(".", "")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
        digits = digits.replace(",", "")
    return float(digits.replace(",", "."))


def _date(text: str) -> date:
    """Read ISO dates (with time or zone), and the day-first forms of the Nordic countries."""
    if match := re.match(r"(\d{1,2})[./](\d{1,2})[./](\d{4})", text):
        day, month, year = map(int, match.groups())
        return date(year, month, day)
    return date.fromisoformat(text[:10])
