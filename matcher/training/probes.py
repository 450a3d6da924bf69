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


def translation_retrieval(encode: Encode, corpus: ParallelCorpus) -> dict[str, float]:
    """Share of texts whose nearest text of English, and back, is their own translation.

    Returns:
        Language -> mean accuracy of both directions, over the meanings that have both.
    """
    result = {}
    first: dict[tuple[int, int], int] = {}
    owner = np.repeat(np.arange(len(corpus)), np.diff(corpus.starts))
    for text, (meaning, lang) in enumerate(zip(owner, corpus.languages, strict=True)):
        first.setdefault((int(meaning), int(lang)), text)
    vectors = encode(corpus.texts)
    english = LANGUAGES.index("en")
    for lang, name in enumerate(LANGUAGES):
        pairs = [
            (first[m, english], first[m, lang])
            for m in range(len(corpus))
            if (m, english) in first and (m, lang) in first
        ]
        if name == "en" or len(pairs) < 20:
            continue
        one, other = (vectors[list(side)] for side in zip(*pairs, strict=True))
        scores = one @ other.T
        result[name] = float(
            (
                (scores.argmax(0) == np.arange(len(pairs))).mean()
                + (scores.argmax(1) == np.arange(len(pairs))).mean()
            )
            / 2
        )
    return result
