import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from matcher.records import Supplier
from matcher.sources.base import Item, Refusal, SetAside
from matcher.sources.bolagsverket import read_bolagsverket
from matcher.sources.brreg import read_brreg
from matcher.sources.cvr import read_cvr
from matcher.sources.prh import read_prh

NOW, THEN = {"gyldigFra": "2020-01-01", "gyldigTil": None}, {
    "gyldigFra": "2001-01-01", "gyldigTil": "2019-12-31"
}  # fmt: skip


def read(
    tmp_path: Path, reader: Callable[[list[Path]], Iterator[Item]], content: Any
) -> list[Item]:
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    return list(reader([tmp_path]))


def cvr(**more: Any) -> dict[str, Any]:
    company = {
        "cvrNummer": 10150817,
        "reklamebeskyttet": True,
        "navne": [{"navn": "Gammelt A/S", "periode": THEN}, {"navn": "Færger A/S", "periode": NOW}],
        "hovedbranche": [
            {"branchekode": "501000", "branchetekst": "Sø- og kysttransport", "periode": NOW}
        ],
        "attributter": [
            {"type": "FORMÅL", "vaerdier": [{"vaerdi": "Drive færger", "periode": NOW}]}
        ],
        "aarsbeskaeftigelse": [{"aar": 2024, "intervalKodeAntalAnsatte": "ANTAL_50_99"}],
        "beliggenhedsadresse": [
            {"landekode": "DK", "kommune": {"kommuneNavn": "AARHUS"}, "periode": NOW}
        ],
        "virksomhedsform": [{"kortBeskrivelse": "A/S", "periode": NOW}],
        "livsforloeb": [{"periode": NOW}],
        "virksomhedMetadata": {"sammensatStatus": "NORMAL"},
        **more,
    }  # fmt: skip
    return {"_source": {"Vrvirksomhed": company}}


def test_cvr_takes_what_is_in_force(tmp_path: Path) -> None:
    (found,) = read(tmp_path, read_cvr, {"hits": {"hits": [cvr()]}})
    assert isinstance(found, Supplier)
    assert (found.id, found.name, found.country) == ("DK-10150817", "Færger A/S", "DK")
    assert (found.texts[0].lang, found.texts[0].body) == (
        "da", "Drive færger. Sø- og kysttransport."
    )  # fmt: skip
    assert (found.nace, found.size, found.employees) == (("50.10",), "medium", None)
    assert (found.no_advertising, found.personal_data, found.municipality) == (
        True, False, "Aarhus"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "reason"),
    [("UNDERKONKURS", "bankrupt"), ("OPLØSTEFTERKONKURS", "bankrupt"),
     ("UNDERLIKVIDATION", "being wound up"), ("OPHØRT", "deleted from the register")],
)  # fmt: skip
def test_cvr_tells_apart_what_is_no_more(tmp_path: Path, state: str, reason: str) -> None:
    (found,) = read(tmp_path, read_cvr, [cvr(virksomhedMetadata={"sammensatStatus": state})])
    assert isinstance(found, SetAside)
    assert (found.reason, found.removes) == (reason, "DK-10150817")


def test_cvr_flags_sole_traders_and_refuses_wrong_numbers(tmp_path: Path) -> None:
    form = [{"kortBeskrivelse": "ENK", "periode": NOW}]
    good, bad = read(tmp_path, read_cvr, [cvr(virksomhedsform=form), cvr(cvrNummer=10150818)])
    assert isinstance(good, Supplier)
    assert good.personal_data
    assert isinstance(bad, Refusal)
    assert "check digit" in bad.reason


def finnish(**more: Any) -> dict[str, Any]:
    return {
        "businessId": {"value": "0112038-9", "registrationDate": "1990-02-03"},
        "names": [{"name": "Vanha Oy", "type": "1", "registrationDate": "1990-01-01",
                   "endDate": "2000-01-01"},
                  {"name": "Lautta Oy", "type": "1", "registrationDate": "2000-01-01"}],
        "mainBusinessLine": {"type": "50100", "descriptions": [
            {"languageCode": "1", "description": "Meriliikenteen henkilökuljetus"},
            {"languageCode": "2", "description": "Persontrafik till sjöss"},
            {"languageCode": "3", "description": "Sea passenger transport"}]},
        "companyForms": [{"type": "16", "descriptions": [
            {"languageCode": "1", "description": "Osakeyhtiö"}]}],
        "website": {"url": "www.lautta.example"},
        "addresses": [{"postOffices": [{"city": "TURKU", "languageCode": "1"},
                                       {"city": "ÅBO", "languageCode": "2"}]}],
        **more,
    }  # fmt: skip


