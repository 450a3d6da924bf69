import json
import zipfile
from pathlib import Path

import pytest

from matcher.errors import InputError
from matcher.records import Kind, Supplier
from matcher.sources.base import Report
from matcher.sources.formats import read_any
from matcher.sources.intake import take_in
from matcher.sources.notices import read_notices
from matcher.store import Store
from matcher.store.history import wins_of
from tests.notices import RESULT, eforms, release, ted, ted_hit, uuid


def take(store: Store, tmp_path: Path, *contents: str, check: bool = False) -> Report:
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for number, content in enumerate(contents):
        suffix = "xml" if content.lstrip().startswith("<") else "json"
        (folder / f"{number}.{suffix}").write_text(content, encoding="utf-8")
    report = take_in(store, read_any([folder]), tmp_path / "refused", check)
    counted = report.new + report.changed + report.unchanged
    assert report.read == counted + sum(report.set_aside.values()) + report.refused_count
    return report


def test_everything_read_is_accounted_for(store: Store, tmp_path: Path) -> None:
    award = eforms(3, root="ContractAwardNotice", form="result", kind="can-standard")
    contents = (eforms(1), eforms(2), award, ted(), "<x/>", json.dumps(release()), "<broken")
    first = take(store, tmp_path, *contents)
    assert (first.read, first.new, first.refused_count) == (7, 4, 2)
    assert first.set_aside == {"award notice": 1}
    again = take(store, tmp_path, *contents)
    assert (again.new, again.changed, again.unchanged) == (0, 0, 4)


def test_newer_versions_replace_older_ones_in_any_order(store: Store, tmp_path: Path) -> None:
    take(store, tmp_path, eforms(1, version="02", title="Ny"))
    report = take(store, tmp_path, eforms(1, version="01", title="Gammel"))
    assert report.set_aside == {"older than the version that is held": 1}
    assert store.need(uuid(1)).title == "Ny NOB"
    assert take(store, tmp_path, eforms(1, version="10", title="Nyest")).changed == 1
    assert store.need(uuid(1)).title == "Nyest NOB"


@pytest.mark.parametrize("together", [True, False])
def test_a_change_notice_takes_the_place_of_what_it_changes(
    store: Store, tmp_path: Path, together: bool
) -> None:
    old, new = eforms(1), eforms(2, changed=uuid(1))
    reports = (
        [take(store, tmp_path, old, new)]
        if together
        else [take(store, tmp_path, new), take(store, tmp_path, old)]
    )
    assert [n.id for n in store.iterate(Kind.NEED)] == [uuid(2)]
    again = take(store, tmp_path, old)
    assert again.set_aside == {"replaced by a newer notice that is held": 1}
    assert sum(r.new for r in reports) == (2 if together else 1)


def test_a_cancelled_notice_leaves(store: Store, tmp_path: Path) -> None:
    take(store, tmp_path, eforms(1))
    report = take(store, tmp_path, eforms(2, changed=uuid(1), reason="cancel"))
    assert report.removed == 1
    assert store.count(Kind.NEED) == 0


def test_a_cancellation_counts_whatever_order_files_come_in(store: Store, tmp_path: Path) -> None:
    cancelled = eforms(2, changed=uuid(1), reason="cancel")
    report = take(store, tmp_path, cancelled, eforms(1), eforms(3))
    assert report.set_aside == {"cancellation": 1, "cancelled by a notice read before": 1}
    assert [n.id for n in store.iterate(Kind.NEED)] == [uuid(3)]


def test_a_later_release_undoes_a_cancellation(store: Store, tmp_path: Path) -> None:
    """A feed that begins with the newest does not bring back what was cancelled after it."""
    gone = release(tag=["tenderCancellation"], date="2026-02-02T00:00:00Z")
    older, newer = release(date="2026-02-01T00:00:00Z"), release(date="2026-02-03T00:00:00Z")
    packages = [json.dumps({"releases": found}) for found in ([gone, older], [gone, newer])]
    assert take(store, tmp_path, packages[0]).new == 0
    assert take(store, tmp_path, packages[1]).new == 1


@pytest.mark.parametrize("spelt", ["123456-2026", "00123456-2026"])
@pytest.mark.parametrize("newer_first", [True, False])
def test_a_notice_is_changed_by_its_number_of_publication(
    store: Store, tmp_path: Path, spelt: str, newer_first: bool
) -> None:
    published = (
        "<efac:Publication><efbc:NoticePublicationID>{}-2026</efbc:NoticePublicationID>"
        "</efac:Publication>"
    )
    old = eforms(1, result=published.format("00123456"))
    new = eforms(2, changed=spelt, result=published.format("00200000"))
    new = new.replace(f"{spelt}-01", spelt)
    for notice in (new, old) if newer_first else (old, new):
        take(store, tmp_path, notice)
    assert [n.id for n in store.iterate(Kind.NEED)] == [uuid(2)]


