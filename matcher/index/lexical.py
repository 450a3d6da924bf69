"""The lexical index: BM25 over our own terms.

The weight of a term in a record is Robertson's BM25 in Lucene's form (Kamphuis et al. 2020).
Postings find the candidates; their scores are worked out from the terms of the candidates
themselves, so that a query need not score a million records it will not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matcher.index.arrays import Ragged, open_array, save_array
from matcher.index.base import Mask

K1, B = 1.2, 0.75
MOST_POSTINGS = 300_000
"""Postings a search for candidates reads: the rarest terms first, the commonest say least."""

_SAMPLED = 8

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class LexicalIndex:
    """Postings by term, and what BM25 needs to know of terms and records.

    Term ``t`` stands in ``records[starts[t]:starts[t + 1]]`` with these ``weights``.

    Attributes:
        records: int32, ascending for each term; ``weights`` float16 side by side with them.
        starts: int64[terms + 1].
        idf: float32[terms].
        lengths: float32[records], number of terms in each record; ``mean_length`` float32[1].
    """

    records: NDArray[np.int32]
    weights: NDArray[np.float16]
    starts: NDArray[np.int64]
    idf: Scores
    lengths: Scores
    mean_length: Scores

    @classmethod
    def build(cls, rows: Ragged, counts: NDArray[np.uint8], vocabulary: int) -> LexicalIndex:
        """Index the terms of records, each with how often it stands in its record."""
        size = len(rows)
        postings = csr_array((counts, rows.values, rows.starts), shape=(size, vocabulary)).tocsc()
        lengths = _sums(rows.starts, counts)
        mean_length = float(lengths.mean()) if lengths.any() else 1.0
        frequency = np.diff(postings.indptr)
        idf = _idf(frequency, size)
        weights = np.repeat(idf, frequency)
        weights *= _saturated(postings.data, lengths[postings.indices], mean_length)
        return cls(
            postings.indices.astype(np.int32),
            weights.astype(np.float16),
            postings.indptr.astype(np.int64),
            idf,
            lengths,
            np.array([mean_length], dtype=np.float32),
        )

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Open what :meth:`save` wrote, by memory map."""
        return cls(**{name: open_array(folder, file) for name, file in _FILES.items()})

    def save(self, folder: Path) -> None:
        """Write all arrays."""
        for name, file in _FILES.items():
            save_array(folder, file, getattr(self, name))

    def best(
        self, terms: Sequence[int], repeats: Sequence[float], k: int, allowed: Mask | None = None
    ) -> NDArray[np.int64]:
        """Find the k allowed records that score highest, in no order; fewer if fewer match.

        Args:
            terms: Distinct term numbers.
            repeats: How often each stands in the query.
            k: Number wanted.
            allowed: bool[records], all if not given.
        """
        spans = sorted(
            (int(self.starts[t + 1]) - int(self.starts[t]), int(self.starts[t]), float(r))
            for t, r in zip(terms, repeats, strict=True)
        )
        total = np.zeros(len(self.lengths), dtype=np.float32)
        read = 0
        touched = []
        for size, begin, times in spans:
            if read and read + size > MOST_POSTINGS:
                break
            records = self.records[begin : begin + size]
            weights = self.weights[begin : begin + size].astype(np.float32)
            if allowed is not None:
                kept = allowed[records]
                records, weights = records[kept], weights[kept]
            # A term names a record once, so this adds up as it should.
            total[records] += weights * np.float32(times)
            touched.append(records)
            read += size
        if not touched:
            return np.zeros(0, dtype=np.int64)
        return _highest(total, np.concatenate(touched), k)

    def scores(
        self,
        rows: Ragged,
        counts: NDArray[np.uint8],
        terms: Sequence[int],
        repeats: Sequence[float],
    ) -> Scores:
        """Score records, given their terms: float32[len(rows)].

        Args:
            rows: Terms of each record; numbers beyond the index's are terms newer than it.
            counts: How often each stands in its record.
            terms: Distinct terms of the query.
            repeats: How often each stands in it.
        """
        known = len(self.idf)
        size = max(known, int(rows.values.max(initial=0)) + 1, max(terms, default=0) + 1)
        asked = np.zeros(size, dtype=np.float32)
        asked[list(terms)] = repeats
        hit = np.flatnonzero(asked[rows.values])
        owners = np.searchsorted(rows.starts, hit, side="right") - 1
        numbers = rows.values[hit]
        idf = np.full(len(hit), _idf(np.zeros(1, dtype=np.int64), len(self.lengths))[0])
        old = numbers < known
        idf[old] = self.idf[numbers[old]]
        lengths = _sums(rows.starts, counts)[owners]
        weights = idf * _saturated(counts[hit], lengths, float(self.mean_length[0]))
        total = np.bincount(owners, weights * asked[numbers], minlength=len(rows))
        return total.astype(np.float32)


_FILES = {
    "records": "postings",
    "weights": "posting_weights",
    "starts": "posting_starts",
    "idf": "term_idf",
    "lengths": "record_lengths",
    "mean_length": "mean_length",
}


def _idf(frequency: NDArray[np.integer], records: int) -> Scores:
    return np.asarray(np.log1p((records - frequency + 0.5) / (frequency + 0.5)), dtype=np.float32)


def _saturated(counts: NDArray[np.uint8], lengths: Scores, mean_length: float) -> Scores:
    times = counts.astype(np.float32)
    norm = np.float32(K1) * (np.float32(1 - B) + np.float32(B / mean_length) * lengths)
    return np.asarray(times * np.float32(K1 + 1) / (times + norm), dtype=np.float32)


def _sums(starts: NDArray[np.int64], counts: NDArray[np.uint8]) -> Scores:
    """Sum the counts of each row."""
    before = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return np.asarray(before[starts[1:]] - before[starts[:-1]], dtype=np.float32)


def _highest(total: Scores, touched: NDArray[np.int32], k: int) -> NDArray[np.int64]:
    """Return the k distinct records of highest score among those touched."""
    values = total[touched]
    sample = np.sort(values[::_SAMPLED])[::-1]
    # Many are touched, few count: those below a bound, guessed from a sample, are left out before
    # the costly step of telling which are the same record.
    guess = _SAMPLED * k
    while True:
        place = guess // _SAMPLED
        above = values >= sample[place] if place < len(sample) else slice(None)
        records = np.unique(touched[above])
        if len(records) >= k or place >= len(sample):
            break
        guess *= 4
    if len(records) > k:
        records = records[np.argpartition(-total[records], k - 1)[:k]]
    return records.astype(np.int64)
