"""The commands of intake as outside programs rely on them."""

import json
from pathlib import Path

import pytest

from tests.contract.test_cli import Samspill
from tests.notices import doffin_hit, eforms, release, ted, ted_hit


@pytest.fixture
def samspill(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Samspill:
    made = Samspill(capsys, monkeypatch)
    made("init")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    (made / "1.xml").write_text(eforms(1), encoding="utf-8")
    (made / "2.xml").write_text(ted(), encoding="utf-8")
    (made / "3.json").write_text(json.dumps({"releases": [release()]}))
    (made / "4.json").write_text(json.dumps({"notices": [ted_hit()]}))
    (made / "5.json").write_text(json.dumps({"hits": [doffin_hit()], "numHitsTotal": 1}))
    entity = {"organisasjonsnummer": "974760673", "navn": "Fjord AS", "aktivitet": ["Ferger"]}
    (made / "6.json").write_text(json.dumps([entity]))
    (made / "7.csv").write_text("Navn;Orgnr;Tekst;Land\nFjord;974 760 673;Vi kjører ferger;NO\n")
    (made / "8.xml").write_text("<broken")
    return made


def test_a_folder_of_anything_is_taken_in(samspill: Samspill, folder: Path) -> None:
    checked = samspill.json("import", "auto", folder, "--check")
    assert checked["checked_only"]
    assert samspill.json("status")["needs"] == 0
    report = samspill.json("import", "auto", folder)
    assert (report["read"], report["new"], report["refused_count"]) == (8, 7, 1)
    assert report["merged"] == 1
    assert checked["new"] == report["new"]
    assert Path(report["refused_file"]).exists()
    values = samspill.json("status")
    assert (values["needs"], values["suppliers"]) == (5, 1)
    status, out, _ = samspill("import", "auto", folder, "--check")
    assert (status, "7 unchanged" in out, "nothing was written" in out) == (0, True, True)


@pytest.mark.parametrize("kind", ["eforms", "ted-xml", "ocds", "ted", "doffin", "brreg", "table"])
def test_every_kind_has_its_name(samspill: Samspill, folder: Path, kind: str) -> None:
    file = {"eforms": "1.xml", "ted-xml": "2.xml", "ocds": "3.json", "ted": "4.json",
            "doffin": "5.json", "brreg": "6.json", "table": "7.csv"}[kind]  # fmt: skip
    assert samspill.json("import", kind, folder / file)["new"] == 1


def test_merges_are_listed_undone_and_suggested(samspill: Samspill, folder: Path) -> None:
    samspill("import", "auto", folder)
    (pair,) = samspill.json("merges", "--state", "merged")
    assert "974760673" in pair["reason"]
    assert samspill("merges", "--undo", pair["id"])[0] == 0
    assert samspill.json("status")["suppliers"] == 2
    assert samspill("merges", "--undo", pair["id"])[0] == 1
    assert samspill("merges", "--find")[0] == 0
    assert samspill("merges", "--accept", pair["id"])[0] == 0
    assert samspill.json("status")["suppliers"] == 1
    assert samspill("merges", "--state", "magic")[0] == 2


def test_wrong_use_of_intake(samspill: Samspill, tmp_path: Path) -> None:
    assert samspill("sync", "nonsense")[0] == 2
    assert samspill("sync", "ted", "--since", "yesterday")[0] == 2
    status, _, err = samspill("sync", "doffin")
    assert (status, "SAMSPILL_DOFFIN_KEY" in err) == (1, True)
    assert samspill("import", "files", tmp_path)[0] == 2
    assert samspill("import", "files", tmp_path / "x.pdf", "--supplier", "nobody")[0] == 1
    (tmp_path / "x.pdf").write_bytes(b"x")
    assert samspill("import", "files", tmp_path / "x.pdf", "--supplier", "nobody")[0] == 1
    status, _, err = samspill("import", "cpv", tmp_path)
    assert (status, "translations" in err) == (1, True)


def test_a_feed_that_is_down_is_one_line(
    samspill: Samspill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMSPILL_TED_URL", "http://127.0.0.1:9/")
    monkeypatch.setattr("matcher.sources.connect.client.ATTEMPTS", 1)
    status, _, err = samspill("sync", "ted")
    assert status == 1
    assert "127.0.0.1" in err


def test_brochures_and_names_of_codes(samspill: Samspill, folder: Path, tmp_path: Path) -> None:
    samspill("import", "brreg", folder / "6.json")
    page = tmp_path / "om.html"
    page.write_text(
        f"<article><h1>Om</h1><p>{'Vi bygger ferger på Vestlandet. ' * 5}</p></article>"
    )
    (done,) = samspill.json("import", "files", page, "--supplier", "NO-974760673")
    assert done["outcome"] == "saved"
    names = tmp_path / "code_nb.xml"
    names.write_text('<properties><entry key="code|name|cpv.34512100">Ferger</entry></properties>')
    assert samspill.json("import", "cpv", names)["names"] == {"nb": 1}
