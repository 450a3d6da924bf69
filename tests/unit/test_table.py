import gzip
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from matcher.errors import InputError
from matcher.records import Commitment, Kind, Need, Procedure, Supplier
from matcher.sources.base import Item, Refusal, Report
from matcher.sources.intake import take_in
from matcher.sources.table import read_table
from matcher.store import Store

CSV = (
    "Firmanavn;Beskrivelse;Land;Antall ansatte;Næringskode\n"
    "Snøfresen AS;Vi brøyter veier;Norge;12;81.290\n"
    'Møllegården;"Vi leverer mel; grovt og fint";Danmark;;10.61\n'
)


def read(path: Path, **options: object) -> list[Item]:
    return list(read_table([path], **options))  # type: ignore[arg-type]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_a_table_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    items = read(write(tmp_path, "a.csv", CSV.encode(encoding)))
    assert [type(i) for i in items] == [Supplier, Supplier]
    first, second = items
    assert isinstance(first, Supplier)
    assert isinstance(second, Supplier)
    assert (first.name, first.country, first.employees, first.nace) == (
        "Snøfresen AS", "NO", 12, ("81.29",)
    )  # fmt: skip
    assert second.texts[0].body == "Vi leverer mel; grovt og fint"
    assert second.employees is None


def test_xlsx_tsv_jsonl_and_gzip_give_the_same(tmp_path: Path) -> None:
    rows = {"id": ["s1"], "Namn": ["Snöröjarna"], "Beskrivning": ["Vi plogar"], "Län": ["Skåne"]}
    frame = pd.DataFrame(rows)
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    frame.to_csv(tmp_path / "b.tsv", sep="\t", index=False)
    frame.to_json(tmp_path / "c.jsonl", orient="records", lines=True)
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    items = read(tmp_path)
    assert len(items) == 4
    assert {i.model_dump_json() for i in items if isinstance(i, Supplier)} == {
        items[0].model_dump_json()  # type: ignore[union-attr]
    }


def test_needs_with_all_their_fields(tmp_path: Path) -> None:
    row = {
        "id": "n1", "lang": "nb", "title": "Ferger", "text": "Utslippsfrie ferger", "country": "NO",
        "cpv": ["34512100-8"], "procedure": "pcp", "deadline": "2026-05-01",
        "buyers": [{"name": "Bergen kommune", "country": "NO", "commitment": "commits"}],
        "text_en": "Emission-free ferries", "nonsense": {"a": 1},
    }  # fmt: skip
    (item,) = read(write(tmp_path, "needs.jsonl", json.dumps(row)))
    assert isinstance(item, Need)
    assert item.cpv == ("34512100",)
    assert item.procedure is Procedure.PCP
    assert item.buyers[0].commitment is Commitment.COMMITS
    assert [(t.lang, t.body) for t in item.texts] == [
        ("nb", "Utslippsfrie ferger"), ("en", "Emission-free ferries")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "field"),
    [("A;;Norge;1;", "text"), (";Vi er her;Norge;1;", "name"), ("A;B;Atlantis;1;", "country"),
     ("A;B;Norge;mange;", "employees"), ("A;B;Norge;-3;", "employees"), ("A;B;Norge;1;xx", "nace"),
     ("A;B;Norge;1", ""), ("A;B;C;Norge;1;", ""), ('A;"B" C;Norge;1;', "")],
)  # fmt: skip
def test_a_bad_row_is_refused_and_the_others_go_in(tmp_path: Path, line: str, field: str) -> None:
    before, first, last = CSV.splitlines()
    path = write(tmp_path, "a.csv", "\n".join([before, first, line, last]))
    items = read(path)
    assert [type(i) for i in items] == [Supplier, Refusal, Supplier]
    refusal = items[1]
    assert isinstance(refusal, Refusal)
    assert (refusal.file, refusal.record, refusal.field) == (str(path), "line 3", field)
    assert refusal.reason


def test_a_quote_that_never_closes_costs_its_own_row_only(tmp_path: Path) -> None:
    rows = [f"Firma {n};Vi gjør ting {n};Norge;1;" for n in range(2000)]
    rows[1] = 'Firma 1;"Vi glemte hermetegnet;Norge;1;'
    items = read(write(tmp_path, "a.csv", "\n".join([CSV.splitlines()[0], *rows])))
    assert sum(isinstance(i, Supplier) for i in items) == 1999
    assert sum(isinstance(i, Refusal) for i in items) == 1


