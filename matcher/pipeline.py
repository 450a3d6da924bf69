"""The matcher: from a query to a ranking, by named stages over a fixed set of fields.

A stage takes a :class:`Ranking` and returns one with more fields filled in. A pipeline is a
tuple of stages run in a loop, which keeps the time each took: what a ranking shows can be
traced to the stage that put it there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from matcher.embed import Encoder, StaticEncoder
from matcher.fusion import Band, Fusion
from matcher.index.base import Mask, Side
from matcher.index.facets import Filters
from matcher.index.generation import Generation
from matcher.query import Query, QueryMaker
from matcher.rank import (
    Scores,
    TermRows,
    best_first,
    calibrate,
    likeness,
    passage_alignment,
    soft_match,
)
from matcher.records import Kind, Record
from matcher.text import TermMaker

CANDIDATES = 800
"""Records that dense and lexical search each put forward, at least; more for a longer list."""
FEW = 2000
"""Of this many records all are ranked."""
SHORTLIST = 400
"""Candidates found by search whose terms are compared, at least; more for a longer list."""
PASSAGES_FOUND = 400
"""Passages that dense search finds for each passage of a query, at least."""


@dataclass(frozen=True)
class Ranking:
    """Candidates and their scores; each stage fills in more.

    Attributes:
        kind: What is searched.
        wanted: Length of the list asked for.
        records: int64[c], numbers of the candidates on the searched side.
        background: int64[b], records drawn at random, scored alike, to calibrate by.
        fields: Signal -> float32[c], as measured.
        background_fields: The same for the background.
        signals: Signal -> float32[c], in standard deviations above chance.
        score: float32[c], what is ranked by.
        aspects: float32[aspects, c], how much of each aspect of the need a candidate covers.
        background_aspects: The same for the background.
        seconds: Stage -> time it took.
        searched: Whether the candidates were found by search; else all that pass are.
    """

    query: Query
    kind: Kind
    side: Side
    filters: Filters
    wanted: int
    records: NDArray[np.int64]
    background: NDArray[np.int64]
    fields: dict[str, Scores] = field(default_factory=dict)
    background_fields: dict[str, Scores] = field(default_factory=dict)
    signals: dict[str, Scores] = field(default_factory=dict)
    score: Scores = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    aspects: NDArray[np.float32] | None = None
    background_aspects: NDArray[np.float32] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    searched: bool = False

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
        parts: Signal -> as measured.
        signals: Signal -> in standard deviations above chance; their weighted sum is the score.
        aspects: How far above chance it covers each aspect of the need, in standard deviations.
        probability: That a person would find it worth inviting; None at stages but ``full``.
        band: Likewise.
    """

    record_id: str
    position: int
    score: float
    parts: dict[str, float]
    signals: dict[str, float]
    aspects: tuple[float, ...] = ()
    probability: float | None = None
    band: Band | None = None


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
    """Ranks the records of one side for a record.

    Args:
        generation: The index.
        encoder: Of passages; must be the one that made the index.
        word_encoder: Of terms, likewise.
        term_maker: Makes terms.
        fusion: Weighs the signals; what ships if not given.
    """

    def __init__(
        self,
        generation: Generation,
        encoder: Encoder,
        word_encoder: StaticEncoder,
        term_maker: TermMaker,
        fusion: Fusion | None = None,
    ) -> None:
        generation.check(encoder, word_encoder)
        self.generation = generation
        self.fusion = fusion or Fusion.read()
        self.queries = QueryMaker(generation, encoder, word_encoder, term_maker)

        self._background_terms: dict[Kind, TermRows] = {}

    def compared_terms(self, kind: Kind, records: NDArray[np.int64]) -> TermRows:
        """Gather the terms of some records of a side."""
        side = self.generation.sides[kind]
        weights = self.queries.side_term_weights[kind]
        return TermRows.of(side.terms(records), side.term_vectors, weights)

    def background_terms(self, kind: Kind) -> TermRows:
        """Gather the terms of a side's background; they are the same for every query."""
        found = self._background_terms.get(kind)
        if found is None:
            found = self.compared_terms(kind, self.generation.sides[kind].background)
            self._background_terms[kind] = found
        return found

    def prepare(self, record: Record, kind: Kind) -> Query:
        """Prepare a record as a query.

        Raises:
            InputError: It has no words to match.
        """
        return self.queries.make(record, kind)

    def rank(
        self,
        query: Query,
        filters: Filters | None = None,
        stage: str = "full",
        kind: Kind | None = None,
        wanted: int = 0,
    ) -> Ranking:
        """Run the stages of a pipeline and return the candidates with all their numbers.

        Args:
            query: From :meth:`prepare`.
            filters: What a record must be.
            stage: ``lexical``, ``dense``, ``hybrid`` or ``full``.
            kind: What to search; the side across from the query's if not given.
            wanted: Length of the list it is for: of a large side, no fewer than twice as many
                candidates are ranked, and never fewer than some hundreds.
        """
        kind = kind or query.kind.other
        side = self.generation.sides[kind]
        nobody = np.zeros(0, dtype=np.int64)
        ranking = Ranking(query, kind, side, filters or Filters(), wanted, nobody, side.background)
        for name, run in PIPELINES[stage]:
            started = time.perf_counter()
            ranking = run(self, ranking)
            ranking.seconds[name] = time.perf_counter() - started
        return ranking

    def match(
        self,
        query: Query,
        k: int = 10,
        filters: Filters | None = None,
        stage: str = "full",
        kind: Kind | None = None,
    ) -> Result:
        """Rank one side for a query and return the first k; shorter only if fewer pass."""
        return self.cut(self.rank(query, filters, stage, kind, k), k, stage)

    def cut(
        self,
        ranking: Ranking,
        k: int,
        stage: str = "full",
        judgements: Mapping[str, int] | None = None,
    ) -> Result:
        """Cut a ranking to its first k.

        Args:
            ranking: From :meth:`rank`.
            k: Length of the list; shorter only if the ranking is.
            stage: That it was made by.
            judgements: Record id -> 0, 1 or 2, what a person said of it: those worth inviting
                (2) come first, those that are not (0) last.
        """
        order = _order(ranking, judgements or {})[:k]
        hits = self.hits(ranking, order, stage)
        return Result(
            hits,
            ranking.query,
            self.generation.name,
            len(ranking.records),
            stage,
            ranking.seconds,
        )

    def hits(self, ranking: Ranking, order: NDArray[np.int64], stage: str = "full") -> list[Hit]:
        """Make places of some candidates, in the order given."""
        chosen = replace(
            ranking,
            records=ranking.records[order],
            fields={name: values[order] for name, values in ranking.fields.items()},
            signals={name: values[order] for name, values in ranking.signals.items()},
            score=ranking.score[order],
            aspects=None if ranking.aspects is None else ranking.aspects[:, order],
        )
        aspects = aspect_scores(chosen)
        probability: list[float | None] = [None] * len(order)
        if stage == "full" and ranking.kind is not ranking.query.kind:
            known = self.fusion.probability(chosen.score, chosen.fields["covered"])
            probability = [round(float(p), 4) for p in known]
        return [
            Hit(
                ranking.side.ids[int(number)],
                place + 1,
                float(chosen.score[place]),
                {name: float(values[place]) for name, values in chosen.fields.items()},
                {name: float(values[place]) for name, values in chosen.signals.items()},
                tuple(round(float(a), 3) for a in aspects[:, place]),
                chance,
                None if chance is None else self.fusion.band(chance),
            )
            for place, (number, chance) in enumerate(zip(chosen.records, probability, strict=True))
        ]


