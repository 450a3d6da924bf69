"""The command line as outside programs rely on it."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api import cli
from matcher.settings import Settings
from tests.conftest import FIXTURES, SAMPLE


class Samspill:
    """Runs the command line in this process, as the installed script does."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["samspill", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        return status, out, err

    def json(self, *arguments: object) -> Any:
        status, out, err = self(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)


@pytest.fixture
def samspill(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Samspill:
    return Samspill(capsys, monkeypatch)


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch, demo_settings: Settings) -> None:
    monkeypatch.setenv("SAMSPILL_DATA_DIR", str(demo_settings.data_dir))


def test_from_nothing_to_a_ranking(samspill: Samspill, tmp_path: Path) -> None:
    assert samspill("init")[0] == 0
    first = samspill.json("import", "table", SAMPLE / "needs.jsonl", SAMPLE / "suppliers.jsonl")
    assert first["read"] == first["new"] > 280
    again = samspill.json("import", "table", SAMPLE / "needs.jsonl", SAMPLE / "suppliers.jsonl")
    assert again["unchanged"] == again["read"] == first["read"]
    assert samspill.json("import", "eforms", FIXTURES / "consultation.xml")["new"] == 1
    status, _, err = samspill("match", "move-n1")
    assert (status, "samspill reindex" in err) == (1, True)
    run = samspill.json("reindex")
    assert run["outcome"] == "done"
    found = samspill.json("match", "move-n1", "-k", "3")
    assert len(found["matches"]) == 3
    assert found["generation"] == run["generation"]
    values = samspill.json("status")
    assert values["generation"] == run["generation"]
    assert values["runs"][0]["peak_memory"] > 0


@pytest.mark.usefixtures("demo")
def test_match_prints_reasons_for_people(samspill: Samspill) -> None:
    status, out, _ = samspill("match", "move-n1", "-k", "2")
    assert status == 0
    assert "words:" in out
    assert "says:" in out


@pytest.mark.usefixtures("demo")
def test_discover_ranks_needs_for_a_supplier(samspill: Samspill) -> None:
    found = samspill.json("discover", "move-s11", "-k", "5")
    assert found["kind"] == "supplier"
    assert "move-n1" in [m["record"]["id"] for m in found["matches"]]


@pytest.mark.usefixtures("demo")
def test_match_takes_a_text_and_filters(samspill: Samspill) -> None:
    text = "Wir brauchen emissionsfreie Fähren"
    found = samspill.json("match", "--text", text, "--country", "NO", "--country", "SE")
    assert found["lang"] == "de"
    assert {m["record"]["country"] for m in found["matches"]} <= {"NO", "SE"}
    assert len(found["matches"]) == 10


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [(["match", "no-such-need"], 1), (["discover", "no-such-supplier"], 1), (["match"], 2),
     (["match", "move-n1", "--text", "x"], 2), (["match", "--text", "x", "--lang", "xx"], 2),
     (["match", "--text", "  "], 1), (["match", "--text", "12345"], 1),
     (["match", "move-n1", "-k", "0"], 2), (["match", "move-n1", "--stage", "magic"], 2),
     (["match", "move-n1", "--country", "Atlantis"], 2), (["match", "move-n1", "--nonsense"], 2),
     (["nonsense"], 2), (["import", "nonsense", "x"], 2), (["import", "table", "nowhere.csv"], 1),
     (["import", "table", "nowhere.csv", "--map", "x"], 2), (["evaluate", "nowhere"], 1),
     (["evaluate", str(SAMPLE), "--stage", "magic"], 2),
     (["embed", "--input", "nowhere", "--output", "x"], 2), (["serve", "--port", "99999"], 2)],
)  # fmt: skip
def test_wrong_use_is_2_and_failure_is_1_with_a_reason(
    samspill: Samspill, arguments: list[str], wanted: int
) -> None:
    status, _, err = samspill(*arguments)
    assert status == wanted, err
    assert err.strip()


def test_without_a_store_the_error_says_what_to_run(samspill: Samspill) -> None:
    for command in (["match", "x"], ["status"], ["reindex"], ["import", "table", str(SAMPLE)]):
        status, _, err = samspill(*command)
        assert status == 1
        assert "samspill init" in err


