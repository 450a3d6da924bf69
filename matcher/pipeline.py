"""The matcher: from a query to a ranking, by named stages over a fixed set of fields.

A stage takes a :class:`Ranking` and returns one with more fields filled in. A pipeline is a
tuple of stages run in a loop, which keeps the time each took: what a ranking shows can be
traced to the stage that put it there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from matcher.embed import Encoder, StaticEncoder
from matcher.index.base import Mask, Side
from matcher.index.facets import Filters
from matcher.index.generation import Generation
from matcher.query import Query, QueryMaker
from matcher.rank import (
    Scores,
    best_first,
    calibrate,
    passage_alignment,
    soft_match,
)
from matcher.records import Kind, Record
from matcher.text import TermMaker

CANDIDATES = 300
"""Records that dense and lexical search each put forward, at least; more for a longer list."""
FEW = 2000
"""Of this many records all are ranked."""
PASSAGES_FOUND = 150
"""Passages that dense search finds for each passage of a query, at least."""


@dataclass(frozen=True)
class Ranking:
    """Candidates and their scores; each stage fills in more.

    Attributes:
        wanted: Length of the list asked for.
        records: int64[c], numbers of the candidates on the searched side.
        background: int64[b], records drawn at random, scored alike, to calibrate by.
        fields: Name -> float32[c]: ``lexical``, ``dense``, ``covered``, ``answering``, ``score``.
        background_fields: The same for the background.
        aspects: float32[aspects, c], how much of each aspect of the need a candidate covers.
        background_aspects: The same for the background.
        seconds: Stage -> time it took.
    """

    query: Query
    side: Side
    filters: Filters
    wanted: int
    records: NDArray[np.int64]
    background: NDArray[np.int64]
    fields: dict[str, Scores] = field(default_factory=dict)
    background_fields: dict[str, Scores] = field(default_factory=dict)
    aspects: NDArray[np.float32] | None = None
    background_aspects: NDArray[np.float32] | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def with_field(self, name: str, scores: Scores) -> Ranking:
        """Add a field, given the scores of candidates and background in one array."""
        count = len(self.records)
        return replace(
            self,
            fields={**self.fields, name: scores[:count]},
            background_fields={**self.background_fields, name: scores[count:]},
        )

    @property
    def scored(self) -> NDArray[np.int64]:
        """Candidates and background, in the order :meth:`with_field` takes them."""
        return np.concatenate([self.records, self.background])


Stage = tuple[str, Callable[["Matcher", Ranking], Ranking]]


@dataclass(frozen=True)
class Hit:
    """One place of a ranking.

    Attributes:
        record_id: Of the record.
        position: From 1.
        score: What it is ranked by.
        parts: Each stage's number.
        aspects: How far above chance it covers each aspect of the need, in standard deviations.
    """

    record_id: str
    position: int
    score: float
    parts: dict[str, float]
    aspects: tuple[float, ...] = ()


@dataclass(frozen=True)
class Result:
    """A ranking cut to its first k, with what it was made by."""

    hits: list[Hit]
    query: Query
    generation: str
    candidates: int
    stage: str
    seconds: dict[str, float]


class Matcher:
    """Ranks the records of one side for a record of the other.

    Args:
        generation: The index.
        encoder: Of passages; must be the one that made the index.
        word_encoder: Of terms, likewise.
        term_maker: Makes terms.
    """

    def __init__(
        self,
        generation: Generation,
        encoder: Encoder,
        word_encoder: StaticEncoder,
        term_maker: TermMaker,
    ) -> None:
        generation.check(encoder, word_encoder)
        self.generation = generation
        self.queries = QueryMaker(generation, encoder, word_encoder, term_maker)

    def prepare(self, record: Record, kind: Kind) -> Query:
        """Prepare a record as a query.

        Raises:
            InputError: It has no words to match.
        """
        return self.queries.make(record, kind)

    def match(
        self,
        query: Query,
        k: int = 10,
        filters: Filters | None = None,
        stage: str = "full",
    ) -> Result:
        """Rank the other side for a query.

        Args:
            query: From :meth:`prepare`.
            k: Length of the list; shorter only if fewer pass the filters.
            filters: What a record must be.
            stage: ``lexical``, ``dense``, ``hybrid`` or ``full``.
        """
        side = self.generation.sides[query.kind.other]
        ranking = Ranking(
            query, side, filters or Filters(), k, np.zeros(0, dtype=np.int64), side.background
        )
        for name, run in PIPELINES[stage]:
            started = time.perf_counter()
            ranking = run(self, ranking)
            ranking.seconds[name] = time.perf_counter() - started
        order = best_first(ranking.fields["score"], k)
        aspects = _aspect_scores(ranking)
        hits = [
            Hit(
                side.ids[int(ranking.records[i])],
                place,
                float(ranking.fields["score"][i]),
                {name: float(values[i]) for name, values in ranking.fields.items()},
                tuple(round(float(a[i]), 3) for a in aspects),
            )
            for place, i in enumerate(order, start=1)
        ]
        return Result(
            hits,
            query,
            self.generation.name,
            len(ranking.records),
            stage,
            ranking.seconds,
        )


# -- stages


def candidates(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Choose the records to score: all that pass on a small side, else what search finds."""
    side, query = ranking.side, ranking.query
    allowed = side.mask(ranking.filters)
    passing = len(side) if allowed is None else int(np.count_nonzero(allowed))
    wanted = max(CANDIDATES, 2 * ranking.wanted)
    if passing <= max(FEW, 2 * wanted):
        records = np.arange(len(side)) if allowed is None else np.flatnonzero(allowed)
        return replace(ranking, records=records)
    found = [
        side.lexical_best(*_asked_terms(side, query), wanted, allowed),
        _dense_candidates(side, query, wanted, allowed),
    ]
    return replace(ranking, records=np.unique(np.concatenate(found)))