def test_a_misspelt_path_is_told_before_anything_is_read(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(eforms(1), encoding="utf-8")
    paths = [tmp_path / "a.xml", tmp_path / "nowhere"]
    with pytest.raises(InputError, match="no such file"):
        next(read_any(paths))


@pytest.mark.parametrize("name", ["notice", "notice.ubl", "notice.json"])
def test_a_notice_is_known_by_its_beginning(store: Store, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + eforms(1).encode())
    assert take_in(store, read_any([path]), tmp_path / "refused").new == 1


def test_what_a_folder_holds_besides_is_remarked_on(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.xml").write_text(eforms(1), encoding="utf-8")
    (folder / "notes.md").write_text("x", encoding="utf-8")
    report = take_in(store, read_any([folder]), tmp_path / "refused")
    assert (report.read, report.new) == (1, 1)
    assert [r.file for r in report.remarks] == [str(folder / "notes.md")]


def test_an_empty_file_is_told_as_one(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.touch()
    report = take_in(store, read_any([path]), tmp_path / "refused")
    assert [r.reason for r in report.refused] == ["the file is empty"]


def test_the_fuller_feed_of_one_notice_wins(store: Store, tmp_path: Path) -> None:
    hit = json.dumps({"notices": [ted_hit(**{"notice-identifier": uuid(1)})]})
    assert take(store, tmp_path, hit).new == 1
    assert take(store, tmp_path, eforms(1)).changed == 1
    report = take(store, tmp_path, hit)
    assert list(report.set_aside) == ["held already from eforms, which says more"]
    assert store.need(uuid(1)).source == "eforms"


def test_buyers_read_back_as_each_notice_spells_them(store: Store, tmp_path: Path) -> None:
    take(store, tmp_path, eforms(1, buyers=17), eforms(2, buyers=1).replace("Kommune 1", "K. 1"))
    assert [b.name for b in store.need(uuid(1)).buyers] == [f"Kommune {n}" for n in range(1, 18)]
    assert [b.name for b in store.need(uuid(2)).buyers] == ["K. 1"]


def test_checking_writes_nothing_and_says_the_same(store: Store, tmp_path: Path) -> None:
    take(store, tmp_path, eforms(1))
    contents = (eforms(1), eforms(1, title="Ny", version="02"), eforms(2), eforms(2), "<x/>")
    before = store.last_change()
    checked = take(store, tmp_path, *contents, check=True)
    assert store.last_change() == before
    assert not (tmp_path / "refused").exists()
    done = take(store, tmp_path, *contents)
    for name in ("new", "changed", "unchanged", "set_aside", "refused_count"):
        assert getattr(checked, name) == getattr(done, name), name
    assert (checked.new, checked.changed, checked.unchanged) == (1, 1, 2)


def test_refused_notices_can_be_mended_and_imported_again(store: Store, tmp_path: Path) -> None:
    bad = eforms(1).replace(uuid(1), "")
    report = take(store, tmp_path, bad)
    assert report.refused_file is not None
    line = json.loads(report.refused_file.read_text(encoding="utf-8"))
    assert line["_field"] == "BT-701"
    line["xml"] = line["xml"].replace(
        '<cbc:ID schemeName="notice-id">', f'<cbc:ID schemeName="notice-id">{uuid(1)}'
    )
    mended = tmp_path / "mended.jsonl"
    mended.write_text(json.dumps(line), encoding="utf-8")
    report = take_in(store, read_any([mended]), tmp_path / "refused")
    assert report.new == 1
    assert store.need(uuid(1)).title == "Ferge NOB"


def test_every_line_of_an_archive_is_counted(store: Store, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for n in range(3):
            archive.writestr(f"{n}.xml", eforms(n) if n else "<broken")
        archive.writestr("inner.zip", b"x")
        archive.writestr("readme.txt", b"x")
    report = take_in(store, read_notices([tmp_path / "a.zip"]), tmp_path / "refused")
    assert (report.new, report.refused_count) == (2, 2)


def test_history_is_kept_apart_and_found_by_number(store: Store, tmp_path: Path) -> None:
    award = {"root": "ContractAwardNotice", "form": "result", "kind": "can-standard"}
    for version in ("01", "02", "01"):
        won = eforms(3, buyers=3, result=RESULT, version=version, **award)
        take(store, tmp_path, won.replace("999000002", "974760673"))
    assert store.count(Kind.NEED) == store.count(Kind.SUPPLIER) == 0
    winner = Supplier(
        id="x", name="Another spelling", texts=({"body": "a"},), country="NO",
        organisation_number="974760673",
    )  # fmt: skip
    (win,) = wins_of(store, winner)
    assert (win.lot, win.value, win.currency) == ("LOT-0001", 1200, "NOK")
    assert win.buyers == ("Kommune 1", "Kommune 2", "Kommune 3")
    loser = winner.model_copy(update={"organisation_number": "", "name": "Kommune 3"})
    assert wins_of(store, loser) == []


def test_a_million_refusals_would_not_be_held_in_memory(store: Store, tmp_path: Path) -> None:
    lines = "\n".join('{"organisasjonsnummer": "1"}' for _ in range(3000))
    (tmp_path / "a.jsonl").write_text(lines)
    report = take_in(store, read_any([tmp_path / "a.jsonl"]), tmp_path / "refused")
    assert report.refused_count == 3000
    assert len(report.refused) == 1000
    assert report.refused_file is not None
    assert len(report.refused_file.read_text().splitlines()) == 3000
