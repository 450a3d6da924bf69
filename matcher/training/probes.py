"""Measures of an encoder while it is being developed.

Each works on a function ``encode(texts) -> float32[n, d]`` of unit rows, so that any model can be
measured beside ours.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.languages import LANGUAGES
from matcher.training.corpus import ParallelCorpus

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


def reciprocal_rank(
    scores: NDArray[np.float32], right: NDArray[np.bool_], depth: int = 10
) -> float:
    """Mean reciprocal rank of the first right column per row, 0 beyond ``depth``.

    Ties count against the right answer, so identical vectors earn nothing by luck.
    """
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    rank = 1 + ((scores >= best) & ~right).sum(axis=1)
    return float(np.where(rank <= depth, 1 / rank, 0).mean())


def code_retrieval(encode: Encode, labels: Path) -> dict[str, float]:
    """MRR@10 of development codes' labels against all labels of another language.

    Args:
        encode: The encoder.
        labels: ``code, split, lang, text`` with a header; rows of split ``dev`` are queries.

    Returns:
        ``"sv>fi"`` -> MRR@10 per ordered pair of languages, and ``"mean"``.
    """
    with labels.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    languages = sorted({row["lang"] for row in rows})
    by_language = {lang: [r for r in rows if r["lang"] == lang] for lang in languages}
    vectors = {lang: encode([r["text"] for r in by_language[lang]]) for lang in languages}
    label_of = {lang: {r["code"]: r["text"] for r in by_language[lang]} for lang in languages}
    result = {}
    for one, other in permutations(languages, 2):
        query = [
            i
            for i, r in enumerate(by_language[one])
            if r["split"] == "dev" and r["code"] in label_of[other]
        ]
        wanted = np.array([label_of[other][by_language[one][i]["code"]] for i in query])
        corpus = np.array([r["text"] for r in by_language[other]])
        scores = vectors[one][query] @ vectors[other].T
        result[f"{one}>{other}"] = reciprocal_rank(scores, wanted[:, None] == corpus[None, :])
    result["mean"] = float(np.mean(list(result.values())))
    return result


def translation_retrieval(
    encode: Encode, corpus: ParallelCorpus, distractors: ParallelCorpus | None = None
) -> dict[str, float]:
    """Share of texts whose nearest text of English, and back, is their own translation.

    Args:
        encode: The encoder.
        corpus: Meanings to find.
        distractors: Meanings that are only in the way.

    Returns:
        Language -> mean accuracy of both directions, over the meanings that have both.
    """
    texts = list(corpus.texts)
    first = _first_texts(corpus, 0)
    others: dict[tuple[int, int], int] = {}
    if distractors is not None:
        others = _first_texts(distractors, len(texts))
        texts += list(distractors.texts)
    vectors = encode(texts)
    english = LANGUAGES.index("en")
    result = {}
    for lang, name in enumerate(LANGUAGES):
        meanings = [m for m, of in first if of == lang and (m, english) in first]
        if name == "en" or len(meanings) < 20:
            continue
        one, other = (
            np.concatenate(
                [
                    vectors[[first[m, side] for m in meanings]],
                    vectors[[t for (_, of), t in others.items() if of == side]],
                ]
            )
            for side in (english, lang)
        )
        wanted = np.arange(len(meanings))
        there = (one[: len(wanted)] @ other.T).argmax(1) == wanted
        back = (other[: len(wanted)] @ one.T).argmax(1) == wanted
        result[name] = float((there.mean() + back.mean()) / 2)
    return result


def _first_texts(corpus: ParallelCorpus, offset: int) -> dict[tuple[int, int], int]:
    """First text of each (meaning, language), its position counted from an offset."""
    owner = np.repeat(np.arange(len(corpus)), np.diff(corpus.starts))
    first: dict[tuple[int, int], int] = {}
    for text, key in enumerate(zip(owner.tolist(), corpus.languages.tolist(), strict=True)):
        first.setdefault(key, text + offset)
    return first
