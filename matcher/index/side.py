"""One side of the index: all suppliers, or all needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matcher.embed import Encoder, StaticEncoder, normalise
from matcher.index.arrays import Ragged, Strings, open_array, save_array
from matcher.index.base import VectorIndex
from matcher.index.dense import FaissIndex
from matcher.index.facets import UNKNOWN_LANGUAGE, Facets, FacetsBuilder, language_number
from matcher.index.lexical import LexicalIndex
from matcher.languages import LANGUAGES
from matcher.records import Record
from matcher.text import TermMaker, canonical_text, language_of, passages, words

_BATCH = 4096
_CENTRE_SHRINKAGE = 20
_BACKGROUND_PER_LANGUAGE = 200


@dataclass(frozen=True)
class Side:
    """The arrays of one side, opened by memory map.

    Attributes:
        ids: Record ids; a record's position here is its number everywhere else.
        facets: What records are filtered by.
        passage_starts: int64[records + 1]; record ``r`` owns the passages in between.
        dense: Centred unit vectors of all passages.
        centres: float32[languages + 1, d], what was subtracted per language.
        centre_weights: float32[languages + 1], number of passages behind each centre.
        lexical: BM25 postings by term.
        vocabulary: The terms.
        term_vectors: float16[terms, w], unit vectors of the terms.
        record_terms: Distinct terms of each record.
        frequencies: int32[languages + 1, terms], records of each language that hold a term.
        background: int64[b], records drawn at random, up to 200 a language: what a chance match
            looks like in each language.
    """

    ids: Strings
    facets: Facets
    passage_starts: NDArray[np.int64]
    dense: VectorIndex
    centres: NDArray[np.float32]
    centre_weights: NDArray[np.float32]
    lexical: LexicalIndex
    vocabulary: Strings
    term_numbers: dict[str, int]
    term_vectors: NDArray[np.float16]
    record_terms: Ragged
    frequencies: NDArray[np.int32]
    background: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def open(cls, folder: Path) -> Side:
        """Open what :func:`build_side` wrote."""
        ids = Strings.open(folder, "ids")
        vocabulary = Strings.open(folder, "vocabulary")
        return cls(
            ids=ids,
            facets=Facets.open(folder),
            passage_starts=open_array(folder, "passage_starts"),
            dense=FaissIndex.open(folder / "dense.faiss"),
            centres=open_array(folder, "centres"),
            centre_weights=open_array(folder, "centre_weights"),
            lexical=LexicalIndex.open(folder, len(ids)),
            vocabulary=vocabulary,
            term_numbers={term: n for n, term in enumerate(vocabulary)},
            term_vectors=open_array(folder, "term_vectors"),
            record_terms=Ragged.open(folder, "record_terms"),
            frequencies=open_array(folder, "frequencies"),
            background=open_array(folder, "background"),
        )


def build_side(
    folder: Path,
    records: Iterable[Record],
    encoder: Encoder,
    word_encoder: StaticEncoder,
    term_maker: TermMaker,
) -> dict[str, int]:
    """Index records into a folder.

    Args:
        folder: Made; holds nothing else.
        records: In order of their ids.
        encoder: Of passages.
        word_encoder: Of single terms.
        term_maker: Makes the terms.

    Returns:
        Counts for the manifest: records, passages, terms.
    """
    folder.mkdir(parents=True)
    ids: list[str] = []
    facets = FacetsBuilder()
    passage_starts = [0]
    passage_langs: list[int] = []
    vectors: list[NDArray[np.float32]] = []
    vocabulary: dict[str, int] = {}
    rows: list[Counter[int]] = []
    for batch in _batched(records, _BATCH):
        texts: list[str] = []
        for record in batch:
            found = passages(record)
            lang = language_of(canonical_text(record))
            ids.append(record.id)
            facets.add(record, lang)
            counts: Counter[int] = Counter()
            for passage in found:
                texts.append(passage.text)
                passage_langs.append(language_number(passage.lang))
                for word in words(passage.text):
                    for term in term_maker.terms(word, passage.lang):
                        counts[vocabulary.setdefault(term, len(vocabulary))] += 1
            passage_starts.append(passage_starts[-1] + len(found))
            rows.append(counts)
        if texts:
            vectors.append(encoder.encode(texts))
    columns = facets.build()
    columns.save(folder)
    Strings.of(ids).save(folder, "ids")
    Strings.of(vocabulary).save(folder, "vocabulary")
    save_array(folder, "passage_starts", np.array(passage_starts, dtype=np.int64))
    _save_dense(folder, vectors, np.array(passage_langs, dtype=np.uint8), encoder.dimension)
    _save_terms(folder, rows, len(vocabulary), columns.languages)
    term_vectors = word_encoder.encode_words(list(vocabulary)).astype(np.float16)
    save_array(folder, "term_vectors", term_vectors)
    save_array(folder, "background", _background(columns.languages))
    return {"records": len(ids), "passages": passage_starts[-1], "terms": len(vocabulary)}


def centre(
    vectors: NDArray[np.float32], languages: NDArray[np.uint8], centres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Subtract each language's centre and scale to length one again.

    Texts of one language share a direction that has nothing to do with what they say; left in,
    every language forms an island.
    """
    return normalise(vectors - centres[languages])


def _save_dense(
    folder: Path, parts: list[NDArray[np.float32]], languages: NDArray[np.uint8], dimension: int
) -> None:
    vectors = np.concatenate(parts) if parts else np.zeros((0, dimension), dtype=np.float32)
    centres = np.zeros((UNKNOWN_LANGUAGE + 1, dimension), dtype=np.float32)
    count = np.bincount(languages, minlength=UNKNOWN_LANGUAGE + 1).astype(np.float32)
    for lang in range(len(LANGUAGES)):
        # A language with few passages has no reliable centre: it is drawn towards none.
        total = vectors[languages == lang].sum(axis=0)
        centres[lang] = total / (count[lang] + _CENTRE_SHRINKAGE)
    save_array(folder, "centres", centres)
    save_array(folder, "centre_weights", count)
    FaissIndex.build(centre(vectors, languages, centres), dimension).save(folder / "dense.faiss")


def _save_terms(
    folder: Path, rows: list[Counter[int]], vocabulary: int, languages: NDArray[np.uint8]
) -> None:
    record_terms = Ragged.of([sorted(row) for row in rows])
    record_terms.save(folder, "record_terms")
    values = np.fromiter(
        (row[t] for row in rows for t in sorted(row)),
        dtype=np.float32,
        count=len(record_terms.values),
    )
    counts = csr_array(
        (values, record_terms.values, record_terms.starts), shape=(len(rows), vocabulary)
    )
    LexicalIndex.build(counts).save(folder)
    frequencies = np.zeros((UNKNOWN_LANGUAGE + 1, vocabulary), dtype=np.int32)
    owner_language = np.repeat(languages, np.diff(record_terms.starts))
    np.add.at(frequencies, (owner_language, record_terms.values), 1)
    save_array(folder, "frequencies", frequencies)


def _background(languages: NDArray[np.uint8]) -> NDArray[np.int64]:
    random = np.random.default_rng(0)
    drawn = [
        random.permutation(np.flatnonzero(languages == lang))[:_BACKGROUND_PER_LANGUAGE]
        for lang in range(UNKNOWN_LANGUAGE + 1)
    ]
    return np.sort(np.concatenate(drawn)).astype(np.int64)


def _batched(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
