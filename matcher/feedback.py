"""What people said of a need's suppliers changes its next ranking at once.

Relevance feedback in the manner of Rocchio (1971): the need moves towards the suppliers found
worth inviting and away from those that were not. Words of the need that the former share gain
weight and words that only the latter share lose it; the words that the former have in common
join the need with a small weight. The need itself always counts most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from matcher.embed import normalise
from matcher.index.base import Side
from matcher.query import Query
from matcher.rank import FLOOR, row_means

TOWARDS = 1.0
"""How far the topic moves towards the mean of those worth inviting; its own length is 1."""
AWAY = 0.3
"""How far it moves away from the mean of those that are not."""
EMPHASIS = 1.0
"""How much more a word counts that all of those worth inviting answer."""


def learn(query: Query, side: Side, judgements: Mapping[str, int]) -> Query:
    """Return the query as judgements change it.

    Args:
        query: As prepared from the need alone.
        side: The index of the judged records.
        judgements: Record id -> 0 (not), 1 (partly) or 2 (worth inviting); ids the index does
            not hold are passed over.
    """
    numbers = {
        number: grade
        for record_id, grade in judgements.items()
        if (number := side.find_record(record_id)) is not None
    }
    liked = np.array([n for n, grade in numbers.items() if grade > 0], dtype=np.int64)
    disliked = np.array([n for n, grade in numbers.items() if grade <= 0], dtype=np.int64)
    strength = np.array([grade / 2 for grade in numbers.values() if grade > 0])
    topic = query.topic.astype(np.float64)
    weights = query.term_weights.astype(np.float64)
    if len(liked):
        topic = topic + TOWARDS * (strength @ _topics(side, liked)) / len(liked)
        weights = weights * (1 + EMPHASIS * (strength @ _answers(query, side, liked)) / len(liked))
    if len(disliked):
        topic = topic - AWAY * _topics(side, disliked).mean(axis=0)
    return replace(
        query,
        topic=normalise(topic[None, :].astype(np.float32))[0],
        term_weights=weights.astype(np.float32),
    )


def _topics(side: Side, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean passage vectors of some records: float32[records, d] unit rows."""
    passages, starts = side.passages(numbers)
    return normalise(row_means(side.passage_vectors(passages), starts))


def _answers(query: Query, side: Side, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """How well each record answers each term of the query: float32[records, terms]."""
    best = np.zeros((len(numbers), len(query.terms)), dtype=np.float32)
    for row, number in enumerate(numbers):
        terms = side.terms(np.array([number])).values
        if len(terms):
            vectors = side.term_vectors[terms].astype(np.float32)
            best[row] = (query.term_vectors @ vectors.T).max(axis=1)
    best[best < FLOOR] = 0
    return best
