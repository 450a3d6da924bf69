"""Denmark's company register, CVR: answers and dumps of its Elasticsearch index (JSON).

Everything is bitemporal: of each list the entry counts whose period has no end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matcher.codes import size_class
from matcher.records import Supplier, Text
from matcher.sources.base import Item, Refusal, Remark
from matcher.sources.register import (
    checked_number,
    gone,
    nace_of,
    read_one,
    read_register,
    sentences,
)
from matcher.sources.values import (
    as_dict,
    as_list,
    at,
    country_at,
    dicts,
    number_at,
    text_at,
    text_of,
)

ARRAYS = ("hits", "hits.hits")
_STATES = (
    ("konkurs", "bankrupt"),
    ("likvidation", "being wound up"),
    ("opløsning", "being wound up"),
    ("tvangsopl", "being wound up"),
    ("ophørt", "deleted from the register"),
    ("opløst", "deleted from the register"),
    ("slettet", "deleted from the register"),
)
_LINES = ("hovedbranche", "bibranche1", "bibranche2", "bibranche3")
_SOLE_TRADERS = {"ENK", "PMV"}


def read_cvr(paths: list[Path]) -> Iterator[Item]:
    """Read companies.

    Yields:
        A supplier per active company; bankrupt, dissolved and closed ones set aside; refusals
        for what cannot be used.
    """
    yield from read_register(paths, ARRAYS, read_company)


def read_company(hit: dict[str, Any], file: str, place: str) -> Iterator[Item]:
    """Read one hit, or a page of them."""
    if isinstance(hit.get("hits"), list):
        for count, inner in enumerate(hit["hits"], start=1):
            yield from read_one(inner, file, f"hit {count}", read_company)
        return
    company = as_dict(at(hit, "_source", "Vrvirksomhed")) or as_dict(hit.get("Vrvirksomhed"))
    if not company:
        yield Refusal(file, place, "Vrvirksomhed", "not a company", hit)
        return
    digits = text_of(company.get("cvrNummer")).zfill(8)
    number, refusal = checked_number(digits, "DK", "cvrNummer", hit, file, place)
    if refusal:
        yield refusal
        return
    supplier = f"DK-{number}"
    if reason := _gone(company):
        yield gone(file, number, reason, supplier)
        return
    name = text_at(_current(company, "navne"), "navn") or text_at(
        company, "virksomhedMetadata", "nyesteNavn", "navn"
    )
    if not name:
        yield Refusal(file, number, "navne", "the company has no name", hit)
        return
    remarks: list[Remark] = []
    yield _supplier(company, number, name, file, remarks)
    yield from remarks


def _supplier(
    company: dict[str, Any], number: str, name: str, file: str, remarks: list[Remark]
) -> Supplier:
    lines = [
        _current(company, key) for key in ("hovedbranche", "bibranche1", "bibranche2", "bibranche3")
    ]
    address = _current(company, "beliggenhedsadresse")
    form = text_at(_current(company, "virksomhedsform"), "kortBeskrivelse")
    employees, size = _staff(company)
    purpose = next(
        (
            text_at(_latest(a.get("vaerdier")), "vaerdi")
            for a in dicts(company.get("attributter"))
            if text_of(a.get("type")).upper() in ("FORMÅL", "FORMAAL")
        ),
        "",
    )
    website = _current(company, "hjemmeside")
    return Supplier(
        id=f"DK-{number}",
        name=name,
        texts=(
            Text(lang="da", body=sentences(purpose, *(text_at(x, "branchetekst") for x in lines))),
        ),
        country=country_at(address, "landekode") or "DK",
        municipality=text_at(address, "kommune", "kommuneNavn").title(),
        organisation_number=number,
        nace=nace_of([x.get("branchekode") for x in lines], file, number, "hovedbranche", remarks),
        employees=employees,
        founded=_founded(company),
        url="" if website.get("hemmelig") else text_at(website, "kontaktoplysning"),
        legal_form=form[:50],
        size=size,
        personal_data=form in _SOLE_TRADERS,
        no_advertising=company.get("reklamebeskyttet") is True,
        source="cvr",
        source_id=number,
    )


def _gone(company: dict[str, Any]) -> str:
    state = text_at(company, "virksomhedMetadata", "sammensatStatus").casefold()
    for word, reason in _STATES:
        if word in state:
            return reason
    lives = dicts(company.get("livsforloeb"))
    ended = bool(lives) and all(text_at(x, "periode", "gyldigTil") for x in lives)
    return "deleted from the register" if ended else ""


def _current(company: dict[str, Any], key: str) -> dict[str, Any]:
    return _latest(company.get(key))


def _latest(value: Any) -> dict[str, Any]:
    """The entry in force: without an end, and of several the one that began last."""
    entries = dicts(value)
    open_ended = [e for e in entries if not text_at(e, "periode", "gyldigTil")]
    return max(open_ended, key=lambda e: text_at(e, "periode", "gyldigFra"), default={})


def _staff(company: dict[str, Any]) -> tuple[int | None, str]:
    """Employees of the newest year, and the size class, which an interval tells alone."""
    years = [
        *dicts(company.get("aarsbeskaeftigelse")),
        *dicts(company.get("erstMaanedsbeskaeftigelse")),
    ]
    newest = max(
        years, key=lambda y: (number_at(y, "aar") or 0, number_at(y, "maaned") or 0), default={}
    )
    count = number_at(newest, "antalAnsatte")
    if count is not None and 0 <= count < 10_000_000:
        return int(count), size_class(int(count))
    interval = re.search(r"ANTAL_(\d+)_", text_at(newest, "intervalKodeAntalAnsatte"))
    return None, size_class(int(interval[1])) if interval else ""


def _founded(company: dict[str, Any]) -> int | None:
    begun = [text_at(x, "periode", "gyldigFra") for x in as_list(company.get("livsforloeb"))]
    years = [int(b[:4]) for b in begun if b[:4].isdigit() and 1000 <= int(b[:4]) <= 2200]
    return min(years, default=None)
