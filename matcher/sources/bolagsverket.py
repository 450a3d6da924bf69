"""Sweden's company register, Bolagsverket: answers of its data API for high-value datasets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matcher.codes import find_organisation_number
from matcher.records import Supplier, Text
from matcher.sources.base import Item, Refusal, Remark
from matcher.sources.register import gone, nace_of, read_register, sentences
from matcher.sources.values import at, dicts, text_at, text_of

ARRAYS = ("organisationer",)
_PROCEEDINGS = (
    "pagaendeAvvecklingsEllerOmstruktureringsforfarande",
    "pagaendeAvvecklingsOchRekonstruktionsforfarande",
)
_SOLE_TRADERS = {"E", "EF", "ENK"}


def read_bolagsverket(paths: list[Path]) -> Iterator[Item]:
    """Read organisations.

    Yields:
        A supplier per active organisation; bankrupt and deregistered ones set aside; refusals
        for what cannot be used.
    """
    yield from read_register(paths, ARRAYS, read_organisation)


def read_organisation(organisation: dict[str, Any], file: str, place: str) -> Iterator[Item]:
    """Read one organisation.

    A sole trader's number is a person's identity number, which must not be kept: the whole
    record is set aside, for without a number it could never be updated or taken out.
    """
    given = text_at(organisation, "organisationsidentitet", "identitetsbeteckning")
    found = find_organisation_number(given, "SE")
    if found is None:
        # Not named in the reason: it may be a person's number with a slip of the pen.
        reason = "identitetsbeteckning is no organisation number (check digit)"
        yield Refusal(file, place, "organisationsidentitet", reason, organisation)
        return
    if found.personal:
        reason = "sole trader, known by a person's identity number"
        yield gone(file, place, reason, "")
        return
    if reason := _gone(organisation):
        yield gone(file, found.number, reason, f"SE-{found.number}")
        return
    name = _name(organisation)
    if not name:
        yield Refusal(file, found.number, "organisationsnamn", "it has no name", organisation)
        return
    remarks: list[Remark] = []
    sni = dicts(at(organisation, "naringsgrenOrganisation", "sni"))
    form = text_at(organisation, "organisationsform", "kod")
    described = text_at(organisation, "verksamhetsbeskrivning", "beskrivning") or text_at(
        organisation, "verksamhetsbeskrivning", "verksamhetsbeskrivning"
    )
    names = [text_at(c, "klartext") for c in sni]
    founded = text_at(organisation, "organisationsdatum", "registreringsdatum")
    yield Supplier(
        id=f"SE-{found.number}",
        name=name,
        texts=(Text(lang="sv", body=sentences(described, *names)),),
        country="SE",
        municipality=text_at(
            organisation, "postadressOrganisation", "postadress", "postort"
        ).title(),
        organisation_number=found.number,
        nace=nace_of([c.get("kod") for c in sni], file, found.number, "sni", remarks),
        founded=int(founded[:4]) if founded[:4].isdigit() and int(founded[:4]) >= 1000 else None,
        legal_form=form[:50],
        personal_data=form in _SOLE_TRADERS,
        no_advertising=text_at(organisation, "reklamsparr", "kod").upper() == "JA",
        source="bolagsverket",
        source_id=found.number,
    )
    yield from remarks


def _gone(organisation: dict[str, Any]) -> str:
    kinds = {
        text_of(p.get("kod")).upper()
        for key in _PROCEEDINGS
        for p in dicts(at(organisation, key, f"{key}Lista"))
    }
    if "KK" in kinds:
        return "bankrupt"
    if "LI" in kinds:
        return "being wound up"
    if text_at(organisation, "avregistreradOrganisation", "avregistreringsdatum"):
        why = text_at(organisation, "avregistreringsorsak", "kod").upper()
        return "bankrupt" if why.startswith("KK") else "deleted from the register"
    return ""


def _name(organisation: dict[str, Any]) -> str:
    names = dicts(at(organisation, "organisationsnamn", "organisationsnamnLista"))
    company = [n for n in names if text_at(n, "organisationsnamntyp", "kod") == "FORETAGSNAMN"]
    return text_of((company or names or [{}])[0].get("namn"))