def _dense_candidates(
    side: Side, query: Query, wanted: int, allowed: Mask | None
) -> NDArray[np.int64]:
    """Find the records that would align best, judged by what search finds of their passages."""
    scores, owners = side.dense_best(query.vectors, max(PASSAGES_FOUND, wanted // 2), allowed)
    best = np.zeros((len(query.vectors), len(found := np.unique(owners[owners >= 0]))))
    for row, (values, records) in enumerate(zip(scores, owners, strict=True)):
        known = records >= 0
        # What was not found for a passage scores no more than the last that was.
        best[row] = values[known].min() if known.any() else 0.0
        columns = np.searchsorted(found, records[known])
        np.maximum.at(best[row], columns, values[known])
    return found[best_first(best.mean(axis=0).astype(np.float32), wanted)]


def lexical(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Score by BM25."""
    side = ranking.side
    scores = side.lexical_scores(ranking.scored, *_asked_terms(side, ranking.query))
    return ranking.with_field("lexical", scores)


def _asked_terms(side: Side, query: Query) -> tuple[list[int], list[float]]:
    """Return the terms of a query that a side knows, and how often each stands in it."""
    repeats: dict[int, float] = {}
    numbers = side.find_terms([term for term, _ in query.terms])
    for number, count in zip(numbers.tolist(), query.counts.tolist(), strict=True):
        if number >= 0:
            repeats[number] = repeats.get(number, 0) + count
    return list(repeats), list(repeats.values())


def dense(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Score by the alignment of passages."""
    side, query = ranking.side, ranking.query
    passages, starts = side.passages(ranking.scored)
    weights = np.ones(len(query.vectors), dtype=np.float32)
    scores = passage_alignment(query.vectors, weights, side.passage_vectors(passages), starts)
    return ranking.with_field("dense", scores)


def terms(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Score by soft matching of terms, in both directions."""
    side, query = ranking.side, ranking.query
    rows = side.terms(ranking.scored)
    covered, answering = soft_match(
        query.term_vectors,
        np.vstack([query.term_weights, query.aspect_weights]),
        rows,
        side.term_vectors,
        matcher.queries.side_term_weights[query.kind.other],
    )
    ranking = ranking.with_field("covered", covered[0]).with_field("answering", answering)
    count = len(ranking.records)
    return replace(ranking, aspects=covered[1:, :count], background_aspects=covered[1:, count:])


def _aspect_scores(ranking: Ranking) -> list[Scores]:
    """Coverage of each aspect by each candidate, in standard deviations above chance."""
    if ranking.aspects is None or ranking.background_aspects is None:
        return []
    languages = ranking.side.languages
    return [
        calibrate(covered, languages[ranking.records], background, languages[ranking.background])
        for covered, background in zip(ranking.aspects, ranking.background_aspects, strict=True)
    ]


def fuse(**weights: float) -> Callable[[Matcher, Ranking], Ranking]:
    """Make the stage that adds up calibrated fields with these weights."""

    def stage(matcher: Matcher, ranking: Ranking) -> Ranking:
        languages = ranking.side.languages
        total = np.zeros(len(ranking.records), dtype=np.float32)
        for name, weight in weights.items():
            total += weight * calibrate(
                ranking.fields[name],
                languages[ranking.records],
                ranking.background_fields[name],
                languages[ranking.background],
            )
        return replace(ranking, fields={**ranking.fields, "score": total})

    return stage


def alone(name: str) -> Callable[[Matcher, Ranking], Ranking]:
    """Make the stage that ranks by one field as it is."""

    def stage(matcher: Matcher, ranking: Ranking) -> Ranking:
        return replace(ranking, fields={**ranking.fields, "score": ranking.fields[name]})

    return stage


def full_fusion(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Fuse all fields.

    What counts most is how much of the need the supplier covers, whichever of the two asks.
    """
    by_need = ranking.query.kind is Kind.NEED
    need, supplier = ("covered", "answering") if by_need else ("answering", "covered")
    return fuse(**{need: 1.0, supplier: 0.6, "lexical": 0.1, "dense": 0.3})(matcher, ranking)


PIPELINES: dict[str, tuple[Stage, ...]] = {
    "lexical": (("candidates", candidates), ("lexical", lexical), ("rank", alone("lexical"))),
    "dense": (("candidates", candidates), ("dense", dense), ("rank", alone("dense"))),
    "hybrid": (
        ("candidates", candidates),
        ("lexical", lexical),
        ("dense", dense),
        ("fuse", fuse(lexical=1.0, dense=1.0)),
    ),
    "full": (
        ("candidates", candidates),
        ("lexical", lexical),
        ("dense", dense),
        ("terms", terms),
        ("fuse", full_fusion),
    ),
}
