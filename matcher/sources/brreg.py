"""Norway's company register, Enhetsregisteret: single entity, search page or bulk file.

Format: https://data.brreg.no/enhetsregisteret/api/dokumentasjon/. The bulk file holds more than
a million entities, so it is read as a stream.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import ijson
from pydantic import ValidationError

from matcher.codes import normalise_nace, size_class
from matcher.records import Supplier, Text
from matcher.sources.base import Item, Refusal, Remark, SetAside, find_files
from matcher.sources.documents import open_stream
from matcher.sources.jsonfiles import ITEM, break_off, stream_values
from matcher.sources.values import as_dict, clean_text, country_at, number_at, text_at

SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")
_LANGUAGE_OF_FORM = {"bokmål": "nb", "nynorsk": "nn"}


def read_brreg(paths: list[Path]) -> Iterator[Item]:
    """Read entities.

    Yields:
        A supplier per active entity; deleted, bankrupt and winding-up ones set aside; a
        refusal for what cannot be used. A file that breaks off yields what stands before.
    """
    for path in find_files(paths, SUFFIXES):
        number = 0
        try:
            with open_stream(path) as stream:
                for entity in _entities(stream):
                    number += 1
                    yield from read_entity(entity, str(path), number)
        except _EmptyError:
            yield Refusal(str(path), "", "", "the file is empty")
        except (ijson.JSONError, ValueError, EOFError, OSError, zlib.error) as error:
            yield break_off(str(path), "entity", number, error)


class _EmptyError(Exception):
    """The file holds nothing."""


def _entities(stream: io.BufferedReader) -> Iterator[dict[str, Any]]:
    head = stream.peek(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise _EmptyError
    if stream.peek(3)[:3] == b"\xef\xbb\xbf":
        stream.read(3)
    if head.startswith(b"["):
        yield from stream_values(stream, {(ITEM,)})
    else:
        yield from _objects(stream)


def _objects(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Entities of a single answer, a search page, or one JSON object a line."""
    for value in stream_values(stream, {()}):
        embedded = value.get("_embedded") if isinstance(value, dict) else None
        if isinstance(embedded, dict):
            for members in embedded.values():
                yield from members if isinstance(members, list) else [members]
        elif isinstance(value, dict) and "page" in value and "organisasjonsnummer" not in value:
            continue  # a search that found nothing
        else:
            yield value


# Forms of which the person and the company are one in law.
_SOLE_TRADERS = {"ENK"}


def read_entity(entity: Any, file: str, number: int) -> Iterator[Item]:
    """Turn one entity into a supplier.

    Yields:
        A supplier per active entity; what is no more, and parts of an entity, set aside; a
        refusal for what cannot be used; remarks on codes that are left out.
    """
    where = f"entity {number}"
    if not isinstance(entity, dict):
        yield Refusal(file, where, "", "not a JSON object", {"value": entity})
        return
    organisation = str(entity.get("organisasjonsnummer") or "").replace(" ", "")
    if not (len(organisation) == 9 and organisation.isascii() and organisation.isdigit()):
        reason = f"{organisation!r} is no organisation number (nine digits)"
        yield Refusal(file, where, "organisasjonsnummer", reason, entity)
        return
    gone = _gone(entity)
    if gone:
        yield SetAside(file, organisation, gone, removes=f"NO-{organisation}")
        return
    if not _joined(entity.get("navn")):
        yield Refusal(file, organisation, "navn", "the entity has no name", entity)
        return
    remarks: list[Remark] = []
    try:
        yield _supplier(entity, organisation, file, remarks)
        yield from remarks
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        yield Refusal(file, organisation, field, first["msg"], entity)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        yield Refusal(file, organisation, "", str(error), entity)


