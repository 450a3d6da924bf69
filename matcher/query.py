"""A record prepared for matching against the other side."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.aspects import Aspect, split_aspects
from matcher.embed import Encoder, Role, StaticEncoder, normalise
from matcher.errors import InputError
from matcher.index.base import Side
from matcher.index.facets import UNKNOWN_LANGUAGE, language_number
from matcher.index.generation import Generation
from matcher.index.part import centre
from matcher.rank import Scores, inverse_document_frequency
from matcher.records import Kind, Record
from matcher.text import Passage, TermMaker, canonical_text, language_of, passages, words

TITLE_WEIGHT = 1.5
"""A word of the title counts this much more: a title says what it is about."""


@dataclass(frozen=True)
class Query:
    """A record prepared as a query.

    Attributes:
        kind: What it is; the other kind is searched.
        record_id: Of a stored record, or empty.
        lang: Its language.
        passages: Its passages.
        vectors: float32[passages, d], centred unit vectors.
        topic: float32[d], their mean at length one.
        terms: Its distinct terms with their languages.
        surface: The word each term came from first, as it stands in the text, folded.
        counts: float32[terms], how often each stands in it.
        membership: float32[passages, terms], 1 where a term stands in a passage.
        term_vectors: float32[terms, w].
        term_weights: float32[terms], what each counts.
        aspects: The parts of a need; empty for a supplier.
        aspect_weights: float32[aspects, terms], each aspect's share of each term's weight.
    """

    kind: Kind
    record_id: str
    lang: str
    passages: list[Passage]
    vectors: NDArray[np.float32]
    topic: NDArray[np.float32]
    terms: list[tuple[str, str]]
    surface: list[str]
    counts: Scores
    membership: NDArray[np.float32]
    term_vectors: NDArray[np.float32]
    term_weights: Scores
    aspects: list[Aspect]
    aspect_weights: NDArray[np.float32]


class QueryMaker:
    """Prepares records as queries, with the statistics of one generation.

    Attributes:
        side_term_weights: Kind -> float32[terms], weights of all terms of a side.

    Args:
        generation: Gives frequencies of terms and centres of languages.
        encoder: Of passages.
        word_encoder: Of terms.
        term_maker: Makes terms.
    """

    def __init__(
        self,
        generation: Generation,
        encoder: Encoder,
        word_encoder: StaticEncoder,
        term_maker: TermMaker,
    ) -> None:
        self._sides = list(generation.sides.values())
        self._encoder = encoder
        self._word_encoder = word_encoder
        self._term_maker = term_maker
        self._centres = _mean_centres(self._sides)
        self._records_per_language = np.sum(
            [np.bincount(side.languages, minlength=UNKNOWN_LANGUAGE + 1) for side in self._sides],
            axis=0,
        )
        self.side_term_weights = {
            kind: self._side_term_weights(side) for kind, side in generation.sides.items()
        }

    def make(self, record: Record, kind: Kind) -> Query:
        """Prepare a record.

        Raises:
            InputError: It has no words to match by.
        """
        found = passages(record)
        counts: Counter[tuple[str, str]] = Counter()
        surface: dict[tuple[str, str], str] = {}
        where: list[tuple[int, tuple[str, str]]] = []
        for number, passage in enumerate(found):
            for word in words(passage.text):
                for name in self._term_maker.terms(word, passage.lang):
                    term = (name, passage.lang)
                    counts[term] += 1
                    surface.setdefault(term, word)
                    where.append((number, term))
        if not counts:
            raise InputError("the text holds no words to match by")
        terms = list(counts)
        column = {term: n for n, term in enumerate(terms)}
        membership = np.zeros((len(found), len(terms)), dtype=np.float32)
        membership[[p for p, _ in where], [column[t] for _, t in where]] = 1
        times = np.array([counts[t] for t in terms], dtype=np.float32)
        weights = self._idf(terms) * self._emphasis(found, membership)
        term_vectors = self._word_encoder.encode_words([name for name, _ in terms])
        names = [surface[t] for t in terms]
        aspects: list[Aspect] = []
        shares = np.zeros((0, len(terms)), dtype=np.float32)
        if kind is Kind.NEED:
            aspects, shares = split_aspects(found, membership, weights, term_vectors, names)
        vectors = self._encoder.encode([p.text for p in found], Role.QUERY)
        languages = np.array([language_number(p.lang) for p in found], dtype=np.uint8)
        vectors = centre(vectors, languages, self._centres)
        return Query(
            kind=kind,
            record_id=record.id,
            lang=language_of(canonical_text(record)),
            passages=found,
            vectors=vectors,
            topic=normalise(vectors.mean(axis=0, keepdims=True))[0],
            terms=terms,
            surface=names,
            counts=times,
            membership=membership,
            term_vectors=term_vectors,
            term_weights=weights,
            aspects=aspects,
            aspect_weights=shares,
        )

    def _idf(self, terms: list[tuple[str, str]]) -> Scores:
        """Weights of terms, by the frequency in their language on both sides."""
        languages = np.array([language_number(lang) for _, lang in terms])
        frequency = np.zeros(len(terms), dtype=np.int64)
        for side in self._sides:
            numbers = side.find_terms([name for name, _ in terms])
            known = numbers >= 0
            frequency[known] += side.frequency(languages[known], numbers[known])
        return inverse_document_frequency(frequency, self._records_per_language[languages])

    def _side_term_weights(self, side: Side) -> Scores:
        """Weights of all terms of a side, each by its most frequent language."""
        frequency, language = side.commonest()
        return inverse_document_frequency(frequency, self._records_per_language[language])

    @staticmethod
    def _emphasis(found: list[Passage], membership: NDArray[np.float32]) -> Scores:
        """How much more than once a term counts, by where it stands."""
        title = np.array([p.field == "title" for p in found])
        in_title = membership[title].max(axis=0) if title.any() else np.zeros(membership.shape[1])
        return np.where(in_title > 0, TITLE_WEIGHT, 1.0).astype(np.float32)


def _mean_centres(sides: list[Side]) -> NDArray[np.float32]:
    """Centres of each language over both sides, weighted by what stands behind them."""
    weights = np.stack([s.centre_weights for s in sides])
    total = np.maximum(weights.sum(axis=0), 1)
    centres = np.stack([s.centres for s in sides])
    return np.asarray((centres * (weights / total)[:, :, None]).sum(axis=0), dtype=np.float32)
