from pathlib import Path

import numpy as np
import pytest

from matcher.embed import StaticEncoder
from matcher.errors import NoGenerationError, StaleIndexError
from matcher.index import (
    Filters,
    Generation,
    build_generation,
    current_name,
    open_current,
    pin,
    prune,
    publish,
    release,
)
from matcher.index.arrays import Chain, Lookup, Ragged, Strings, save_array
from matcher.index.dense import FaissIndex, build_dense
from matcher.index.facets import FacetsBuilder
from matcher.index.lexical import K1, B, LexicalIndex
from matcher.pipeline import Matcher
from matcher.records import Kind, Record, Supplier, Text
from matcher.text import TermMaker


def supplier(number: int, **more: object) -> Supplier:
    text = Text(lang="nb", body=f"Vi leverer brøyting og strøing nummer {number}.")
    return Supplier(id=f"s{number:03}", name=f"Firma {number}", texts=(text,), **more)


def build(
    root: Path, suppliers: list[Record], encoder: StaticEncoder, term_maker: TermMaker
) -> Path:
    return build_generation(
        root,
        lambda kind: suppliers if kind is Kind.SUPPLIER else [],
        7,
        encoder,
        encoder,
        term_maker,
    )


def test_strings_and_ragged_rows_survive_the_disk(tmp_path: Path) -> None:
    strings = ["", "ålesund", "a" * 300, "þörf"]
    Strings.of(strings).save(tmp_path, "s")
    opened = Strings.open(tmp_path, "s")
    assert list(opened) == strings
    assert opened[-1] == "þörf"
    rows = [[3, 1], [], [2]]
    Ragged.of(rows).save(tmp_path, "r")
    ragged = Ragged.open(tmp_path, "r")
    taken = ragged.take(np.array([2, 0]))
    assert (taken.values.tolist(), taken.starts.tolist()) == ([2, 3, 1], [0, 1, 3])


def test_a_lookup_finds_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    names = [f"navn{n}" for n in range(1000)] + ["", "ål"]
    Lookup.of(Strings.of(names)).save(tmp_path, "names")
    found = Lookup.open(tmp_path, "names").find(["ål", "navn999", "fremmed", "", "navn0"])
    assert found.tolist() == [1001, 999, -1, 1000, 0]


def test_a_chain_of_arrays_reads_as_one() -> None:
    chain = Chain([np.arange(3), np.arange(10, 12), np.arange(20, 25)])
    assert len(chain) == 10
    assert chain[np.array([9, 0, 3, 4, 2])].tolist() == [24, 0, 10, 11, 2]


def test_bm25_agrees_with_its_formula(tmp_path: Path) -> None:
    counts = np.array([[2, 0, 1], [0, 1, 1], [0, 0, 5]], dtype=np.uint8)
    rows = Ragged.of([np.flatnonzero(row).tolist() for row in counts])
    times = counts[counts > 0]
    LexicalIndex.build(rows, times, 3).save(tmp_path)
    index = LexicalIndex.open(tmp_path)
    scores = index.scores(rows, times, [0, 2], [1, 2])
    length = counts.sum(axis=1)
    for record in range(3):
        expected = 0.0
        for term, asked in ((0, 1), (2, 2)):
            df = (counts[:, term] > 0).sum()
            idf = np.log(1 + (3 - df + 0.5) / (df + 0.5))
            tf = float(counts[record, term])
            norm = K1 * (1 - B + B * length[record] / length.mean())
            expected += asked * idf * tf * (K1 + 1) / (tf + norm)
        assert scores[record] == pytest.approx(expected, rel=1e-5)
    assert set(index.best([0, 2], [1, 2], 2)) == set(np.argsort(-scores)[:2])
    assert index.best([0], [1], 5).tolist() == [0]
    assert index.best([2], [1], 5, np.array([False, True, False])).tolist() == [1]