def test_prh_gives_a_text_in_each_language(tmp_path: Path) -> None:
    (found,) = read(tmp_path, read_prh, {"companies": [finnish()], "totalResults": 1})
    assert isinstance(found, Supplier)
    assert (found.id, found.name, found.municipality) == ("FI-0112038-9", "Lautta Oy", "Turku")
    assert [t.lang for t in found.texts] == ["fi", "sv", "en"]
    assert (found.nace, found.founded, found.legal_form) == (("50.10",), 1990, "Osakeyhtiö")
    trader = [{"descriptions": [{"languageCode": "1",
                                 "description": "Yksityinen elinkeinonharjoittaja"}]}]  # fmt: skip
    person, gone, broke = read(
        tmp_path, read_prh,
        [finnish(companyForms=trader), finnish(endDate="2020-01-01"),
         finnish(companySituations=[{"type": "KONK"}])],
    )  # fmt: skip
    assert isinstance(person, Supplier)
    assert person.personal_data
    assert isinstance(gone, SetAside)
    assert isinstance(broke, SetAside)
    assert (gone.reason, broke.reason) == ("deleted from the register", "bankrupt")


def swedish(number: str = "5560160680", **more: Any) -> dict[str, Any]:
    return {
        "organisationsidentitet": {"identitetsbeteckning": number},
        "organisationsnamn": {"organisationsnamnLista": [
            {"namn": "Färja i Väst", "organisationsnamntyp": {"kod": "SARSKILT"}},
            {"namn": "Färja AB", "organisationsnamntyp": {"kod": "FORETAGSNAMN"}}]},
        "organisationsform": {"kod": "AB"},
        "naringsgrenOrganisation": {"sni": [{"kod": "50101", "klartext": "Kusttrafik"}]},
        "verksamhetsbeskrivning": {"beskrivning": "Vi kör färjor"},
        "reklamsparr": {"kod": "JA"},
        **more,
    }  # fmt: skip


def test_bolagsverket_and_its_persons(tmp_path: Path) -> None:
    proceeding = "pagaendeAvvecklingsEllerOmstruktureringsforfarande"
    items = read(
        tmp_path, read_bolagsverket,
        {"organisationer": [
            swedish(), swedish("198112189876"), swedish("5560160681"),
            swedish(**{proceeding: {f"{proceeding}Lista": [{"kod": "KK"}]}}),
            swedish(avregistreradOrganisation={"avregistreringsdatum": "2020-01-01"}),
        ]},
    )  # fmt: skip
    found, person, wrong, broke, gone = items
    assert isinstance(found, Supplier)
    assert (found.id, found.name, found.nace) == ("SE-5560160680", "Färja AB", ("50.10",))
    assert found.no_advertising
    assert isinstance(person, SetAside)
    assert "198112189876" not in str(person)
    assert isinstance(wrong, Refusal)
    assert "5560160681" not in wrong.reason
    assert isinstance(broke, SetAside)
    assert isinstance(gone, SetAside)
    assert (broke.reason, gone.reason) == ("bankrupt", "deleted from the register")


def test_brreg_flags_sole_traders_and_takes_out_what_is_no_more(tmp_path: Path) -> None:
    entity = {"organisasjonsnummer": "999601391", "navn": "Kari Fjord", "antallAnsatte": 60}
    person, gone = read(
        tmp_path, read_brreg,
        [{**entity, "organisasjonsform": {"kode": "ENK"}}, {**entity, "konkurs": True}],
    )  # fmt: skip
    assert isinstance(person, Supplier)
    assert (person.personal_data, person.size, person.legal_form) == (True, "medium", "ENK")
    assert isinstance(gone, SetAside)
    assert (gone.reason, gone.removes) == ("bankrupt", "NO-999601391")


def test_brreg_forgives_what_a_field_should_not_hold(tmp_path: Path) -> None:
    odd, foreign = read(
        tmp_path, read_brreg,
        [{"organisasjonsnummer": "999601391", "navn": "Fjord\0 AS", "antallAnsatte": -1,
          "stiftelsesdato": "0000-00-00", "naeringskode1": "50.100", "organisasjonsform": "AS",
          "forretningsadresse": ["Fjordvegen 1"]},
         {"organisasjonsnummer": "974760673", "navn": "Rio NUF", "antallAnsatte": "7",
          "forretningsadresse": {"landkode": "BRA"}}],
    )  # fmt: skip
    assert isinstance(odd, Supplier)
    assert (odd.name, odd.employees, odd.founded, odd.country) == ("Fjord AS", None, None, "NO")
    assert isinstance(foreign, Supplier)
    assert (foreign.country, foreign.employees) == ("BR", 7)


def test_a_file_of_another_kind_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("<a/>", encoding="utf-8")
    (refused,) = read_brreg([tmp_path / "a.json"])
    assert isinstance(refused, Refusal)
    assert "\n" not in refused.reason
    assert not refused.record
