"""What the readers of company registers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matcher.codes import find_organisation_number, normalise_nace
from matcher.sources.base import Item, Refusal, Remark, SetAside
from matcher.sources.jsonfiles import read_json
from matcher.sources.values import text_of

Read = Callable[[dict[str, Any], str, str], Iterator[Item]]


def read_register(paths: list[Path], arrays: tuple[str, ...], read: Read) -> Iterator[Item]:
    """Read a register's JSON files, each entity by ``read(entity, file, place)``."""
    for found in read_json(paths, arrays):
        if isinstance(found, Refusal):
            yield found
        else:
            yield from read_one(found.value, found.file, found.place, read)


def read_one(value: Any, file: str, place: str, read: Read) -> Iterator[Item]:
    """Read one entity; what it holds beyond all expectation becomes a refusal."""
    if not isinstance(value, dict):
        yield Refusal(file, place, "", "not a JSON object", {"value": value})
        return
    try:
        yield from list(read(value, file, place))
    except ValidationError as error:
        first = error.errors()[0]
        yield Refusal(file, place, ".".join(map(str, first["loc"])), first["msg"], value)


def checked_number(
    text: str, country: str, field: str, entity: dict[str, Any], file: str, place: str
) -> tuple[str, Refusal | None]:
    """Return an organisation number in the register's form, or the refusal of what is none."""
    found = find_organisation_number(text, country)
    if found is None:
        reason = f"{text!r} is no organisation number of {country} (check digit)"
        return "", Refusal(file, text or place, field, reason, entity)
    return found.number, None


def nace_of(
    codes: list[Any], file: str, record: str, field: str, remarks: list[Remark]
) -> tuple[str, ...]:
    """Return codes at the European level, each once; what is none is remarked on."""
    found = []
    for code in filter(None, map(text_of, codes)):
        try:
            found.append(normalise_nace(code))
        except ValueError as error:
            remarks.append(Remark(file, record, field, str(error)))
    return tuple(dict.fromkeys(found))


def sentences(*texts: str) -> str:
    """Join texts, each ended as a sentence, each once."""
    kept = dict.fromkeys(filter(None, texts))
    return " ".join(t if t.endswith((".", "!", "?")) else f"{t}." for t in kept)


def gone(file: str, record: str, reason: str, supplier: str) -> SetAside:
    """Set aside a company that is no more, and take it out if it is held."""
    return SetAside(file, record, reason, removes=supplier)