def test_the_best_by_bm25_are_the_best_by_score() -> None:
    random = np.random.default_rng(3)
    rows = Ragged.of([np.unique(random.zipf(1.5, 20).clip(max=300) - 1) for _ in range(3000)])
    times = random.integers(1, 4, len(rows.values)).astype(np.uint8)
    index = LexicalIndex.build(rows, times, 300)
    terms, repeats = [0, 1, 5, 40, 120], [1.0, 1.0, 2.0, 1.0, 3.0]
    scores = index.scores(rows, times, terms, repeats)
    found = index.best(terms, repeats, 25)
    assert len(found) == len(set(found.tolist())) == 25
    # Weights of postings are rounded, so only a tie can be decided otherwise.
    assert scores[found].min() >= np.sort(scores)[-25] - 0.02


def unit_rows(count: int, dimension: int = 16, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_dense_search_returns_k_allowed_vectors(tmp_path: Path) -> None:
    vectors = unit_rows(500)
    save_array(tmp_path, "vectors", vectors.astype(np.float16))
    assert build_dense(tmp_path, vectors[:5]) == 1.0
    index = FaissIndex.open(tmp_path)
    allowed = np.zeros(500, dtype=bool)
    allowed[[3, 250, 499]] = True
    scores, positions = index.search(vectors[:2], 3, allowed)
    assert {tuple(sorted(row)) for row in positions.tolist()} == {(3, 250, 499)}
    assert (np.diff(scores, axis=1) <= 0).all()
    np.testing.assert_allclose(index.vectors(np.array([499, 3])), vectors[[499, 3]], atol=1e-3)


@pytest.fixture
def many_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, np.ndarray]:
    """Take few vectors for many, so that they are searched as many are."""
    monkeypatch.setattr("matcher.index.dense.FEW", 1000)
    monkeypatch.setattr("matcher.index.dense._EXACT_BELOW", 10)
    vectors = unit_rows(6000, 32)
    save_array(tmp_path, "vectors", vectors.astype(np.float16))
    return tmp_path, vectors


def test_coded_vectors_are_found_as_by_exact_search(
    many_vectors: tuple[Path, np.ndarray],
) -> None:
    folder, vectors = many_vectors
    probes = unit_rows(100, 32, seed=1)
    assert build_dense(folder, probes) >= 0.97
    scores, positions = FaissIndex.open(folder).search(probes, 100)
    exact = probes @ vectors.T
    nearest = np.argsort(-exact, axis=1)[:, :10]
    hits = [len(np.intersect1d(a, b)) for a, b in zip(positions, nearest, strict=True)]
    assert np.mean(hits) / 10 >= 0.95
    # Scores are those of the vectors, not of their codes.
    found = np.take_along_axis(exact, positions, 1)
    np.testing.assert_allclose(scores, found, atol=2e-3)


def test_a_narrow_filter_gets_k_of_coded_vectors(many_vectors: tuple[Path, np.ndarray]) -> None:
    folder, vectors = many_vectors
    build_dense(folder, vectors[:100])
    allowed = np.zeros(6000, dtype=bool)
    allowed[::200] = True
    _, positions = FaissIndex.open(folder).search(vectors[:7], 30, allowed)
    assert all(set(row.tolist()) == set(range(0, 6000, 200)) for row in positions)


def test_filters_keep_what_they_say() -> None:
    builder = FacetsBuilder()
    builder.add(supplier(0, country="NO", region="Troms", cpv=("45233141",), employees=5), "nb")
    builder.add(supplier(1, country="SE", nace=("81.29",), employees=250), "sv")
    builder.add(supplier(2), "fr")
    facets = builder.build()

    def passing(**filters: object) -> list[int]:
        return np.flatnonzero(facets.mask(Filters(**filters))).tolist()  # type: ignore[arg-type]

    assert passing() == [0, 1, 2]
    assert passing(countries=("no", "SE")) == [0, 1]
    assert passing(languages=("sv",)) == [1]
    assert passing(regions=("TROMS",)) == [0]
    assert passing(cpv=("45",)) == passing(cpv=("45233141",)) == [0]
    assert passing(cpv=("4523314",), countries=("SE",)) == []
    assert passing(nace=("81",)) == [1]
    assert passing(employees_min=6) == [1]
    assert passing(employees_max=6) == [0]


