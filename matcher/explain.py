"""Why a pair matched: everything shown is a number of a stage, or text of the two records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.embed import StaticEncoder
from matcher.query import Query
from matcher.rank import FLOOR, Scores
from matcher.records import Record
from matcher.text import Passage, TermMaker, passages, words

_CLEAR = 0.45
"""Similarity from which two words are shown as meeting: below it chance plays a part."""


@dataclass(frozen=True)
class WordPair:
    """A word of the query and the word of the record that answers it.

    Attributes:
        query_word, record_word: As they stand in the texts, folded.
        similarity: Cosine of their vectors, 1 for the same word.
        share: Of the query's weight that this pair carries.
    """

    query_word: str
    record_word: str
    similarity: float
    share: float


@dataclass(frozen=True)
class PassagePair:
    """A passage of the record and the passage of the query that it answers best."""

    query_passage: Passage
    record_passage: Passage
    share: float


@dataclass(frozen=True)
class Explanation:
    """The reasons for a match.

    Attributes:
        words: Pairs of words that met, the weightiest first.
        passages: Pairs of passages, the weightiest first.
        cpv: Codes both have: the longest common beginning, at least a division.
        missing: Weighty words of the query that nothing in the record answers.
    """

    words: list[WordPair]
    passages: list[PassagePair]
    cpv: list[str]
    missing: list[str]


def explain(
    query: Query,
    asking: Record,
    record: Record,
    word_encoder: StaticEncoder,
    term_maker: TermMaker,
    most_words: int = 8,
    most_passages: int = 3,
) -> Explanation:
    """Explain why a record stands in the ranking of a query.

    Args:
        query: As it was ranked.
        asking: The record it was made from.
        record: The other side's record.
        word_encoder: Of terms.
        term_maker: Makes terms.
        most_words: Longest list of word pairs and of missing words.
        most_passages: Longest list of passage pairs.
    """
    found = passages(record)
    surface, owner = _terms(found, term_maker)
    theirs = list(surface)
    if not theirs:
        return Explanation([], [], _common_cpv(asking, record), [])
    vectors = word_encoder.encode_words([term for term, _ in theirs])
    similarity = query.term_vectors @ vectors.T
    similarity[similarity < FLOOR] = 0
    best = similarity.argmax(axis=1)
    strength = similarity.max(axis=1)
    total = max(float(query.term_weights.sum()), 1e-9)
    share = query.term_weights * strength / total
    return Explanation(
        words=_word_pairs(
            query.surface, [surface[t] for t in theirs], best, strength, share, most_words
        ),
        passages=_passage_pairs(
            query,
            found,
            similarity,
            [owner[t] for t in theirs],
            most_passages,
        ),
        cpv=_common_cpv(asking, record),
        missing=_missing(query.surface, query.term_weights, strength, most_words),
    )


def _terms(
    found: list[Passage], term_maker: TermMaker
) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], set[int]]]:
    """Distinct terms with the word each came from first, and the passages it stands in."""
    surface: dict[tuple[str, str], str] = {}
    where: dict[tuple[str, str], set[int]] = {}
    for number, passage in enumerate(found):
        for word in words(passage.text):
            for term in term_maker.terms(word, passage.lang):
                surface.setdefault((term, passage.lang), word)
                where.setdefault((term, passage.lang), set()).add(number)
    return surface, where


def _word_pairs(
    ours: list[str],
    theirs: list[str],
    best: NDArray[np.int64],
    strength: Scores,
    share: Scores,
    most: int,
) -> list[WordPair]:
    pairs: dict[tuple[str, str], WordPair] = {}
    for i in np.argsort(-share, kind="stable"):
        pair = (ours[i], theirs[int(best[i])])
        # A compound meets by its whole and by its parts: the word is shown once.
        if strength[i] >= _CLEAR and pair not in pairs:
            pairs[pair] = WordPair(*pair, round(float(strength[i]), 3), round(float(share[i]), 4))
        if len(pairs) == most:
            break
    return list(pairs.values())


def _missing(names: list[str], weights: Scores, strength: Scores, most: int) -> list[str]:
    answered = {name for name, s in zip(names, strength, strict=True) if s >= _CLEAR}
    order = np.argsort(-weights, kind="stable")
    open_words = [names[i] for i in order if names[i] not in answered and strength[i] < _CLEAR]
    return list(dict.fromkeys(open_words))[:most]


def _passage_pairs(
    query: Query,
    found: list[Passage],
    similarity: NDArray[np.float32],
    theirs: list[set[int]],
    most: int,
) -> list[PassagePair]:
    """Pair each passage of the record with the passage of the query it answers best.

    The weight of a pair is what its terms add to the soft match, evened out for length as a
    long passage meets more words by chance.
    """
    in_record = _membership(theirs, len(found))
    total = max(float(query.term_weights.sum()), 1e-9)
    weight = np.zeros((len(query.passages), len(found)), dtype=np.float32)
    for number in range(len(found)):
        best = (similarity * in_record[number]).max(axis=1)
        weight[:, number] = query.membership @ (query.term_weights * best) / total
        weight[:, number] /= max(float(in_record[number].sum()), 1.0) ** 0.25
    pairs = []
    for number in np.argsort(-weight.max(axis=0), kind="stable")[:most]:
        asked = int(weight[:, number].argmax())
        share = float(weight[asked, number])
        if share > 0:
            pairs.append(PassagePair(query.passages[asked], found[int(number)], round(share, 4)))
    return pairs


def _membership(where: list[set[int]], count: int) -> NDArray[np.float32]:
    """float32[passages, terms]: 1 where a term stands in a passage."""
    matrix = np.zeros((count, len(where)), dtype=np.float32)
    for term, numbers in enumerate(where):
        matrix[list(numbers), term] = 1
    return matrix


def _common_cpv(one: Record, other: Record) -> list[str]:
    """Longest common beginnings of the codes of two records, two digits or more."""
    common = set()
    for a in one.cpv:
        for b in other.cpv:
            length = next((n for n in range(8) if a[n] != b[n]), 8)
            if length >= 2:
                common.add(a[:length].ljust(8, "0"))
    return sorted(common)
