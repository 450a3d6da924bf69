from datetime import date
from typing import Any

import pytest

from matcher.errors import ConflictError, NotFoundError
from matcher.records import Kind, Supplier, Text
from matcher.store import Store
from matcher.store.duplicates import (
    decide_merge,
    fold_name,
    fold_site,
    list_merges,
    suggest_merges,
    undo_merge,
)
from matcher.store.snapshot import decoder
from matcher.store.supplements import save_supplier_texts

pytestmark = pytest.mark.both_databases

NUMBER = "974760673"


def company(source: str, **more: Any) -> Supplier:
    values: dict[str, Any] = {
        "id": f"{source}-1",
        "name": "Fjordferjene AS",
        "texts": (Text(lang="nb", body=f"Tekst fra {source}"),),
        "country": "NO",
        "source": source,
        "municipality": "Bergen",
        **more,
    }
    return Supplier(**values)


def listed(store: Store) -> list[str]:
    return [s.id for s in store.iterate(Kind.SUPPLIER)]


def test_the_same_number_from_two_feeds_is_one_company(store: Store) -> None:
    store.save([company("table", organisation_number=NUMBER, url="fjord.example")])
    result = store.save([company("brreg", organisation_number=NUMBER, nace=("50.10",))])
    assert (result.new, result.merged) == (1, 1)
    assert listed(store) == ["brreg-1"]
    assert store.count(Kind.SUPPLIER) == 1
    found = store.supplier("brreg-1")
    assert [t.body for t in found.texts] == ["Tekst fra brreg", "Tekst fra table"]
    assert (found.url, found.nace) == ("fjord.example", ("50.10",))
    with pytest.raises(NotFoundError):
        store.supplier("table-1")
    # Each feed goes on updating its own row.
    store.save([company("table", organisation_number=NUMBER, texts=(Text(body="Ny tekst"),))])
    assert [t.body for t in store.supplier("brreg-1").texts][1] == "Ny tekst"
    assert listed(store) == ["brreg-1"]


def test_a_merge_can_be_undone_and_is_not_made_again(store: Store) -> None:
    store.save([company("table", organisation_number=NUMBER)])
    store.save([company("brreg", organisation_number=NUMBER)])
    before = store.last_change()
    (pair,) = list_merges(store, "merged")
    assert NUMBER in pair.reason
    assert undo_merge(store, pair.id).state == "undone"
    assert listed(store) == ["brreg-1", "table-1"]
    assert len(store.supplier("brreg-1").texts) == 1
    assert store.last_change() > before
    store.save([company("brreg", organisation_number=NUMBER, url="new.example")])
    assert listed(store) == ["brreg-1", "table-1"]
    with pytest.raises(ConflictError):
        undo_merge(store, pair.id)


def test_one_id_for_one_company_in_two_feeds_is_no_conflict(store: Store) -> None:
    store.save([company("table", id="NO-1", organisation_number=NUMBER)])
    result = store.save([company("brreg", id="NO-1", organisation_number=NUMBER)])
    assert (result.taken, result.merged) == ([], 1)
    assert len(listed(store)) == 1
    again = store.save([company("brreg", id="NO-1", organisation_number=NUMBER)])
    assert again.unchanged == 1


@pytest.mark.parametrize("number", ["", "974760674", "N/A"])
def test_without_a_valid_number_nothing_is_merged_by_it(store: Store, number: str) -> None:
    store.save([company("table", organisation_number=number)])
    store.save([company("brreg", organisation_number=number)])
    assert len(listed(store)) == 2


def test_name_with_place_or_site_only_suggests(store: Store) -> None:
    store.save([
        company("brreg"), company("table", name="FJORDFERJENE", url="https://www.fjord.example/a"),
        company("cvr", municipality="Aarhus", country="DK"),
        company("prh", municipality="Oslo", id="far"),
    ])  # fmt: skip
    assert suggest_merges(store) == 1
    assert suggest_merges(store) == 0
    (pair,) = list_merges(store)
    assert (pair.kept_id, pair.merged_id) == ("brreg-1", "table-1")
    assert "Bergen" in pair.reason
    assert len(listed(store)) == 4
    decide_merge(store, pair.id, accept=True)
    assert "table-1" not in listed(store)
    with pytest.raises(ConflictError):
        decide_merge(store, pair.id, accept=True)
    undo_merge(store, pair.id)
    assert suggest_merges(store) == 0
    decide_merge(store, pair.id, accept=False)
    assert suggest_merges(store) == 0
    with pytest.raises(NotFoundError):
        undo_merge(store, 999)


def test_different_valid_numbers_speak_against_it(store: Store) -> None:
    store.save([company("brreg", organisation_number=NUMBER)])
    store.save([company("table", organisation_number="981604032")])
    assert suggest_merges(store) == 0


def test_deleting_the_kept_one_brings_the_other_back(store: Store) -> None:
    store.save([company("table", organisation_number=NUMBER)])
    store.save([company("brreg", organisation_number=NUMBER)])
    store.delete(Kind.SUPPLIER, "brreg-1")
    assert listed(store) == ["table-1"]


def test_texts_of_pages_stand_beside_the_record(store: Store) -> None:
    store.save([company("brreg")])
    texts = [Text(lang="nb", body="Vi bygger ferger"), Text(lang="en", body="We build ferries")]
    day = date(2026, 5, 1)
    assert save_supplier_texts(store, "brreg-1", "https://fjord.example/", texts, day)
    before = store.last_change()
    assert not save_supplier_texts(store, "brreg-1", "https://fjord.example/", texts, day)
    assert store.last_change() == before
    _, own, english = store.supplier("brreg-1").texts
    assert (own.source_url, own.retrieved) == ("https://fjord.example/", "2026-05-01")
    assert english.lang == "en"
    # The register's own update leaves them alone, and so does a merge.
    store.save([company("brreg", url="x.example")])
    assert len(store.supplier("brreg-1").texts) == 3


def test_names_and_sites_are_folded() -> None:
    assert fold_name("FJORD-Ferjene  A/S") == fold_name("Fjord Ferjene ApS") == "fjord ferjene"
    assert fold_name("Åkeri Ök AB") == "akeri ok"
    assert fold_name("AS") == "as"
    assert fold_site("https://www.fjord.example/om") == fold_site("fjord.example") != ""
    assert fold_site("ikke en side") == ""


def test_the_index_sees_the_store_as_readers_do(store: Store) -> None:
    store.save([company("table", organisation_number=NUMBER), company("prh", id="alone")])
    before = store.last_change()
    store.save([company("brreg", organisation_number=NUMBER)])
    save_supplier_texts(
        store, "alone", "a.pdf", [Text(lang="en", body="Ferries")], date(2026, 5, 1)
    )
    read = decoder(Kind.SUPPLIER)
    with store.snapshot() as snapshot:
        assert snapshot.count(Kind.SUPPLIER) == 2
        assert read(list(snapshot.rows(Kind.SUPPLIER))) == list(store.iterate(Kind.SUPPLIER))
        changed = read(list(snapshot.changed_rows(Kind.SUPPLIER, before)))
        assert {s.id for s in changed} == {"brreg-1", "alone"}
        assert snapshot.deleted_ids(Kind.SUPPLIER, before) == ["table-1"]
    # What a merged feed says anew changes the company it is part of.
    before = store.last_change()
    store.save([company("table", organisation_number=NUMBER, texts=(Text(body="Ny tekst"),))])
    with store.snapshot() as snapshot:
        (kept,) = read(list(snapshot.changed_rows(Kind.SUPPLIER, before)))
    assert (kept.id, kept.texts[1].body) == ("brreg-1", "Ny tekst")
