"""Damaged files of every format, a short run; `scripts/fuzz_sources.py` does the long one."""

import random
from pathlib import Path

import pytest

from matcher.sources.formats import read_any
from matcher.sources.intake import take_in
from matcher.store import Store
from tests.fuzzing import check, corpus, damaged, readers

CORPUS = corpus()


@pytest.mark.parametrize("kind", CORPUS)
def test_the_corpus_itself_is_good(kind: str, tmp_path: Path) -> None:
    for name, data in CORPUS[kind]:
        (tmp_path / name).write_bytes(data)
        assert check(tmp_path / name, readers()[kind]) > 0
        assert check(tmp_path / name, read_any) > 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", CORPUS)
def test_damaged_files_are_accounted_for(kind: str, tmp_path: Path) -> None:
    rng = random.Random(20260501)
    for _ in range(200):
        name, data = damaged(CORPUS[kind], rng)
        (tmp_path / name).write_bytes(data)
        check(tmp_path / name, readers()[kind])


@pytest.mark.timeout(120)
def test_what_is_left_of_damaged_files_goes_into_the_store(store: Store, tmp_path: Path) -> None:
    rng = random.Random(7)
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(150):
        name, data = damaged(CORPUS[rng.choice(list(CORPUS))], rng)
        (folder / f"{number:04d}{name[1:]}").write_bytes(data)
    report = take_in(store, read_any([folder]), tmp_path / "refused")
    assert report.read >= 150
    again = take_in(store, read_any([folder]), tmp_path / "refused")
    assert again.read == report.read
