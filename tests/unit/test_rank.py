import numpy as np
import pytest

from matcher.index.arrays import Ragged, single
from matcher.rank import (
    TermRows,
    best_first,
    calibrate,
    inverse_document_frequency,
    passage_alignment,
    soft_match,
)


def unit(rows: list[list[float]]) -> np.ndarray:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_rare_terms_weigh_more() -> None:
    weights = inverse_document_frequency(np.array([0, 1, 10, 100]), 100)
    assert (np.diff(weights) < 0).all()
    assert (weights > 0).all()


def test_soft_match_agrees_with_its_definition() -> None:
    random = np.random.default_rng(1)
    query = unit(random.normal(size=(5, 8)).tolist())
    terms = unit(random.normal(size=(30, 8)).tolist()).astype(np.float16)
    weights = random.random(30).astype(np.float32)
    query_weights = random.random(5).astype(np.float32)
    lists = [[1, 4, 7], [], [29, 0], [3, 3, 5, 11, 12]]
    (covered,), answering = soft_match(
        query, query_weights[None], TermRows.of(Ragged.of(lists), terms, weights), floor=0.2
    )
    for number, row in enumerate(lists):
        similarity = query @ terms[row].astype(np.float32).T
        similarity[similarity < 0.2] = 0
        best = similarity.max(axis=1) if row else np.zeros(5)
        assert covered[number] == pytest.approx(
            query_weights @ best / query_weights.sum(), abs=1e-4
        )
        expected = weights[row] @ similarity.max(axis=0) / weights[row].sum() if row else 0
        assert answering[number] == pytest.approx(expected, abs=1e-4)


def test_half_precision_converts_as_numpy_does() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    assert (single(finite) == finite.astype(np.float32)).all()


def test_soft_match_of_nothing_is_nothing() -> None:
    none = np.zeros((0, 4), dtype=np.float32)
    rows = TermRows.of(Ragged.of([[0]]), np.ones((1, 4), np.float16), np.ones(1, np.float32))
    covered, answering = soft_match(none, np.zeros((1, 0), np.float32), rows)
    assert covered.tolist() == [[0]]
    assert answering.tolist() == [0]


def test_passage_alignment_takes_the_best_counterpart_of_each_passage() -> None:
    query = unit([[1, 0], [0, 1]])
    passages = unit([[1, 0], [1, 1], [0, 1]])
    starts = np.array([0, 2, 2, 3])
    scores = passage_alignment(query, np.ones(2, np.float32), passages, starts)
    assert scores.tolist() == pytest.approx([(1 + 0.5**0.5) / 2, 0, 0.5], abs=1e-6)


def test_calibration_takes_the_advantage_of_a_language_away() -> None:
    random = np.random.default_rng(2)
    background = np.concatenate([random.normal(5, 1, 500), random.normal(1, 0.5, 500)])
    groups = np.repeat([0, 1], 500)
    own, foreign = calibrate(
        np.array([6.0, 2.0], np.float32), np.array([0, 1]), background.astype(np.float32), groups
    )
    assert foreign == pytest.approx(2, abs=0.2)
    assert own == pytest.approx(1, abs=0.2)


def test_a_language_the_background_lacks_is_judged_by_all() -> None:
    background = np.array([1, 2, 3], np.float32)
    (score,) = calibrate(np.array([2.0], np.float32), np.array([7]), background, np.zeros(3, int))
    assert score == pytest.approx(0)


@pytest.mark.parametrize("k", [0, 1, 3, 5, 9])
def test_best_first_breaks_ties_by_position(k: int) -> None:
    scores = np.array([1, 3, 2, 3, 2], np.float32)
    assert best_first(scores, k).tolist() == [1, 3, 2, 4, 0][:k]
