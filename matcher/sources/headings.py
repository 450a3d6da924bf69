"""What the columns of other people's tables are called, in the supported languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from matcher.errors import InputError
from matcher.languages import LANGUAGES
from matcher.records import Kind

# Field -> headings, folded as by `fold`. Our own field names come first.
HEADINGS: dict[str, str] = {
    "id": "id, supplier id, need id, leverandørnr, leverandørnummer, leverantörsnummer, "
    "behovsid, tunniste, kennung, nr, nummer, auðkenni",
    "name": "name, navn, namn, nimi, nafn, firma, firmanavn, company, company name, supplier, "
    "leverandør, leverandørnavn, leverantör, leverantörsnamn, foretak, foretaksnavn, føretak, "
    "företag, företagsnamn, virksomhed, virksomhedsnavn, bedrift, bedriftsnavn, yritys, "
    "yrityksen nimi, toimittaja, fyrirtæki, heiti, unternehmen, firmenname, anbieter",
    "title": "title, tittel, titel, otsikko, titill, überskrift, heading, overskrift, rubrik, "
    "need title, behov, behovstittel",
    "text": "text, description, beskrivelse, beskrivning, kuvaus, lýsing, beschreibung, tekst, "
    "profile, profil, about, om oss, om bedriften, om virksomheten, virksomhet, verksamhet, "
    "aktivitet, toimiala kuvaus, esittely, leistungen, tjenester, tjänster, ydelser, palvelut, "
    "þjónusta, services, offer, tilbud, need, need description, behovsbeskrivelse, starfsemi, "
    "verksamhetsbeskrivning, virksomhedsbeskrivelse, teksti, texti, kompetanse, skildring",
    "lang": "lang, language, språk, sprog, kieli, tungumál, sprache, mål, målform",
    "country": "country, land, maa, country code, landkode, landskod, landekode, staat, ríki",
    "region": "region, fylke, län, landskap, maakunta, landshluti, bundesland, county, regionen, "
    "landsdel, nuts",
    "municipality": "municipality, kommune, kommun, kunta, sveitarfélag, gemeinde, city, by, "
    "poststed, ort, kaupunki, postort, sted, staður",
    "cpv": "cpv, cpv code, cpv codes, cpv kode, cpv koder, cpv kod, cpv koodi, cpv koodit, "
    "cpv númer",
    "nace": "nace, nace code, næringskode, næringskoder, naeringskode, bransjekode, branchekode, "
    "sni, sni kod, toimialakoodi, tol, isat, wz, wz code, branche, bransje, atvinnugrein",
    "employees": "employees, ansatte, antall ansatte, tilsette, anställda, antal anställda, "
    "medarbejdere, antal ansatte, henkilöstö, henkilöstömäärä, starfsmenn, fjöldi starfsmanna, "
    "mitarbeiter, beschäftigte, number of employees, headcount",
    "founded": "founded, stiftet, etablert, grundat, grundad, etableret, perustettu, stofnað, "
    "gegründet, stiftelsesår, startår, year founded",
    "url": "url, website, web, hjemmeside, nettside, nettsted, heimeside, hemsida, webbplats, "
    "kotisivu, verkkosivu, vefsíða, webseite, homepage, lenke, link, länk, internet",
    "organisation_number": "organisation number, orgnr, org nr, organisasjonsnummer, org nummer, "
    "organisationsnummer, cvr, cvr nr, cvr nummer, y tunnus, kennitala, handelsregister, vat, "
    "organization number, company number, ustnr",
    "contact_name": "contact, contact name, contact person, kontaktperson, kontakt, "
    "yhteyshenkilö, tengiliður, ansprechpartner",
    "email": "email, e mail, epost, e post, mail, sähköposti, netfang, tölvupóstur, e postadresse",
    "phone": "phone, telefon, tlf, telephone, puhelin, sími, mobil, telefonnummer",
    "buyers": "buyers, buyer, oppdragsgiver, oppdragsgivar, kjøper, innkjøper, köpare, "
    "upphandlande myndighet, beställare, ordregiver, indkøber, hankintayksikkö, ostaja, tilaaja, "
    "kaupandi, auftraggeber, vergabestelle, contracting authority",
    "procedure": "procedure, prosedyre, förfarande, procedureform, menettely, verfahren",
    "published": "published, publisert, kunngjort, publicerad, offentliggjort, julkaistu, birt, "
    "veröffentlicht, publication date, dato, date, datum",
    "deadline": "deadline, frist, svarfrist, sista dag, määräaika, skilafrestur",
    "value": "value, verdi, estimert verdi, värde, værdi, arvo, wert, estimated value, beløp",
    "currency": "currency, valuta, valuutta, gjaldmiðill, währung",
    "notice_type": "notice type, kunngjøringstype",
    "texts": "texts",
    "parts": "parts, lots",
}

_BY_HEADING = {
    heading.strip(): field
    for field, headings in HEADINGS.items()
    for heading in headings.split(",")
}
_NEED_FIELDS = {"buyers", "procedure", "deadline"}
_SUPPLIER_FIELDS = {"name", "nace", "employees", "organisation_number", "founded"}


def fold(heading: str) -> str:
    """Fold a heading: lower case, words parted by single spaces, no punctuation."""
    return " ".join(re.findall(r"[^\W_]+", heading.casefold()))


def guess_columns(headings: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """Map headings to fields.

    ``text_sv`` and ``Beskrivelse (en)`` become ``text:sv`` and ``text:en``. Headings that begin
    with an underscore are ours, from a file of refused records, and are left out.

    Args:
        headings: As they stand in the table.
        given: Field -> heading, named by the user; wins over any guess.

    Raises:
        InputError: A field or heading named by the user does not exist.
    """
    for field, heading in given.items():
        if field.partition(":")[0] not in HEADINGS:
            raise InputError(f"no field {field!r}: one of {', '.join(HEADINGS)}")
        if heading not in headings:
            raise InputError(f"no column {heading!r}: the table has {', '.join(sorted(headings))}")
    mapping = {heading: field for field, heading in given.items()}
    for heading in headings:
        if heading in mapping or heading.startswith("_"):
            continue
        folded = fold(heading)
        found = _BY_HEADING.get(folded)
        if found is None:
            base, _, last = folded.rpartition(" ")
            if last in (*LANGUAGES, "no") and _BY_HEADING.get(base) in ("title", "text"):
                found = f"{_BY_HEADING[base]}:{'nb' if last == 'no' else last}"
        if found and found not in given:
            mapping[heading] = found
    return mapping


def guess_kind(fields: Iterable[str]) -> Kind:
    """Guess from the fields found whether rows are needs or suppliers."""
    found = set(fields)
    needs = len(found & _NEED_FIELDS) + ("title" in found and "name" not in found)
    return Kind.NEED if needs > len(found & _SUPPLIER_FIELDS) else Kind.SUPPLIER
