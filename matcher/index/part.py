"""Prepared records: what the index needs of each, as arrays.

Text preparation is nearly all the work of indexing, so what it gives is kept whole: shards of a
full build are parts, the side of a generation is one, and so is the overlay of fresh changes. A
generation thereby serves as the cache for the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.embed import Encoder, normalise
from matcher.index.arrays import Ragged, Strings, hashes_of, open_array, places, save_array
from matcher.index.facets import Facets, FacetsBuilder, language_number
from matcher.records import Record, Supplier
from matcher.text import TermMaker, cut, words

BATCH = 4096
"""Records prepared together: enough to be fast, few enough to be small."""
_MOST_TIMES = 255


@dataclass(frozen=True)
class Part:
    """Prepared records.

    Attributes:
        ids: Record ids.
        text_hashes: uint64, of all that passages are made from; equal means equal passages.
        facets: What records are filtered by.
        passage_starts: int64[records + 1]; record ``r`` owns the passages in between.
        passage_languages: uint8[passages].
        vectors: float16[passages, d] unit rows, as encoded or centred by language.
        vocabulary: Terms, in any order.
        record_terms: Distinct terms of each record, as positions in the vocabulary, ascending.
        term_counts: uint8, how often each stands in its record, side by side with the terms.
    """

    ids: Strings
    text_hashes: NDArray[np.uint64]
    facets: Facets
    passage_starts: NDArray[np.int64]
    passage_languages: NDArray[np.uint8]
    vectors: NDArray[np.float16]
    vocabulary: Strings
    record_terms: Ragged
    term_counts: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def open(cls, folder: Path) -> Part:
        """Open what :meth:`save` wrote, by memory map."""
        return cls(
            Strings.open(folder, "ids"),
            open_array(folder, "text_hashes"),
            Facets.open(folder),
            open_array(folder, "passage_starts"),
            open_array(folder, "passage_languages"),
            open_array(folder, "vectors"),
            Strings.open(folder, "vocabulary"),
            Ragged.open(folder, "record_terms"),
            open_array(folder, "term_counts"),
        )

    def take(self, rows: NDArray[np.int64]) -> Part:
        """Return some records, in the order asked for."""
        passages, passage_starts = places(self.passage_starts, rows)
        terms, term_starts = places(self.record_terms.starts, rows)
        return Part(
            self.ids.take(rows),
            self.text_hashes[rows],
            self.facets.take(rows),
            passage_starts,
            self.passage_languages[passages],
            self.vectors[passages],
            self.vocabulary,
            Ragged(self.record_terms.values[terms], term_starts),
            self.term_counts[terms],
        )

    def save(self, folder: Path) -> None:
        """Write all arrays."""
        folder.mkdir(parents=True, exist_ok=True)
        self.ids.save(folder, "ids")
        self.facets.save(folder)
        self.vocabulary.save(folder, "vocabulary")
        self.record_terms.save(folder, "record_terms")
        for name in ARRAYS:
            save_array(folder, name, getattr(self, name))


ARRAYS = ("text_hashes", "passage_starts", "passage_languages", "vectors", "term_counts")


def prepare(records: Sequence[Record], encoder: Encoder, term_maker: TermMaker) -> Part:
    """Prepare records."""
    facets = FacetsBuilder()
    terms = _TermCounter(term_maker)
    starts = [0]
    languages: list[int] = []
    vectors = [np.zeros((0, encoder.dimension), dtype=np.float16)]
    for begin in range(0, len(records), BATCH):
        batch = records[begin : begin + BATCH]
        texts: list[str] = []
        for record, found in zip(batch, cut(batch), strict=True):
            facets.add(record, found.lang)
            for passage in found.passages:
                texts.append(passage.text)
                languages.append(language_number(passage.lang))
                terms.add(passage.text, passage.lang)
            terms.end_of_record()
            starts.append(starts[-1] + len(found.passages))
        if texts:
            vectors.append(encoder.encode(texts).astype(np.float16))
    record_terms, counts = terms.rows()
    return Part(
        ids=Strings.of(r.id for r in records),
        text_hashes=text_hashes(records),
        facets=facets.build(),
        passage_starts=np.array(starts, dtype=np.int64),
        passage_languages=np.array(languages, dtype=np.uint8),
        vectors=np.concatenate(vectors),
        vocabulary=Strings.of(terms.vocabulary),
        record_terms=record_terms,
        term_counts=counts,
    )


class _TermCounter:
    """Counts the terms of records one behind the other.

    Attributes:
        vocabulary: Term -> position.
    """

    def __init__(self, maker: TermMaker) -> None:
        self._maker = maker
        self.vocabulary: dict[str, int] = {}
        self._by_word: dict[str, dict[str, tuple[int, ...]]] = {}
        self._numbers: list[int] = []
        self._ends = [0]

    def add(self, text: str, lang: str) -> None:
        """Count the terms of a text."""
        known = self._by_word.setdefault(lang, {})
        numbers = self._numbers
        for word in words(text):
            found = known.get(word)
            if found is None:
                vocabulary = self.vocabulary
                found = known[word] = tuple(
                    vocabulary.setdefault(t, len(vocabulary)) for t in self._maker.terms(word, lang)
                )
            numbers += found

    def end_of_record(self) -> None:
        """What comes belongs to the next record."""
        self._ends.append(len(self._numbers))

    def rows(self) -> tuple[Ragged, NDArray[np.uint8]]:
        """Return the distinct terms of each record, and how often each stands in it."""
        records = len(self._ends) - 1
        size = max(1, len(self.vocabulary))
        owners = np.repeat(np.arange(records), np.diff(self._ends))
        numbers = np.array(self._numbers, dtype=np.int64)
        pairs, times = np.unique(owners * size + numbers, return_counts=True)
        starts = np.searchsorted(pairs, np.arange(records + 1) * size)
        terms = Ragged((pairs % size).astype(np.int32), starts.astype(np.int64))
        return terms, np.minimum(times, _MOST_TIMES).astype(np.uint8)


def text_hashes(records: Sequence[Record]) -> NDArray[np.uint64]:
    """Hash all that passages and terms are made from: uint64[records]."""
    said = []
    for record in records:
        fields: list[str] = [type(record).__name__]
        for text in record.texts:
            # A supplier's name is no part of what is matched; nor is a title among its texts.
            fields += [text.lang, "" if isinstance(record, Supplier) else text.title, text.body]
        for part in getattr(record, "parts", ()):
            fields.append(part.id)
            for text in part.texts:
                fields += [text.lang, text.title, text.body]
        said.append("\x1f".join(fields).encode("utf-8", "surrogatepass"))
    return hashes_of(said)


def centre(
    vectors: NDArray[np.floating], languages: NDArray[np.uint8], centres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Subtract each language's centre and scale to length one again.

    Texts of one language share a direction that has nothing to do with what they say; left in,
    every language forms an island.
    """
    return normalise(vectors.astype(np.float32) - centres[languages])