def test_bytes_that_are_no_utf8_cost_their_own_row_only(tmp_path: Path) -> None:
    lines = [f"Øst {n};Vi måker snø;Norge;1;" for n in range(20)]
    content = "\n".join([CSV.splitlines()[0], *lines]).encode()
    items = read(write(tmp_path, "a.csv", content.replace("Øst 7;".encode(), b"\xd8st 7;")))
    assert [i.record for i in items if isinstance(i, Refusal)] == ["line 9"]
    assert len(items) == 20


@pytest.mark.parametrize("content", ["", "\n\n", "Navn;Tekst\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    (item,) = read(write(tmp_path, "a.csv", content))
    assert isinstance(item, Refusal)
    assert "empty" in item.reason


def test_a_table_without_known_headings_is_refused_once(tmp_path: Path) -> None:
    (item,) = read(write(tmp_path, "a.csv", "x;y\n1;2\n3;4\n"))
    assert isinstance(item, Refusal)
    assert "--map" in item.reason


def test_headings_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "x;y\nFirma;Vi måker\n")
    (item,) = read(path, columns={"name": "x", "text": "y"})
    assert isinstance(item, Supplier)
    assert item.name == "Firma"
    with pytest.raises(InputError, match="no column 'z'"):
        read(path, columns={"name": "z"})
    with pytest.raises(InputError, match="no field 'colour'"):
        read(path, columns={"colour": "x"})


def test_broken_json_lines_are_refused_one_by_one(tmp_path: Path) -> None:
    lines = ['{"name": "A", "text": "Vi måker"}', '{"name": "B", ', "[1, 2]", '"x"', "{}",
             '{"name": "C", "text": "Vi\\u0000 strør\x01"}', "[" * 100_000]  # fmt: skip
    items = read(write(tmp_path, "s.jsonl", "\n".join(lines)))
    assert [type(i) for i in items] == [Supplier, *[Refusal] * 4, Supplier, Refusal]
    assert isinstance(items[5], Supplier)
    assert items[5].texts[0].body == "Vi strør"


def test_a_text_beyond_the_limit_is_refused_and_one_below_goes_in(tmp_path: Path) -> None:
    rows = [{"name": n, "text": "a" * size} for n, size in (("A", 1_000_001), ("B", 1_000_000))]
    items = read(write(tmp_path, "s.jsonl", "\n".join(json.dumps(r) for r in rows)))
    assert [type(i) for i in items] == [Refusal, Supplier]


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (item,) = read(write(tmp_path, "a.xlsx", b"PK\x03\x04 not really"))
    assert isinstance(item, Refusal)
    assert "not an XLSX workbook" in item.reason


def test_the_report_adds_up_and_refused_rows_can_be_mended(store: Store, tmp_path: Path) -> None:
    content = CSV + "Feil AS;Vi gjør feil;Atlantis;1;\n"
    path = write(tmp_path, "a.csv", content)
    report = take_in(store, read_table([path]), tmp_path / "refused")
    assert (report.read, report.new, len(report.refused)) == (3, 2, 1)
    again = take_in(store, read_table([path]), tmp_path / "refused")
    assert (again.read, again.unchanged, len(again.refused)) == (3, 2, 1)
    assert report.refused_file is not None
    mended = report.refused_file.read_text().replace("Atlantis", "Norge")
    fixed = write(tmp_path, "mended.jsonl", mended)
    third = take_in(store, read_table([fixed]), tmp_path / "refused")
    assert (third.new, third.refused) == (1, [])
    assert store.count(Kind.SUPPLIER) == 3


def test_the_same_id_twice_is_counted_twice_and_the_last_stays(
    store: Store, tmp_path: Path
) -> None:
    rows = [{"id": "s", "name": "A", "text": t} for t in ("først", "sist")]
    path = write(tmp_path, "s.jsonl", "\n".join(json.dumps(r) for r in rows))
    report: Report = take_in(store, read_table([path]), tmp_path)
    assert (report.read, report.new, report.changed) == (2, 1, 1)
    assert store.supplier("s").texts[0].body == "sist"


def test_bombs_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"navn;tekst\n" + b"0" * 60_000_000))
    items = list(read_table([tmp_path]))
    assert [type(i) for i in items] == [Refusal, Refusal]
    assert all("bomb" in str(i) for i in items)
