"""Changes since a generation was made, searched exactly and merged with it.

An overlay holds what was written after the generation's last change: a few records beside a
million. It is replaced as a whole when something changes, never altered, so that an answer sees
one state of one generation from beginning to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matcher.embed import Encoder, StaticEncoder
from matcher.index.arrays import Chain, Ragged, Strings
from matcher.index.base import Mask
from matcher.index.dense import best_of
from matcher.index.facets import Facets, Filters
from matcher.index.part import Part, prepare
from matcher.index.side import StoredSide
from matcher.index.update import centred
from matcher.records import Record
from matcher.text import TermMaker


@dataclass(frozen=True)
class FreshSide:
    """A side of a generation with the changes since (see the seam for what it answers).

    The numbers of fresh records, passages and terms go on where the generation's end.

    Attributes:
        base: The generation's side.
        fresh: The fresh records, centred; their terms numbered as said above.
        extra_terms: Terms that the generation does not know -> number.
        extra_vectors: float16[extra terms, w].
        alive: bool[records], False for what was deleted or changed.
    """

    base: StoredSide
    fresh: Part
    extra_terms: dict[str, int]
    extra_vectors: NDArray[np.float16]
    alive: NDArray[np.bool_]

    @classmethod
    def of(cls, base: StoredSide, encoder: Encoder) -> FreshSide:
        """Begin with no change."""
        return cls(
            base,
            prepare([], encoder, TermMaker()),
            {},
            np.zeros((0, base.term_vectors.shape[1]), dtype=np.float16),
            np.ones(len(base), dtype=bool),
        )

    def with_changes(
        self,
        records: Sequence[Record],
        deleted: Sequence[str],
        encoder: Encoder,
        word_encoder: StaticEncoder,
        term_maker: TermMaker,
    ) -> FreshSide:
        """Return the side with some records saved and some deleted."""
        alive = self.alive.copy()
        alive[self._rows_of([*deleted, *(r.id for r in records)])] = False
        if not records:
            return replace(self, alive=alive)
        part = centred(prepare(records, encoder, term_maker), self.base.centres)
        terms, vectors = self._number_terms(part.vocabulary[:], word_encoder)
        numbers = np.array([terms[t] for t in part.vocabulary], dtype=np.int32)
        renumbered = Ragged(numbers[part.record_terms.values], part.record_terms.starts)
        extra = {t: n for t, n in terms.items() if n >= len(self.base.vocabulary)}
        return FreshSide(
            self.base,
            _joined(self.fresh, replace(part, record_terms=renumbered)),
            {**self.extra_terms, **extra},
            np.concatenate([self.extra_vectors, vectors]),
            np.concatenate([alive, np.ones(len(part), dtype=bool)]),
        )

    def _rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        found = self.base.lookup.find(ids)
        wanted = set(ids)
        fresh = [len(self.base) + n for n, i in enumerate(self.fresh.ids) if i in wanted]
        return np.concatenate([found[found >= 0], np.array(fresh, dtype=np.int64)])

    def _number_terms(
        self, names: Sequence[str], word_encoder: StaticEncoder
    ) -> tuple[dict[str, int], NDArray[np.float16]]:
        """Number terms, and encode those that had no number yet."""
        found = dict(zip(names, self.find_terms(names).tolist(), strict=True))
        new = [name for name, number in found.items() if number < 0]
        first = len(self.base.vocabulary) + len(self.extra_terms)
        found.update(zip(new, range(first, first + len(new)), strict=True))
        return found, word_encoder.encode_words(new).astype(np.float16)

    # -- the seam

    def __len__(self) -> int:
        return len(self.alive)

    @cached_property
    def ids(self) -> Sequence[str]:
        """Record ids by number."""
        return ChainedIds(self.base.ids, self.fresh.ids)

    @cached_property
    def languages(self) -> NDArray[np.uint8]:
        """Language of each record."""
        return np.concatenate([self.base.languages, self.fresh.facets.languages])

    @property
    def background(self) -> NDArray[np.int64]:
        """Records drawn at random, the generation's."""
        return self.base.background

    @property
    def centres(self) -> NDArray[np.float32]:
        """The mean vector of each language's passages, the generation's."""
        return self.base.centres

    @property
    def centre_weights(self) -> NDArray[np.float32]:
        """Number of passages behind each centre."""
        return self.base.centre_weights

    @cached_property
    def term_vectors(self) -> Chain:
        """Unit vectors of the terms."""
        return Chain([self.base.term_vectors, self.extra_vectors])

    def find_record(self, record_id: str) -> int | None:
        """Return the number of a record, None if it is not there."""
        rows = self._rows_of([record_id])
        rows = rows[self.alive[rows]]
        return int(rows[0]) if len(rows) else None

    def mask(self, filters: Filters) -> Mask | None:
        """Tell which records are there and pass."""
        if not filters.restrict:
            return None if self._all_alive else self.alive
        passing = [self.base.facets.mask(filters), self.fresh.facets.mask(filters)]
        return np.concatenate(passing) & self.alive

    def passages(self, records: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the passages of some records, and where each record's begin among them."""
        return self._places(self.base.passage_starts, self.fresh.passage_starts, records)

    def passage_vectors(self, passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return centred unit vectors."""
        first = len(self.base.dense)
        found = np.empty((len(passages), self.fresh.vectors.shape[1]), dtype=np.float32)
        new = passages >= first
        found[~new] = self.base.passage_vectors(passages[~new])
        found[new] = self.fresh.vectors[passages[new] - first]
        return found

    def terms(self, records: NDArray[np.int64]) -> Ragged:
        """Return the distinct terms of some records."""
        places, starts = self._term_places(records)
        return Ragged(self._term_values[places], starts)

    def find_terms(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return the numbers of terms, -1 for those that no record holds."""
        found = self.base.find_terms(names)
        for place in np.flatnonzero(found < 0).tolist():
            found[place] = self.extra_terms.get(names[place], -1)
        return found

    def frequency(
        self, languages: NDArray[np.integer], terms: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Tell how many of the generation's records of a language hold a term, pair by pair."""
        found = np.zeros(len(terms), dtype=np.int64)
        old = terms < len(self.base.vocabulary)
        found[old] = self.base.frequency(languages[old], terms[old])
        return found

    def commonest(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Tell for each term in how many records its commonest language has it, and which."""
        frequency, language = self.base.commonest()
        none = np.zeros(len(self.extra_terms), dtype=np.uint8)
        return np.concatenate([frequency, none]), np.concatenate([language, none])

    def dense_best(
        self, queries: NDArray[np.float32], k: int, allowed: Mask | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k passages nearest to each query: scores and the records they belong to."""
        split = len(self.base)
        if allowed is None:
            old_scores, old = self.base.dense_best(queries, k, None)
            passages = np.arange(len(self.fresh.vectors))
        else:
            # Without filters the mask is the same for every query of this overlay.
            if allowed is self.alive:
                old_scores, old = self.base.passages_best(queries, k, self._alive_passages)
            else:
                old_scores, old = self.base.dense_best(queries, k, allowed[:split])
            passages = np.flatnonzero(allowed[split:][self._owners])
        scores, positions = best_of(queries, self.fresh.vectors, passages, k)
        owners = np.full(positions.shape, -1, dtype=np.int64)
        owners[positions >= 0] = split + self._owners[positions[positions >= 0]]
        scores, owners = np.hstack([old_scores, scores]), np.hstack([old, owners])
        order = np.argsort(np.where(owners >= 0, -scores, np.inf), axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(owners, order, 1)

    def lexical_best(
        self, terms: Sequence[int], repeats: Sequence[float], k: int, allowed: Mask | None
    ) -> NDArray[np.int64]:
        """Find the k records of highest BM25 of the generation and of the fresh ones each."""
        split, known = len(self.base), len(self.base.vocabulary)
        old = [n for n, term in enumerate(terms) if term < known]
        old_allowed = None if allowed is None else allowed[:split]
        found = self.base.lexical_best(
            [terms[n] for n in old], [repeats[n] for n in old], k, old_allowed
        )
        rows = np.arange(split, len(self))
        rows = rows if allowed is None else rows[allowed[split:]]
        scores = self.lexical_scores(rows, terms, repeats)
        best = np.argsort(-scores, kind="stable")[:k]
        return np.concatenate([found, rows[best[scores[best] > 0]]])

    def lexical_scores(
        self, records: NDArray[np.int64], terms: Sequence[int], repeats: Sequence[float]
    ) -> NDArray[np.float32]:
        """Score records by BM25, with the generation's statistics."""
        places, starts = self._term_places(records)
        rows = Ragged(self._term_values[places], starts)
        return self.base.lexical.scores(rows, self._term_counts[places], terms, repeats)

    # -- what is worked out once

    @cached_property
    def _all_alive(self) -> bool:
        return bool(self.alive.all())

    @cached_property
    def _alive_passages(self) -> Mask:
        return np.repeat(self.alive[: len(self.base)], np.diff(self.base.passage_starts))

    @cached_property
    def _owners(self) -> NDArray[np.int64]:
        """Row of the fresh record that each fresh passage belongs to."""
        return np.repeat(np.arange(len(self.fresh)), np.diff(self.fresh.passage_starts))

    @cached_property
    def _term_values(self) -> Chain:
        return Chain([self.base.record_terms.values, self.fresh.record_terms.values])

    @cached_property
    def _term_counts(self) -> Chain:
        return Chain([self.base.term_counts, self.fresh.term_counts])

    def _term_places(
        self, records: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        old, new = self.base.record_terms.starts, self.fresh.record_terms.starts
        return self._places(old, new, records)

    def _places(
        self, old: NDArray[np.int64], new: NDArray[np.int64], records: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of ragged rows, where the fresh ones stand behind the generation's."""
        fresh = records >= len(self.base)
        begin, length = np.empty_like(records), np.empty_like(records)
        rows = records[~fresh]
        begin[~fresh] = old[rows]
        length[~fresh] = old[rows + 1] - begin[~fresh]
        rows = records[fresh] - len(self.base)
        begin[fresh] = old[-1] + new[rows]
        length[fresh] = new[rows + 1] - new[rows]
        starts = np.concatenate([[0], np.cumsum(length)])
        return np.arange(starts[-1]) + np.repeat(begin - starts[:-1], length), starts


@dataclass(frozen=True)
class ChainedIds(Sequence[str]):
    """Ids of the generation, then of the fresh records."""

    old: Strings
    new: Strings

    def __len__(self) -> int:
        return len(self.old) + len(self.new)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        found: str = self.old[index] if index < len(self.old) else self.new[index - len(self.old)]
        return found


def _joined(one: Part, other: Part) -> Part:
    """Put the records of two parts behind one another; their terms are numbered alike."""
    return Part(
        ids=Strings.chain([one.ids, other.ids]),
        text_hashes=np.concatenate([one.text_hashes, other.text_hashes]),
        facets=Facets.chain([one.facets, other.facets]),
        passage_starts=np.concatenate(
            [one.passage_starts, other.passage_starts[1:] + one.passage_starts[-1]]
        ),
        passage_languages=np.concatenate([one.passage_languages, other.passage_languages]),
        vectors=np.concatenate([one.vectors, other.vectors]),
        vocabulary=one.vocabulary,
        record_terms=Ragged.chain([one.record_terms, other.record_terms]),
        term_counts=np.concatenate([one.term_counts, other.term_counts]),
    )
