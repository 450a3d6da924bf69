"""Scores and their fusion: pure functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matcher.index.arrays import Ragged, single
from matcher.index.base import Rows

Scores = NDArray[np.float32]

FLOOR = 0.3
"""Cosine below which two terms have nothing to do with each other."""
_SHRINKAGE = 5.0
_BLOCK = 64


def inverse_document_frequency(
    frequency: NDArray[np.integer], records: NDArray[np.integer] | int
) -> Scores:
    """Weigh terms by how few of the records of their language hold them."""
    return np.log1p((np.asarray(records) + 1) / (np.asarray(frequency) + 0.5)).astype(np.float32)


def passage_alignment(
    query: NDArray[np.float32],
    weights: Scores,
    passages: NDArray[np.float32],
    starts: NDArray[np.int64],
) -> Scores:
    """Score records by how well their passages answer each passage of a query.

    For each passage of the query its best counterpart in the record, averaged: late
    interaction (Khattab and Zaharia 2020) between sentences.

    Args:
        query: float32[q, d] unit rows.
        weights: float32[q], of the query's passages.
        passages: float32[p, d], those of all records, side by side.
        starts: int64[records + 1], which belong to whom.

    Returns:
        float32[records]; 0 for a record without passages.
    """
    best = _row_maximum(query @ passages.T, starts)
    return np.asarray(weights @ best / max(float(weights.sum()), 1e-9), dtype=np.float32)


def likeness(
    topic: NDArray[np.float32], passages: NDArray[np.float32], starts: NDArray[np.int64]
) -> Scores:
    """Score records by the cosine between the mean of their passages and a topic.

    Args:
        topic: float32[d] unit vector.
        passages: float32[p, d], those of all records, side by side.
        starts: int64[records + 1], which belong to whom.

    Returns:
        float32[records]; 0 for a record without passages.
    """
    means = row_means(passages, starts)
    length = np.maximum(np.linalg.norm(means, axis=1), 1e-9)
    return np.asarray(means @ topic / length, dtype=np.float32)


def row_means(values: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean of the rows that belong to each record: float32[records, d]; zeros for none."""
    lengths = np.diff(starts)
    shares = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
    # As a product of matrices: many times faster than a reduction row by row.
    shape = (len(lengths), len(values))
    return np.asarray(csr_array((shares, np.arange(len(values)), starts), shape) @ values)


@dataclass(frozen=True)
class TermRows:
    """Terms of some records, ready to be compared.

    Attributes:
        rows: Terms of each record, as positions among the distinct ones.
        vectors: float32[distinct, w] unit vectors; ``weights`` float32[distinct].
    """

    rows: Ragged
    vectors: NDArray[np.float32]
    weights: Scores

    @classmethod
    def of(cls, rows: Ragged, term_vectors: Rows, term_weights: Scores) -> TermRows:
        """Gather what belongs to the terms of some records.

        Args:
            rows: Terms of each record, as numbers.
            term_vectors: float16[terms, w] unit vectors.
            term_weights: float32[terms].
        """
        distinct, local = _distinct(rows.values, len(term_vectors))
        vectors = single(term_vectors[distinct])
        return cls(Ragged(local, rows.starts), vectors, term_weights[distinct])


def soft_match(
    query: NDArray[np.float32],
    query_weights: NDArray[np.float32],
    terms: TermRows,
    floor: float = FLOOR,
) -> tuple[NDArray[np.float32], Scores]:
    """Score records by soft matching of terms, across languages.

    Every term of the query is compared with every term of a record; it counts with its weight
    times its best similarity (late interaction with static vectors). The other way round, the
    share of the record that the query answers tells a specialist from one who does everything.

    Args:
        query: float32[q, w] unit vectors of the query's terms.
        query_weights: float32[g, q], one row a way of weighing the query's terms: as a whole,
            and aspect by aspect.
        terms: Of the records.
        floor: Similarities below it count nothing.

    Returns:
        How much of the query each record covers, float32[g, records], and how much of each
        record the query covers, float32[records]; all between 0 and 1.
    """
    rows = terms.rows
    if not len(query) or not len(rows):
        nothing = np.zeros(len(rows), dtype=np.float32)
        return np.zeros((len(query_weights), len(rows)), dtype=np.float32), nothing
    # A term a row: what belongs to a record is then read and compared in whole rows.
    similarity = terms.vectors @ query.T
    # What is below the floor is left out after the maximum, when there is less to go through.
    best = _gathered_maximum(similarity, rows.values, rows.starts)
    best[best < floor] = 0
    answer = similarity.max(axis=1)
    answer[answer < floor] = 0
    total_weight = np.maximum(query_weights.sum(axis=1, keepdims=True), 1e-9)
    covered = query_weights @ best.T / total_weight
    answered = _row_sum((terms.weights * answer)[rows.values], rows.starts)
    total = _row_sum(terms.weights[rows.values], rows.starts)
    answering = np.divide(answered, total, out=np.zeros_like(total), where=total > 0)
    return covered.astype(np.float32), answering.astype(np.float32)


