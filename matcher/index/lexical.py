"""The lexical index: BM25 over our own terms.

The weight of a term in a record (Robertson's BM25 in Lucene's form, Kamphuis et al. 2020) is
worked out when the index is built, so that a query only adds up postings; the same weights
serve as sparse vectors where another engine keeps the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matcher.index.arrays import open_array, save_array

K1, B = 1.2, 0.75


@dataclass(frozen=True)
class LexicalIndex:
    """Postings by term.

    Term ``t`` stands in ``records[starts[t]:starts[t + 1]]`` with these ``weights``.
    """

    records: NDArray[np.int32]
    weights: NDArray[np.float32]
    starts: NDArray[np.int64]
    size: int

    @classmethod
    def build(cls, counts: csr_array) -> LexicalIndex:
        """Index term counts, a sparse records x terms matrix."""
        size = counts.shape[0]
        postings = counts.tocsc()
        length = np.asarray(counts.sum(axis=1)).ravel().astype(np.float32)
        mean_length = length.mean() if size and length.any() else np.float32(1)
        frequency = np.diff(postings.indptr)
        idf = np.log1p((size - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        rows = postings.indices.astype(np.int32)
        tf = postings.data.astype(np.float32)
        norm = K1 * (1 - B + B * length / mean_length)
        weights = np.repeat(idf, frequency) * tf * (K1 + 1) / (tf + norm[rows])
        return cls(rows, weights.astype(np.float32), postings.indptr.astype(np.int64), size)

    @classmethod
    def open(cls, folder: Path, size: int) -> LexicalIndex:
        """Open what :meth:`save` wrote, by memory map."""
        return cls(
            open_array(folder, "postings"),
            open_array(folder, "posting_weights"),
            open_array(folder, "posting_starts"),
            size,
        )

    def save(self, folder: Path) -> None:
        """Write the index as three arrays."""
        save_array(folder, "postings", self.records)
        save_array(folder, "posting_weights", self.weights)
        save_array(folder, "posting_starts", self.starts)

    def scores(self, terms: Sequence[int], repeats: Sequence[float]) -> NDArray[np.float32]:
        """Score all records for a query: float32[size].

        Args:
            terms: Distinct term numbers.
            repeats: How often each stands in the query.
        """
        rows, values = [], []
        for term, times in zip(terms, repeats, strict=True):
            begin, end = int(self.starts[term]), int(self.starts[term + 1])
            rows.append(self.records[begin:end])
            values.append(self.weights[begin:end] * np.float32(times))
        if not rows:
            return np.zeros(self.size, dtype=np.float32)
        total = np.bincount(np.concatenate(rows), np.concatenate(values), minlength=self.size)
        return total.astype(np.float32)
