"""The seams: what a side of the index must answer, and a vector engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matcher.index.arrays import Ragged

if TYPE_CHECKING:
    from matcher.index.facets import Filters

Mask = NDArray[np.bool_]


class VectorIndex(Protocol):
    """Finds the vectors nearest to a query by inner product."""

    def __len__(self) -> int:
        """Return the number of vectors."""
        ...

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: Mask | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest of the allowed vectors for each query.

        Args:
            queries: float32[q, d] unit rows.
            k: Number wanted; fewer come only if fewer are allowed.
            allowed: bool[len(self)], all if not given.

        Returns:
            Scores float32[q, k], best first, and positions int64[q, k], -1 where there is none.
        """
        ...

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return stored vectors: float32[len(positions), d]."""
        ...


class Rows(Protocol):
    """Rows of an array, or of several behind one another, by their numbers."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[Any]:
        """Return some rows."""
        ...


class Side(Protocol):
    """All suppliers, or all needs, as the ranking asks for them.

    A record's number, from 0, is its position everywhere; so is a term's and a passage's.
    """

    @property
    def ids(self) -> Sequence[str]:
        """Record ids by number."""
        ...

    @property
    def languages(self) -> NDArray[np.uint8]:
        """uint8[records], index into ``LANGUAGES``; ``UNKNOWN_LANGUAGE`` otherwise."""
        ...

    @property
    def background(self) -> NDArray[np.int64]:
        """int64[b], records drawn at random: what a chance match looks like in each language."""
        ...

    @property
    def centres(self) -> NDArray[np.float32]:
        """float32[languages + 1, d], the mean vector of each language's passages."""
        ...

    @property
    def centre_weights(self) -> NDArray[np.float32]:
        """float32[languages + 1], number of passages behind each centre."""
        ...

    @property
    def term_vectors(self) -> Rows:
        """float16[terms, w], unit vectors of the terms."""
        ...

    def __len__(self) -> int:
        """Return the number of records, those that are gone included."""
        ...

    def find_record(self, record_id: str) -> int | None:
        """Return the number of a record, None if it is not there."""
        ...

    def mask(self, filters: Filters) -> Mask | None:
        """Tell which records are there and pass: bool[records], None if all do."""
        ...

    def passages(self, records: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the passages of some records, and where each record's begin among them."""
        ...

    def passage_vectors(self, passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return centred unit vectors: float32[passages, d]."""
        ...

    def terms(self, records: NDArray[np.int64]) -> Ragged:
        """Return the distinct terms of some records."""
        ...

    def find_terms(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return the numbers of terms, -1 for those that no record holds."""
        ...

    def frequency(
        self, languages: NDArray[np.integer], terms: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Tell how many records of a language hold a term, pair by pair."""
        ...

    def commonest(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Tell for each term in how many records its commonest language has it, and which."""
        ...

    def dense_best(
        self, queries: NDArray[np.float32], k: int, allowed: Mask | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k passages nearest to each query: scores and the records they belong to.

        Both [queries, k], best first; record -1 where there is none.
        """
        ...

    def lexical_best(
        self, terms: Sequence[int], repeats: Sequence[float], k: int, allowed: Mask | None
    ) -> NDArray[np.int64]:
        """Find the k records of highest BM25, in no order."""
        ...

    def lexical_scores(
        self, records: NDArray[np.int64], terms: Sequence[int], repeats: Sequence[float]
    ) -> NDArray[np.float32]:
        """Score records by BM25: float32[records]."""
        ...