def _gone(entity: dict[str, Any]) -> str:
    """Why an entity is no supplier; empty if it is active."""
    if entity.get("slettedato"):
        return "deleted from the register"
    if entity.get("konkurs"):
        return "bankrupt"
    if entity.get("underAvvikling") or entity.get("underTvangsavviklingEllerTvangsopplosning"):
        return "being wound up"
    if entity.get("nedleggelsesdato") and entity.get("overordnetEnhet"):
        return "sub-entity that was closed"
    return ""


def _supplier(
    entity: dict[str, Any], organisation: str, file: str, remarks: list[Remark]
) -> Supplier:
    address = as_dict(entity.get("forretningsadresse") or entity.get("beliggenhetsadresse"))
    codes = [as_dict(entity.get(f"naeringskode{n}")) for n in (1, 2, 3)]
    form = text_at(entity, "organisasjonsform", "kode")
    employees = _employees(entity)
    return Supplier(
        id=f"NO-{organisation}",
        name=_joined(entity.get("navn")),
        texts=(Text(lang=_language(entity), body=_body(entity, codes)),),
        country=country_at(address, "landkode") if address.get("landkode") else "NO",
        region=_county(text_at(address, "kommunenummer")),
        municipality=text_at(address, "kommune").title(),
        organisation_number=organisation,
        nace=_nace(codes, file, organisation, remarks),
        employees=employees,
        founded=_year(entity.get("stiftelsesdato")),
        url=_joined(entity.get("hjemmeside")),
        legal_form=form[:50],
        size=size_class(employees),
        personal_data=form in _SOLE_TRADERS,
        source="brreg",
        source_id=organisation,
    )


def _nace(
    codes: list[dict[str, Any]], file: str, organisation: str, remarks: list[Remark]
) -> tuple[str, ...]:
    found = []
    for code in codes:
        if code.get("kode"):
            try:
                found.append(normalise_nace(str(code["kode"])))
            except ValueError as error:
                remarks.append(Remark(file, organisation, "naeringskode", str(error)))
    return tuple(dict.fromkeys(found))


def _body(entity: dict[str, Any], codes: list[dict[str, Any]]) -> str:
    """What the company does: the activity, else the purpose, and the names of its codes.

    The purpose is legalese, so it stands in only where there is no activity.
    """
    activity = _joined(entity.get("aktivitet")) or _joined(entity.get("vedtektsfestetFormaal"))
    names = [str(c.get("beskrivelse") or "").strip() for c in codes]
    sentences = [activity, *names]
    return " ".join(s if s.endswith((".", "!", "?")) else f"{s}." for s in sentences if s)


def _joined(value: Any) -> str:
    """Join a text that the register wraps into lines, each an element of a list."""
    fragments = value if isinstance(value, list) else [value]
    return " ".join(" ".join(clean_text(str(f)) for f in fragments if f).split())


def _language(entity: dict[str, Any]) -> str:
    return _LANGUAGE_OF_FORM.get(str(entity.get("maalform") or "").casefold(), "und")


def _employees(entity: dict[str, Any]) -> int | None:
    """Number of employees; unknown unless the register says that it was reported."""
    if entity.get("harRegistrertAntallAnsatte") is False:
        return None
    count = number_at(entity, "antallAnsatte")
    return int(count) if count is not None and count >= 0 else None


def _year(day: Any) -> int | None:
    year = str(day or "")[:4]
    return int(year) if year.isascii() and year.isdigit() and 1000 <= int(year) <= 2200 else None


# The first two digits of a municipality's number, as of 2024.
_COUNTIES = {
    "03": "Oslo", "11": "Rogaland", "15": "Møre og Romsdal", "18": "Nordland",
    "31": "Østfold", "32": "Akershus", "33": "Buskerud", "34": "Innlandet",
    "39": "Vestfold", "40": "Telemark", "42": "Agder", "46": "Vestland",
    "50": "Trøndelag", "55": "Troms", "56": "Finnmark", "21": "Svalbard",
}  # fmt: skip


def _county(municipality_number: str) -> str:
    return _COUNTIES.get(municipality_number[:2], "")
