import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from matcher.records import Need, Procedure
from matcher.sources.base import Item, Refusal, Remark, SetAside
from matcher.sources.doffin import read_doffin
from matcher.sources.ocds import read_ocds
from matcher.sources.ted_api import read_ted_api
from tests.notices import doffin_hit, release, ted_hit

Read = Callable[[list[Path]], Iterator[Item]]


def read(tmp_path: Path, reader: Read, content: Any, name: str = "a.json") -> list[Item]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (tmp_path / name).write_bytes(data)
    return list(reader([tmp_path / name]))


def one_need(items: list[Item]) -> Need:
    (need,) = items
    assert isinstance(need, Need), need
    return need


# -- OCDS


def test_a_release_becomes_a_need_with_everything_it_says(tmp_path: Path) -> None:
    need = one_need(read(tmp_path, read_ocds, {"releases": [release()]}))
    assert (need.id, need.source_id, need.country) == ("ocds-x-1-tender", "r1", "GB")
    assert [(t.lang, t.title, t.body) for t in need.texts] == [
        ("en", "Electric ferry", "A ferry"), ("fr", "Bac électrique", "")
    ]  # fmt: skip
    assert [(b.name, b.lead, b.central_purchasing_body) for b in need.buyers] == [
        ("Fjord Council", True, False), ("Moor Council", False, False),
        ("Buying Agency", False, True),
    ]  # fmt: skip
    assert "Ann" not in need.model_dump_json().replace("announce", "")
    assert need.cpv == ("34512100", "50241000")
    assert [(p.id, p.cpv) for p in need.parts] == [("L1", ("50241000",)), ("L2", ())]
    assert (need.value, need.currency, need.deadline) == (1000, "GBP", date(2026, 3, 1))
    assert need.earlier_notices == ("ocds-x-1-planning",)


def test_a_records_releases_are_read_as_one(tmp_path: Path) -> None:
    """A later release may tell only what is new: here who won."""
    award = {
        "ocid": "ocds-x-1", "id": "r2", "date": "2027-01-01T00:00:00Z", "tag": ["award"],
        "awards": [{"id": "a", "suppliers": [{"id": "s", "name": "Ferry Ltd"}]}],
    }  # fmt: skip
    record = {"ocid": "ocds-x-1", "releases": [award, release()]}
    (item,) = read(tmp_path, read_ocds, {"records": [record]})
    assert isinstance(item, SetAside)
    assert item.history is not None
    assert (item.history.title, item.history.cpv[:1]) == ("Electric ferry", ("34512100",))
    assert [a.name for a in item.history.awards] == ["Ferry Ltd"]


@pytest.mark.parametrize("wrap", ["records", "versioned", "lines", "list", "bare"])
def test_every_packaging_gives_the_same_need(tmp_path: Path, wrap: str) -> None:
    plain = one_need(read(tmp_path, read_ocds, release()))
    versioned = {
        "ocid": "ocds-x-1",
        **{
            k: [{"releaseDate": d, "releaseID": d, "value": v} for d, v in (("1", "old"), ("2", v))]
            for k, v in release().items()
            if k != "ocid"
        },
    }
    content: Any = {
        "records": {"records": [{"ocid": "ocds-x-1", "compiledRelease": release()}]},
        "versioned": {"records": [{"ocid": "ocds-x-1", "versionedRelease": versioned}]},
        "lines": json.dumps(release()).encode(),
        "list": [release()],
        "bare": release(),
    }[wrap]
    name = "a.jsonl" if wrap == "lines" else "a.json"
    assert one_need(read(tmp_path, read_ocds, content, name)) == plain


def test_planning_with_engagement_is_a_dialogue(tmp_path: Path) -> None:
    milestone = {"type": "engagement", "dueDate": "2026-02-20T00:00:00Z"}
    planned = release(tag=["planning"], planning={"milestones": [milestone], "rationale": "Why"})
    need = one_need(read(tmp_path, read_ocds, planned))
    assert (need.id, need.procedure) == ("ocds-x-1-planning", Procedure.OPEN_DIALOGUE)
    assert need.deadline == date(2026, 2, 20)
    assert need.texts[0].body == "A ferry\nWhy"


def test_awards_and_cancellations_are_set_aside(tmp_path: Path) -> None:
    supplier = {"id": "S1", "name": "Boats Ltd"}
    awards = [{"suppliers": [supplier], "value": {"amount": 5}}, {"status": "cancelled"}]
    (item,) = read(tmp_path, read_ocds, release(tag=["award"], awards=awards))
    assert isinstance(item, SetAside)
    assert item.history is not None
    assert [(a.name, a.value) for a in item.history.awards] == [("Boats Ltd", 5)]
    (item,) = read(tmp_path, read_ocds, release(tag=["tenderCancellation"]))
    assert isinstance(item, SetAside)
    assert item.removes == "ocds-x-1-tender"
    linked = {"records": [{"ocid": "x", "releases": [{"url": "https://a.example/1"}]}]}
    (item,) = read(tmp_path, read_ocds, linked)
    assert isinstance(item, SetAside)


