import gzip
import json
import resource
from pathlib import Path
from typing import Any

import pytest

from matcher.records import Supplier
from matcher.sources.base import Item, Refusal, SetAside
from matcher.sources.brreg import read_brreg


def entity(number: str = "999999991", **more: Any) -> dict[str, Any]:
    return {
        "organisasjonsnummer": number,
        "navn": "FJORDFERJENE AS",
        "organisasjonsform": {"kode": "AS"},
        "hjemmeside": "www.fjordferjene.example",
        "forretningsadresse": {"kommune": "BERGEN", "kommunenummer": "4601", "landkode": "NO"},
        "naeringskode1": {"kode": "50.101", "beskrivelse": "Innenriks sjøtransport"},
        "antallAnsatte": 17,
        "harRegistrertAntallAnsatte": True,
        "stiftelsesdato": "2004-05-06",
        "maalform": "Nynorsk",
        "aktivitet": ["Drift av ferjer og", "hurtigbåtar på", "Vestlandet"],
        "vedtektsfestetFormaal": ["Selskapets formål er å eie aksjer"],
        **more,
    }


def read(tmp_path: Path, content: Any, name: str = "a.json") -> list[Item]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (tmp_path / name).write_bytes(data)
    return list(read_brreg([tmp_path]))


def test_an_entity_becomes_a_supplier(tmp_path: Path) -> None:
    (found,) = read(tmp_path, entity())
    assert isinstance(found, Supplier)
    assert (found.id, found.name) == ("NO-999999991", "FJORDFERJENE AS")
    body = "Drift av ferjer og hurtigbåtar på Vestlandet. Innenriks sjøtransport."
    assert (found.texts[0].lang, found.texts[0].body) == ("nn", body)
    assert (found.region, found.municipality, found.country) == ("Vestland", "Bergen", "NO")
    assert (found.nace, found.employees, found.founded) == (("50.10",), 17, 2004)


def test_a_count_that_was_not_reported_is_unknown_not_zero(tmp_path: Path) -> None:
    (found,) = read(tmp_path, entity(antallAnsatte=0, harRegistrertAntallAnsatte=False))
    assert isinstance(found, Supplier)
    assert found.employees is None


@pytest.mark.parametrize(
    "more", [{"slettedato": "2020-01-01"}, {"konkurs": True}, {"underAvvikling": True}]
)
def test_companies_that_are_no_more_are_set_aside(tmp_path: Path, more: dict[str, Any]) -> None:
    (found,) = read(tmp_path, entity(**more))
    assert isinstance(found, SetAside)


def test_single_page_bulk_lines_and_gzip_are_all_read(tmp_path: Path) -> None:
    two = [entity("999999991"), entity("999999992")]
    forms: dict[str, bytes] = {
        "page.json": json.dumps({"_embedded": {"enheter": two}, "page": {"size": 2}}).encode(),
        "bulk.json": json.dumps(two).encode(),
        "lines.jsonl": "\n".join(json.dumps(e) for e in two).encode(),
        "bulk.json.gz": gzip.compress(json.dumps(two).encode()),
    }
    for name, data in forms.items():
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        assert [type(i) for i in read(folder, data, name)] == [Supplier, Supplier], name


def test_an_empty_search_page_holds_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, {"page": {"size": 20, "totalElements": 0}, "_links": {}}) == []


def test_a_bulk_file_that_breaks_off_gives_what_stands_before(tmp_path: Path) -> None:
    whole = json.dumps([entity("999999991"), entity("999999992"), entity("999999993")])
    found = read(tmp_path, whole[: int(len(whole) * 0.8)].encode())
    assert [type(i) for i in found] == [Supplier, Supplier, Refusal]
    assert "after entity 2" in str(found[2])


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"{", "not readable"), (b"<html>", "not readable"), (b"\x1f\x8bxx", ""),
     (b"[1, 2]", "not a JSON object"), (json.dumps(entity("12")).encode(), "organisation number"),
     (json.dumps(entity(navn="")).encode(), "no name")],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    found = read(tmp_path, content)
    assert found
    assert all(isinstance(i, Refusal) for i in found)
    assert reason in str(found[0])


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b"[1,"])
def test_a_file_of_brackets_is_no_bomb(tmp_path: Path, opening: bytes) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = read(tmp_path, opening * 200_000)
    assert isinstance(found[-1], Refusal)
    assert "deep" in found[-1].reason
    # Kilobytes; the paths of all its events would be tens of gigabytes.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used < 500_000
