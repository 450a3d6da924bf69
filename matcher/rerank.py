"""An optional cross-encoder over the first places of a ranking.

A cross-encoder reads need and supplier together, which sees more and takes a thousand times as
long. Off unless ``SAMSPILL_RERANKER`` names one; its order and the ranking's are then joined by
reciprocal rank fusion (Cormack et al. 2009), which needs no common scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from matcher.errors import SettingsError
from matcher.pipeline import Hit

FIRST = 50
"""Places that are looked at again."""
_K = 60

Scorer = Callable[[str, Sequence[str]], NDArray[np.float32]]
"""Takes a query and texts, returns float32[texts]: higher is more relevant."""


def load_reranker(name: str) -> Scorer:
    """Load a cross-encoder by name or path.

    Raises:
        SettingsError: It cannot be loaded.
    """
    # Seconds to import, so only where one is used.
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(name)
    except Exception as error:
        raise SettingsError(f"the reranker {name!r} cannot be loaded ({error})") from error

    def score(query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        pairs = [(query, text) for text in texts]
        return np.asarray(model.predict(pairs, show_progress_bar=False), dtype=np.float32)

    return score


def rerank(hits: Sequence[Hit], scores: NDArray[np.float32]) -> list[Hit]:
    """Order the first places of a ranking anew; each hit says what the cross-encoder gave it.

    Args:
        hits: Best first.
        scores: float32[n], of the first n hits.
    """
    first, rest = hits[: len(scores)], hits[len(scores) :]
    theirs = np.empty(len(scores))
    theirs[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    fused = 1 / (_K + np.arange(len(scores))) + 1 / (_K + theirs)
    order = np.argsort(-fused, kind="stable")
    changed = [
        replace(first[i], parts={**first[i].parts, "reranker": float(scores[i])}) for i in order
    ]
    return [replace(hit, position=n) for n, hit in enumerate([*changed, *rest], start=1)]