@pytest.mark.parametrize(
    "wrong",
    [{"countries": ("Atlantis",)}, {"languages": ("fr",)}, {"cpv": ("4x",)}, {"nace": ("x",)},
     {"employees_min": -1}, {"colour": "red"}],
)  # fmt: skip
def test_filters_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Filters(**wrong)  # type: ignore[arg-type]


def test_a_generation_is_published_in_one_step_and_old_ones_go(
    tmp_path: Path, encoder: StaticEncoder, term_maker: TermMaker
) -> None:
    with pytest.raises(NoGenerationError, match="samspill reindex"):
        open_current(tmp_path)
    names = []
    for count in (1, 2, 3):
        folder = build(tmp_path, [supplier(n) for n in range(count)], encoder, term_maker)
        assert current_name(tmp_path) == (names[-1] if names else None)
        publish(tmp_path, folder.name)
        names.append(folder.name)
        assert len(open_current(tmp_path).sides[Kind.SUPPLIER]) == count
    assert prune(tmp_path) == names[:1]
    assert current_name(tmp_path) == names[-1]
    assert {p.name for p in tmp_path.iterdir()} == {*names[1:], "CURRENT"}


def test_a_build_that_fails_leaves_nothing_behind(
    tmp_path: Path, encoder: StaticEncoder, term_maker: TermMaker
) -> None:
    def records(kind: Kind) -> list[Record]:
        raise RuntimeError("the store went away")

    with pytest.raises(RuntimeError, match="went away"):
        build_generation(tmp_path, records, 0, encoder, encoder, term_maker)
    assert list(tmp_path.iterdir()) == []


def test_an_index_of_another_encoder_is_refused_with_the_mend(
    tmp_path: Path, encoder: StaticEncoder, term_maker: TermMaker
) -> None:
    generation = Generation.open(build(tmp_path, [supplier(0)], encoder, term_maker))

    class Other:
        dimension, fingerprint, name = encoder.dimension, "0123", "other"

    with pytest.raises(StaleIndexError, match="samspill reindex --full"):
        Matcher(generation, Other(), encoder, term_maker)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_tiny_index_answers(
    tmp_path: Path, encoder: StaticEncoder, term_maker: TermMaker, count: int
) -> None:
    folder = build(tmp_path, [supplier(n) for n in range(count)], encoder, term_maker)
    matcher = Matcher(Generation.open(folder), encoder, encoder, term_maker)
    need = supplier(9)
    for stage in ("lexical", "dense", "hybrid", "full"):
        query = matcher.prepare(need, Kind.NEED)
        result = matcher.match(query, 10, stage=stage)
        assert len(result.hits) == count
        assert all(np.isfinite(h.score) for h in result.hits)


def test_a_large_side_gives_k_records_even_where_few_match(
    tmp_path: Path, encoder: StaticEncoder, term_maker: TermMaker
) -> None:
    firms = [supplier(n, country="NO" if n % 40 == 0 else "SE") for n in range(2500)]
    matcher = Matcher(
        Generation.open(build(tmp_path, firms, encoder, term_maker)), encoder, encoder, term_maker
    )
    query = matcher.prepare(supplier(40), Kind.NEED)
    everywhere = matcher.match(query, 200)
    assert len(everywhere.hits) == 200
    norway = matcher.match(query, 50, Filters(countries=("NO",)))
    assert len(norway.hits) == 50
    assert all(int(h.record_id[1:]) % 40 == 0 for h in norway.hits)


def test_a_pinned_generation_is_kept_until_its_holders_are_done(tmp_path: Path) -> None:
    for name in ("1", "2", "3", "4", "5"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.sha256").write_text("")
    pin(tmp_path, "1", "dialogue:a")
    pin(tmp_path, "1", "dialogue:b")
    pin(tmp_path, "1", "dialogue:a")
    assert sorted(prune(tmp_path)) == ["2", "3", "4"]
    assert release(tmp_path, lambda holder: holder == "dialogue:a") == []
    assert release(tmp_path, lambda holder: True) == ["1"]
    assert prune(tmp_path) == ["1"]