def test_a_bad_setting_is_named(samspill: Samspill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMSPILL_PORT", "many")
    status, _, err = samspill("status")
    assert status == 1
    assert "SAMSPILL_PORT" in err


def test_refused_records_do_not_hold_up_others(samspill: Samspill, tmp_path: Path) -> None:
    samspill("init")
    path = tmp_path / "a.csv"
    path.write_text("Navn;Tekst;Land\nA;Vi måker;NO\nB;Vi strør;Atlantis\n", encoding="utf-8")
    status, out, _ = samspill("import", "table", path)
    assert status == 0
    assert "1 new" in out
    assert "line 3, country" in out
    path.write_text("", encoding="utf-8")
    status, out, _ = samspill("import", "table", path)
    assert (status, "empty" in out) == (1, True)


def test_embed_writes_a_unit_row_a_line(samspill: Samspill, tmp_path: Path) -> None:
    lines = ["Utslippsfri ferge", "", "sähköbussi", "uten linjeskift"]
    (tmp_path / "in.txt").write_text("\n".join(lines), encoding="utf-8")
    status, _, _ = samspill("embed", "--input", tmp_path / "in.txt", "--output", tmp_path / "o.npy")
    assert status == 0
    vectors = np.load(tmp_path / "o.npy")
    assert vectors.dtype == np.float32
    assert len(vectors) == 4
    assert np.linalg.norm(vectors, axis=1).round(4).tolist() == [1, 0, 1, 1]
    (tmp_path / "in.txt").write_bytes(b"one\r\ntwo\n\xff\xfe\n")
    samspill("embed", "--input", tmp_path / "in.txt", "--output", tmp_path / "o.npy")
    assert len(np.load(tmp_path / "o.npy")) == 3


def test_evaluate_writes_the_contract(samspill: Samspill, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    status, printed, _ = samspill("evaluate", SAMPLE, "--stage", "hybrid", "--json", out)
    assert status == 0
    assert "hybrid" in printed
    result = json.loads(out.read_text())
    assert set(result) >= {
        "stage", "needs", "suppliers", "metrics", "by_language_pair", "cross_lingual",
        "same_language", "encoder", "seconds",
    }  # fmt: skip
    for part in ("metrics", "cross_lingual", "same_language"):
        assert {"ndcg@10", "recall@10", "recall@50", "mrr@10", "success@5"} <= set(result[part])
    assert "nb->sv" in result["by_language_pair"]


def test_help_of_every_command_teaches(samspill: Samspill) -> None:
    status, out, _ = samspill("--help")
    assert status == 0
    commands = [c.name or c.callback.__name__ for c in cli.app.registered_commands if c.callback]
    for command in commands:
        assert command in out
        assert samspill(command, "--help")[0] == 0
    assert samspill("--version")[1].startswith("samspill ")


def test_accounts_mail_and_the_record(
    samspill: Samspill, demo: None, monkeypatch: pytest.MonkeyPatch, demo_settings: Settings,
    tmp_path: Path,
) -> None:  # fmt: skip
    shutil.copytree(demo_settings.data_dir, tmp_path / "data")
    monkeypatch.setenv("SAMSPILL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("sys.stdin", io.StringIO("blå fjord 27 måker\n" * 3))
    made = samspill.json("user", "add", "first@example.test")
    assert made["role"] == "admin"
    assert samspill("user", "add", "first@example.test")[0] == 1
    status, _, err = samspill("user", "add", "x@example.test", "--role", "king")
    assert (status, "king" in err) == (2, True)
    assert samspill.json("user", "add", "b@example.test", "--role", "buyer", "--buyer", "Askvik",
                         "--country", "NO")["role"] == "buyer"  # fmt: skip
    assert [a["email"] for a in samspill.json("user", "list")] == [
        "first@example.test", "b@example.test"]  # fmt: skip
    status, out, _ = samspill("user", "token", "first@example.test", "--scope", "read")
    assert (status, out.startswith("samspill_")) == (0, True)
    found = samspill.json("notify")
    assert found["mail"] == {"sent": 0, "failed": 0, "waiting": 0, "uncertain": 0}
    verdict = samspill.json("verify-log")
    assert verdict["ok"]
    assert verdict["entries"] == 2
    head = f"{verdict['entries']}:{verdict['head']}"
    assert samspill("verify-log", "--head", head)[0] == 0
    assert samspill("verify-log", "--head", f"2:{'0' * 64}")[0] == 1
    assert samspill("verify-log", "--head", "nonsense")[0] == 2
    assert samspill("replay", "1")[0] == 1
    assert samspill("user", "shut", "b@example.test")[0] == 0
    assert samspill("user", "erase", "first@example.test")[0] == 1  # The last admin.


@pytest.mark.usefixtures("demo")
def test_suggestions_are_printed_for_people_and_programs(samspill: Samspill) -> None:
    found = samspill.json("invite", "move-n1", "-n", "4", "--small", "2")
    assert found["choices"]
    for command in (
        ("invite", "move-n1", "--least", "country:NO=1"),
        ("similar", "move-n1", "-k", "3"),
        ("joint",),
        ("partners", "move-n1", "move-s11"),
        ("hints", "move-s11"),
    ):
        status, printed, _ = samspill(*command)
        assert status == 0
        assert printed.strip()
    status, printed, _ = samspill("match", "none-n10")
    assert (status, "No good match" in printed) == (0, True)
    assert samspill("invite", "move-n1", "--least", "size=1")[0] == 2
    assert samspill("judge", "move-n1", "move-s11", "great")[0] == 2
    status, _, err = samspill("invite", "nothing")
    assert (status, "nothing" in err) == (1, True)


@pytest.mark.usefixtures("demo")
def test_judging_is_heeded_and_taken_back(samspill: Samspill) -> None:
    def first() -> str:
        return str(samspill.json("match", "move-n1", "-k", "1")["matches"][0]["record"]["id"])

    before = first()
    assert samspill("judge", "move-n1", before, "not")[0] == 0
    assert first() != before
    assert samspill("judge", "move-n1", before, "clear")[0] == 0
    assert first() == before


def test_tuning_measures_and_refuses_what_is_no_better(samspill: Samspill, tmp_path: Path) -> None:
    out = tmp_path / "fusion.json"
    status, printed, _ = samspill("tune", SAMPLE, "--check", "--out", out)
    assert status == 0
    assert "worth inviting" in printed
    assert not out.exists()
    status, printed, _ = samspill("tune", SAMPLE, "--bands-only", "--out", out)
    assert (status, out.exists()) == (0, True)


def test_two_results_are_compared_need_by_need(samspill: Samspill, tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    assert samspill("evaluate", SAMPLE, "--stage", "full", "--json", one)[0] == 0
    less = ("evaluate", SAMPLE, "--stage", "full", "--without", "covered", "--json", other)
    assert samspill(*less)[0] == 0
    status, printed, _ = samspill("compare", one, other)
    assert status == 0
    assert "ndcg@10" in printed
    assert samspill("compare", one, tmp_path / "none.json")[0] == 1
