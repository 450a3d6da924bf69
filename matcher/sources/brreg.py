"""Norway's company register, Enhetsregisteret: single entity, search page or bulk file.

Format: https://data.brreg.no/enhetsregisteret/api/dokumentasjon/. The bulk file holds more than
a million entities, so it is read as a stream.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import ijson
from pydantic import ValidationError

from matcher.codes import normalise_nace
from matcher.records import Supplier, Text
from matcher.sources.base import Item, Refusal, SetAside, find_files

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
            with _open(path) as stream:
                for entity in _entities(stream):
                    number += 1
                    yield read_entity(entity, str(path), number)
        except _EmptyError:
            yield Refusal(str(path), "", "", "the file is empty")
        except (ijson.JSONError, ValueError, EOFError, OSError) as error:
            reason = f"not readable as JSON after entity {number}: {error}"
            yield Refusal(str(path), f"after entity {number}", "", reason)


class _EmptyError(Exception):
    """The file holds nothing."""


def _open(path: Path) -> io.BufferedReader:
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    return io.BufferedReader(gzip.open(path, "rb")) if zipped else path.open("rb")


def _entities(stream: io.BufferedReader) -> Iterator[dict[str, Any]]:
    head = stream.peek(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise _EmptyError
    if stream.peek(3)[:3] == b"\xef\xbb\xbf":
        stream.read(3)
    if head.startswith(b"["):
        yield from ijson.items(stream, "item", use_float=True)
    else:
        yield from _objects(stream)


def _objects(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Entities of a single answer, a search page, or one JSON object a line."""
    for value in ijson.items(stream, "", multiple_values=True, use_float=True):
        embedded = value.get("_embedded") if isinstance(value, dict) else None
        if isinstance(embedded, dict):
            for members in embedded.values():
                yield from members
        elif isinstance(value, dict) and "page" in value and "organisasjonsnummer" not in value:
            continue  # a search that found nothing
        else:
            yield value


def read_entity(entity: Any, file: str, number: int) -> Item:
    """Turn one entity into a supplier."""
    where = f"entity {number}"
    if not isinstance(entity, dict):
        return Refusal(file, where, "", "not a JSON object", {"value": entity})
    organisation = str(entity.get("organisasjonsnummer") or "")
    name = _joined(entity.get("navn"))
    if not (len(organisation) == 9 and organisation.isdigit()):
        reason = f"{organisation!r} is no organisation number (nine digits)"
        return Refusal(file, where, "organisasjonsnummer", reason, entity)
    where = organisation
    if entity.get("slettedato"):
        return SetAside(file, where, "deleted from the register")
    if entity.get("konkurs"):
        return SetAside(file, where, "bankrupt")
    if entity.get("underAvvikling") or entity.get("underTvangsavviklingEllerTvangsopplosning"):
        return SetAside(file, where, "being wound up")
    if not name:
        return Refusal(file, where, "navn", "the entity has no name", entity)
    address = entity.get("forretningsadresse") or entity.get("beliggenhetsadresse") or {}
    codes = [entity.get(f"naeringskode{n}") or {} for n in (1, 2, 3)]
    try:
        nace = tuple(dict.fromkeys(normalise_nace(c["kode"]) for c in codes if c.get("kode")))
        return Supplier(
            id=f"NO-{organisation}",
            name=name,
            texts=(Text(lang=_language(entity), body=_body(entity, codes)),),
            country=str(address.get("landkode") or "NO"),
            region=_county(str(address.get("kommunenummer") or "")),
            municipality=str(address.get("kommune") or "").title(),
            organisation_number=organisation,
            nace=nace,
            employees=_employees(entity),
            founded=_year(entity.get("stiftelsesdato")),
            url=_joined(entity.get("hjemmeside")),
            source="brreg",
            source_id=organisation,
        )
    except ValidationError as error:
        first = error.errors()[0]
        return Refusal(file, where, ".".join(map(str, first["loc"])), first["msg"], entity)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return Refusal(file, where, "", str(error), entity)


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
    return " ".join(" ".join(str(f) for f in fragments if f).split())


def _language(entity: dict[str, Any]) -> str:
    return _LANGUAGE_OF_FORM.get(str(entity.get("maalform") or "").casefold(), "und")


def _employees(entity: dict[str, Any]) -> int | None:
    """Number of employees; unknown unless the register says that it was reported."""
    if entity.get("harRegistrertAntallAnsatte") is False:
        return None
    count = entity.get("antallAnsatte")
    return int(count) if count is not None else None


def _year(day: Any) -> int | None:
    return int(str(day)[:4]) if day and str(day)[:4].isdigit() else None


# The first two digits of a municipality's number, as of 2024.
_COUNTIES = {
    "03": "Oslo", "11": "Rogaland", "15": "Møre og Romsdal", "18": "Nordland",
    "31": "Østfold", "32": "Akershus", "33": "Buskerud", "34": "Innlandet",
    "39": "Vestfold", "40": "Telemark", "42": "Agder", "46": "Vestland",
    "50": "Trøndelag", "55": "Troms", "56": "Finnmark", "21": "Svalbard",
}  # fmt: skip


def _county(municipality_number: str) -> str:
    return _COUNTIES.get(municipality_number[:2], "")