def calibrate(
    scores: Scores,
    groups: NDArray[np.integer],
    background: Scores,
    background_groups: NDArray[np.integer],
) -> Scores:
    """Express scores in standard deviations above chance, language by language.

    Records in the query's own language score higher for shared words alone; what a chance
    record of the same language scores is the measure. A language of which the background holds
    few is judged partly by all.

    Args:
        scores: float32[records].
        groups: Language of each record.
        background: Scores of records drawn at random.
        background_groups: Their languages.

    Returns:
        float32[records].
    """
    if not len(background):
        return scores
    mean, deviation = float(background.mean()), float(background.std())
    result = np.empty_like(scores)
    for group in np.unique(groups):
        members = background[background_groups == group]
        share = len(members) / (len(members) + _SHRINKAGE)
        centre, spread = mean, deviation
        if len(members):
            centre = share * float(members.mean()) + (1 - share) * mean
            spread = share * float(members.std()) + (1 - share) * deviation
        here = groups == group
        result[here] = (scores[here] - centre) / max(spread, 1e-6)
    return result


def best_first(scores: Scores, k: int) -> NDArray[np.int64]:
    """Return the positions of the k highest scores, best first, ties in order of position."""
    k = min(k, len(scores))
    if k <= 0:
        return np.zeros(0, dtype=np.int64)
    head = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.arange(len(scores))
    # What ties with the last one in is decided by position, not by the partition's whim.
    head = np.flatnonzero(scores >= scores[head].min()) if k < len(scores) else head
    return np.asarray(head[np.argsort(-scores[head], kind="stable")][:k], dtype=np.int64)


def _distinct(
    values: NDArray[np.integer], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct values and, for each value, its position among them; faster than sorting."""
    present = np.zeros(limit, dtype=bool)
    present[values] = True
    distinct = np.flatnonzero(present)
    position = np.empty(limit, dtype=np.int32)
    position[distinct] = np.arange(len(distinct), dtype=np.int32)
    return distinct, position[values].astype(np.int64)


def _row_maximum(values: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Maximum of the columns that belong to each record: float32[q, records]."""
    result = np.zeros((len(values), len(starts) - 1), dtype=np.float32)
    filled = np.flatnonzero(np.diff(starts))
    if len(filled):
        result[:, filled] = np.maximum.reduceat(values, starts[filled], axis=1)
    return result


def _gathered_maximum(
    values: NDArray[np.float32], picked: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Maximum of the picked rows that belong to each record: float32[records, q]."""
    result = np.zeros((len(starts) - 1, values.shape[1]), dtype=np.float32)
    filled = np.flatnonzero(np.diff(starts))
    # A block of records at a time, so that what is gathered stays in the processor's cache.
    for begin in range(0, len(filled), _BLOCK):
        block = filled[begin : begin + _BLOCK]
        first = starts[block[0]]
        gathered = values[picked[first : starts[block[-1] + 1]]]
        result[block] = np.maximum.reduceat(gathered, starts[block] - first, axis=0)
    return result


def _row_sum(values: Scores, starts: NDArray[np.int64]) -> Scores:
    before = np.concatenate([np.zeros(1), np.cumsum(values, dtype=np.float64)])
    return np.asarray(before[starts[1:]] - before[starts[:-1]], dtype=np.float32)
