"""Vectors of a larger model for English text, for the small one to come near to.

A static model trained on translations alone knows what says the same; a teacher also knows what
is about the same. Its vector of a meaning's English text is the goal for that meaning's texts
in every language (Reimers and Gurevych 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from matcher.languages import LANGUAGES
from matcher.training.corpus import ParallelCorpus


@dataclass(frozen=True)
class Lessons:
    """A teacher's vectors.

    Attributes:
        vectors: float16[taught, d], unit rows.
        rows: int32[texts], row of the meaning of each text of the corpus, -1 where there is none.
    """

    vectors: NDArray[np.float16]
    rows: NDArray[np.int32]


def teach(
    corpus: ParallelCorpus, share: NDArray[np.float64], model: str, seed: int, cache: Path
) -> Lessons:
    """Encode a part of the corpus's English texts with the teacher.

    Args:
        corpus: Parallel text.
        share: float64[meanings], the chance of each to be asked for.
        model: Name or path of a sentence-transformers model.
        seed: Of the choice.
        cache: Where the vectors are kept, for a run that is taken up again.

    Raises:
        InputError: The teacher cannot be loaded.
    """
    owners = np.repeat(np.arange(len(corpus)), np.diff(corpus.starts))
    english = np.flatnonzero(corpus.languages == LANGUAGES.index("en"))
    meanings, first = np.unique(owners[english], return_index=True)
    chosen = np.random.default_rng(seed).random(len(meanings)) < share[meanings]
    texts = [corpus.texts[t] for t in english[first[chosen]]]
    if not cache.exists():
        np.save(cache, _encode(texts, model))
    row_of_meaning = np.full(len(corpus), -1, dtype=np.int32)
    row_of_meaning[meanings[chosen]] = np.arange(len(texts))
    return Lessons(np.load(cache), row_of_meaning[owners])


def _encode(texts: list[str], model: str) -> NDArray[np.float16]:
    # Seconds to import, so only where a teacher is used.
    from sentence_transformers import SentenceTransformer

    try:
        teacher = SentenceTransformer(model, device=None)
    except Exception as error:
        raise InputError(f"teacher {model!r} cannot be loaded: {error}") from error
    # Terms and sentences are short: beyond this only time is spent.
    teacher.max_seq_length = 96
    vectors = teacher.encode(
        texts, batch_size=128, normalize_embeddings=True, show_progress_bar=True
    )
    return np.asarray(vectors, dtype=np.float16)
