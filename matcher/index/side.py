"""One side of a generation: arrays in a folder, opened by memory map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.index.arrays import Lookup, Ragged, Strings, open_array, places
from matcher.index.base import Mask
from matcher.index.dense import FaissIndex
from matcher.index.facets import Facets, Filters
from matcher.index.lexical import LexicalIndex


@dataclass(frozen=True)
class StoredSide:
    """One side of a generation (see the seam for what it answers).

    Attributes:
        lookup: Record ids.
        facets: What records are filtered by.
        passage_starts: int64[records + 1]; record ``r`` owns the passages in between.
        dense: Centred unit vectors of all passages.
        centres: float32[languages + 1, d], what was subtracted per language.
        centre_weights: float32[languages + 1], number of passages behind each centre.
        lexical: BM25 postings by term.
        vocabulary: The terms.
        term_vectors: float16[terms, w], unit vectors of the terms.
        record_terms: Distinct terms of each record; ``term_counts`` uint8, how often each.
        frequencies: int32[languages + 1, terms], records of each language that hold a term.
        term_frequency: int32[terms], records of its commonest language that hold a term;
            ``term_language`` uint8[terms], which that is.
        background: int64[b], records drawn at random, up to 60 a language.
    """

    lookup: Lookup
    facets: Facets
    passage_starts: NDArray[np.int64]
    dense: FaissIndex
    centres: NDArray[np.float32]
    centre_weights: NDArray[np.float32]
    lexical: LexicalIndex
    vocabulary: Lookup
    term_vectors: NDArray[np.float16]
    record_terms: Ragged
    term_counts: NDArray[np.uint8]
    frequencies: NDArray[np.int32]
    term_frequency: NDArray[np.int32]
    term_language: NDArray[np.uint8]
    background: NDArray[np.int64]

    @classmethod
    def open(cls, folder: Path) -> StoredSide:
        """Open what :func:`matcher.index.assemble.assemble` wrote."""
        return cls(
            lookup=Lookup.open(folder, "ids"),
            facets=Facets.open(folder),
            dense=FaissIndex.open(folder),
            lexical=LexicalIndex.open(folder),
            vocabulary=Lookup.open(folder, "vocabulary"),
            record_terms=Ragged.open(folder, "record_terms"),
            **{name: open_array(folder, name) for name in _ARRAYS},
        )

    def __len__(self) -> int:
        return len(self.lookup)

    @property
    def ids(self) -> Strings:
        """Record ids by number."""
        return self.lookup.strings

    @property
    def languages(self) -> NDArray[np.uint8]:
        """Language of each record."""
        return self.facets.languages

    def find_record(self, record_id: str) -> int | None:
        """Return the number of a record, None if it is not there."""
        return self.lookup.position(record_id)

    def mask(self, filters: Filters) -> Mask | None:
        """Tell which records pass."""
        return self.facets.mask(filters) if filters.restrict else None

    def passages(self, records: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the passages of some records, and where each record's begin among them."""
        return places(self.passage_starts, records)

    def passage_vectors(self, passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return centred unit vectors."""
        return self.dense.vectors(passages)

    def terms(self, records: NDArray[np.int64]) -> Ragged:
        """Return the distinct terms of some records."""
        return self.record_terms.take(records)

    def find_terms(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return the numbers of terms, -1 for those that no record holds."""
        return self.vocabulary.find(names)

    def frequency(
        self, languages: NDArray[np.integer], terms: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Tell how many records of a language hold a term, pair by pair."""
        return np.asarray(self.frequencies[languages, terms], dtype=np.int64)

    def commonest(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Tell for each term in how many records its commonest language has it, and which."""
        return self.term_frequency, self.term_language

    def dense_best(
        self, queries: NDArray[np.float32], k: int, allowed: Mask | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k passages nearest to each query: scores and the records they belong to."""
        if allowed is not None:
            allowed = np.repeat(allowed, np.diff(self.passage_starts))
        return self.passages_best(queries, k, allowed)

    def passages_best(
        self, queries: NDArray[np.float32], k: int, allowed: Mask | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Do the same, given which passages are allowed: bool[passages]."""
        scores, positions = self.dense.search(queries, k, allowed)
        owners = np.searchsorted(self.passage_starts, positions, side="right") - 1
        return scores, np.where(positions >= 0, owners, -1)

    def lexical_best(
        self, terms: Sequence[int], repeats: Sequence[float], k: int, allowed: Mask | None
    ) -> NDArray[np.int64]:
        """Find the k records of highest BM25, in no order."""
        return self.lexical.best(terms, repeats, k, allowed)

    def lexical_scores(
        self, records: NDArray[np.int64], terms: Sequence[int], repeats: Sequence[float]
    ) -> NDArray[np.float32]:
        """Score records by BM25."""
        found, starts = places(self.record_terms.starts, records)
        rows = Ragged(np.asarray(self.record_terms.values[found]), starts)
        return self.lexical.scores(rows, self.term_counts[found], terms, repeats)


_ARRAYS = (
    "passage_starts",
    "centres",
    "centre_weights",
    "term_vectors",
    "term_counts",
    "frequencies",
    "term_frequency",
    "term_language",
    "background",
)