def test_codes_as_numbers_and_wrong_ones(tmp_path: Path) -> None:
    codes = [("CPV", 34512100.0), ("CPV", "99999999"), ("UNSPSC", "1")]
    items = [{"classification": {"scheme": scheme, "id": code}} for scheme, code in codes]
    tender = {"title": "x", "items": items}
    need, remark = read(tmp_path, read_ocds, release(tender=tender))
    assert isinstance(need, Need)
    assert need.cpv == ("34512100",)
    assert isinstance(remark, Remark)
    assert "99999999" in str(remark)


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{}", b'{"releases": "x"}', b"[" * 100_000, b'{"ocid": {}}',
                b'{"releases": [{"ocid": "a", "tag": ["tender"]}]}']
)  # fmt: skip
def test_what_is_no_release_is_refused(tmp_path: Path, content: bytes) -> None:
    items = read(tmp_path, read_ocds, content)
    assert items
    assert all(isinstance(i, Refusal) for i in items)


def test_a_package_that_breaks_off_gives_what_stands_before(tmp_path: Path) -> None:
    whole = json.dumps({"releases": [release(ocid=f"o{n}") for n in range(3)]}).encode()
    items = read(tmp_path, read_ocds, whole[: int(len(whole) * 0.8)])
    assert [type(i) for i in items] == [Need, Need, Refusal]


# -- TED's API


def test_a_hit_of_ted_becomes_a_need(tmp_path: Path) -> None:
    need = one_need(read(tmp_path, read_ted_api, {"notices": [ted_hit()]}))
    assert (need.id, need.procedure) == ("123456-2026", Procedure.OPEN_DIALOGUE)
    assert [(t.lang, t.title) for t in need.texts] == [
        ("nb", "Utslippsfri ferge"), ("en", "Zero-emission ferry")
    ]  # fmt: skip
    assert need.texts[0].body == "Vi trenger en ferge"
    assert [(b.name, b.organisation_number, b.country) for b in need.buyers] == [
        ("Fjordvik kommune", "999601391", "NO"), ("Sund kommune", "981604032", "NO")
    ]  # fmt: skip
    assert need.cpv == ("34512100", "50241000")
    assert [(p.id, p.texts[0].title) for p in need.parts] == [
        ("LOT-0001", "Skrog"), ("LOT-0002", "Motor")
    ]  # fmt: skip
    assert (need.published, need.deadline) == (date(2026, 4, 1), date(2026, 5, 3))


def test_strings_where_lists_should_be_and_lists_where_strings_should(tmp_path: Path) -> None:
    odd = ted_hit(
        **{"buyer-name": {"nob": "Fjordvik kommune"}, "organisation-identifier-buyer": "999601391",
           "buyer-country": "NOR", "classification-cpv": "34512100",
           "notice-title": {"nob": ["Norge – Ferger – Ferge"]}, "form-type": ["consultation"],
           "identifier-lot": "LOT-0001", "title-lot": {"nob": "Skrog"},
           "deadline-receipt-tender-date-lot": "2026-05-01Z"}
    )  # fmt: skip
    need = one_need(read(tmp_path, read_ted_api, {"notices": [odd]}))
    assert (need.title, need.cpv, len(need.parts)) == ("Ferge", ("34512100",), 1)
    assert need.buyers[0].organisation_number == "999601391"


# -- Doffin


def test_a_hit_of_doffin_becomes_a_need(tmp_path: Path) -> None:
    need = one_need(read(tmp_path, read_doffin, {"hits": [doffin_hit()]}))
    assert (need.id, need.procedure) == ("doffin-2026-000001", Procedure.OPEN_DIALOGUE)
    assert need.buyers[0].organisation_number == "NO 999 601 391 MVA"
    assert (need.parts[0].texts[0].title, need.region) == ("Skrog", "NO0A2")
    assert (need.value, need.currency, need.deadline) == (1000, "NOK", date(2026, 5, 1))


def test_control_characters_inside_strings_are_no_obstacle(tmp_path: Path) -> None:
    raw = json.dumps({"hits": [doffin_hit(description="aXb")]}).replace("aXb", "a\x01\x0b\tb")
    need = one_need(read(tmp_path, read_doffin, raw.encode()))
    assert need.texts[0].body == "a\tb"


def test_results_and_unknown_types(tmp_path: Path) -> None:
    lots = [{"winner": [{"name": "Båt AS", "organizationId": "981604032"}]}]
    (item,) = read(tmp_path, read_doffin, [doffin_hit(type="RESULT", lots=lots)])
    assert isinstance(item, SetAside)
    assert item.history is not None
    assert item.history.awards[0].name == "Båt AS"
    need, remark = read(tmp_path, read_doffin, [doffin_hit(type="BRAND_NEW")])
    assert isinstance(need, Need)
    assert isinstance(remark, Remark)
    (item,) = read(tmp_path, read_doffin, [doffin_hit(status="CANCELLED")])
    assert isinstance(item, SetAside)
    assert item.removes == need.id
