"""Finland's business information system, YTJ (PRH), open data API version 3 (JSON).

It holds no text of purpose: what a company does is the name of its line of business, in
Finnish, Swedish and English.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matcher.records import Supplier, Text
from matcher.sources.base import Item, Refusal, Remark
from matcher.sources.register import checked_number, gone, nace_of, read_register, sentences
from matcher.sources.values import as_dict, dicts, text_at, text_of

ARRAYS = ("companies",)
_LANGUAGES = {"1": "fi", "2": "sv", "3": "en"}
_SITUATIONS = {"KONK": "bankrupt", "SELTILA": "being wound up"}
_SOLE_TRADER = "yksityinen elinkeinonharjoittaja"


def read_prh(paths: list[Path]) -> Iterator[Item]:
    """Read companies.

    Yields:
        A supplier per active company; bankrupt and closed ones set aside; refusals for what
        cannot be used.
    """
    yield from read_register(paths, ARRAYS, read_company)


def read_company(company: dict[str, Any], file: str, place: str) -> Iterator[Item]:
    """Read one company."""
    given = text_at(company, "businessId", "value") or text_of(company.get("businessId"))
    number, refusal = checked_number(given, "FI", "businessId", company, file, place)
    if refusal:
        yield refusal
        return
    supplier = f"FI-{number}"
    if reason := _gone(company):
        yield gone(file, number, reason, supplier)
        return
    names = _current(company.get("names"))
    name = next((text_of(n.get("name")) for n in names if text_of(n.get("type")) in ("1", "")), "")
    name = name or next((text_of(n.get("name")) for n in names), "")
    if not name:
        yield Refusal(file, number, "names", "the company has no name", company)
        return
    remarks: list[Remark] = []
    line = as_dict(company.get("mainBusinessLine"))
    form = _descriptions(_first(company.get("companyForms")))
    yield Supplier(
        id=supplier,
        name=name,
        texts=_texts(line),
        country="FI",
        municipality=_city(company),
        organisation_number=number,
        nace=nace_of([line.get("type")], file, number, "mainBusinessLine", remarks),
        founded=_year(
            text_of(company.get("registrationDate"))
            or text_at(company, "businessId", "registrationDate")
        ),
        url=text_at(company, "website", "url"),
        legal_form=form.get("fi", next(iter(form.values()), ""))[:50],
        personal_data=form.get("fi", "").casefold() == _SOLE_TRADER
        or form.get("en", "").casefold() in ("private trader", "private entrepreneur"),
        source="prh",
        source_id=number,
    )
    yield from remarks


def _current(value: Any) -> list[dict[str, Any]]:
    """Entries in force, the newest first."""
    held = [e for e in dicts(value) if not text_of(e.get("endDate"))]
    return sorted(held, key=lambda e: text_of(e.get("registrationDate")), reverse=True)


def _first(value: Any) -> dict[str, Any]:
    return next(iter(_current(value)), {})


def _gone(company: dict[str, Any]) -> str:
    for situation in _current(company.get("companySituations")):
        if reason := _SITUATIONS.get(text_of(situation.get("type")).upper()):
            return reason
    return "deleted from the register" if text_of(company.get("endDate")) else ""


def _descriptions(value: dict[str, Any]) -> dict[str, str]:
    """Names by language; the register numbers the languages."""
    return {
        _LANGUAGES.get(text_of(d.get("languageCode")), "und"): text_of(d.get("description"))
        for d in dicts(value.get("descriptions"))
        if text_of(d.get("description"))
    }


def _texts(line: dict[str, Any]) -> tuple[Text, ...]:
    named = _descriptions(line)
    texts = tuple(Text(lang=lang, body=sentences(name)) for lang, name in named.items())
    return texts or (Text(lang="fi"),)


def _city(company: dict[str, Any]) -> str:
    for address in dicts(company.get("addresses")):
        offices = dicts(address.get("postOffices"))
        finnish = [o for o in offices if text_of(o.get("languageCode")) in ("1", "")]
        if city := text_at((finnish or offices or [{}])[0], "city"):
            return city.title()
    return ""


def _year(day: str) -> int | None:
    return int(day[:4]) if day[:4].isdigit() and 1000 <= int(day[:4]) <= 2200 else None