def _order(ranking: Ranking, judgements: Mapping[str, int]) -> NDArray[np.int64]:
    """Positions of the candidates, best first; what people said goes before the score."""
    if not judgements:
        return best_first(ranking.score, len(ranking.score))
    ids = [ranking.side.ids[int(r)] for r in ranking.records]
    standing = np.array([judgements.get(i, 1) for i in ids])
    return np.asarray(np.lexsort((-ranking.score, -standing)), dtype=np.int64)


def aspect_scores(ranking: Ranking) -> NDArray[np.float32]:
    """Coverage of each aspect by each candidate, float32[aspects, c], in deviations from chance."""
    if ranking.aspects is None or ranking.background_aspects is None or not len(ranking.aspects):
        return np.zeros((0, len(ranking.records)), dtype=np.float32)
    languages = ranking.side.languages
    return np.stack(
        [
            calibrate(
                covered, languages[ranking.records], background, languages[ranking.background]
            )
            for covered, background in zip(ranking.aspects, ranking.background_aspects, strict=True)
        ]
    )


# -- stages


def candidates(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Choose the records to score: all that pass on a small side, else what search finds."""
    side, query = ranking.side, ranking.query
    allowed = side.mask(ranking.filters)
    passing = len(side) if allowed is None else int(np.count_nonzero(allowed))
    wanted = max(CANDIDATES, 2 * ranking.wanted)
    searched = passing > max(FEW, 2 * wanted)
    if searched:
        found = [
            side.lexical_best(*_asked_terms(side, query), wanted, allowed),
            _dense_candidates(side, query, wanted, allowed),
        ]
        records = np.unique(np.concatenate(found))
    else:
        records = np.arange(len(side)) if allowed is None else np.flatnonzero(allowed)
    return replace(ranking, records=records, searched=searched)


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
    """Score by the alignment of passages, and by the likeness of the texts as a whole."""
    side, query = ranking.side, ranking.query
    passages, starts = side.passages(ranking.scored)
    vectors = side.passage_vectors(passages)
    weights = np.ones(len(query.vectors), dtype=np.float32)
    alignment = passage_alignment(query.vectors, weights, vectors, starts)
    ranking = ranking.with_field("dense", alignment)
    return ranking.with_field("topic", likeness(query.topic, vectors, starts))


def shortlist(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Keep the best found by search, judged by what is measured already: terms take longest."""
    wanted = max(SHORTLIST, 2 * ranking.wanted)
    if not ranking.searched or len(ranking.records) <= wanted:
        return ranking
    known = calibrated(matcher, ranking).signals
    kept = np.sort(
        best_first(np.asarray(matcher.fusion.among(known).score(known), dtype=np.float32), wanted)
    )
    return replace(
        ranking,
        records=ranking.records[kept],
        fields={name: values[kept] for name, values in ranking.fields.items()},
    )


def terms(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Score by soft matching of terms, in both directions.

    What counts is how much of the need the supplier covers, whichever of the two asks.
    """
    query = ranking.query
    weights = np.vstack([query.term_weights, query.aspect_weights])
    both = [
        soft_match(query.term_vectors, weights, compared)
        for compared in (
            matcher.compared_terms(ranking.kind, ranking.records),
            matcher.background_terms(ranking.kind),
        )
    ]
    ours = np.hstack([ours for ours, _ in both])
    theirs = np.concatenate([theirs for _, theirs in both])
    by_need = query.kind is Kind.NEED
    ranking = ranking.with_field("covered", ours[0] if by_need else theirs)
    ranking = ranking.with_field("answering", theirs if by_need else ours[0])
    count = len(ranking.records)
    return replace(ranking, aspects=ours[1:, :count], background_aspects=ours[1:, count:])


def calibrated(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Express every field in standard deviations above chance, language by language."""
    languages = ranking.side.languages
    signals = {
        name: calibrate(
            values,
            languages[ranking.records],
            ranking.background_fields[name],
            languages[ranking.background],
        )
        for name, values in ranking.fields.items()
    }
    return replace(ranking, signals=signals)


def fused(matcher: Matcher, ranking: Ranking) -> Ranking:
    """Add the signals up with the weights that were fitted."""
    return replace(
        ranking, score=np.asarray(matcher.fusion.score(ranking.signals), dtype=np.float32)
    )


def summed(*names: str) -> Callable[[Matcher, Ranking], Ranking]:
    """Make the stage that adds up some signals with equal weights."""

    def stage(matcher: Matcher, ranking: Ranking) -> Ranking:
        total = np.sum([ranking.signals[name] for name in names], axis=0)
        return replace(ranking, score=np.asarray(total, dtype=np.float32))

    return stage


def alone(name: str) -> Callable[[Matcher, Ranking], Ranking]:
    """Make the stage that ranks by one field as it is."""

    def stage(matcher: Matcher, ranking: Ranking) -> Ranking:
        return replace(ranking, score=ranking.fields[name])

    return stage


PIPELINES: dict[str, tuple[Stage, ...]] = {
    "lexical": (("candidates", candidates), ("lexical", lexical), ("rank", alone("lexical"))),
    "dense": (("candidates", candidates), ("dense", dense), ("rank", alone("dense"))),
    "hybrid": (
        ("candidates", candidates),
        ("lexical", lexical),
        ("dense", dense),
        ("calibrate", calibrated),
        ("fuse", summed("lexical", "dense", "topic")),
    ),
    "full": (
        ("candidates", candidates),
        ("lexical", lexical),
        ("dense", dense),
        ("shortlist", shortlist),
        ("terms", terms),
        ("calibrate", calibrated),
        ("fuse", fused),
    ),
}
