"""The parts of a need: what a supplier may cover while another covers the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from matcher.text import Passage

MOST = 6
"""Aspects a need is split into at most: more than a person takes in at a glance."""
_DISTANCE = 0.62
"""Cosine distance (average linkage) from which two groups of passages are about other things."""
_SMALL = 0.1
"""Share of a need's weight below which a group of passages is no aspect of its own."""
_LABEL_WORDS = 3


@dataclass(frozen=True)
class Aspect:
    """One part of a need.

    Attributes:
        label: The words that say most of it, as they stand in the need.
        passages: Numbers of its passages.
        weight: Its share of the need's weight, 0 to 1.
    """

    label: tuple[str, ...]
    passages: tuple[int, ...]
    weight: float


def split_aspects(
    passages: Sequence[Passage],
    membership: NDArray[np.float32],
    weights: NDArray[np.float32],
    vectors: NDArray[np.float32],
    surface: Sequence[str],
) -> tuple[list[Aspect], NDArray[np.float32]]:
    """Split a need into aspects.

    Lots, where the need has several, are its aspects. Otherwise its passages are grouped by
    what they are about.

    Args:
        passages: Of the need.
        membership: float32[passages, terms], 1 where a term stands in a passage.
        weights: float32[terms].
        vectors: float32[terms, w] unit vectors of the terms.
        surface: The word each term came from.

    Returns:
        The aspects, the weightiest first, and float32[aspects, terms]: each aspect's share of
        each term's weight.
    """
    groups = _lots(passages) or _groups(membership * weights, vectors)
    total = max(float(weights.sum()), 1e-9)
    # A term that stands in several aspects is shared between them.
    inside = np.stack([membership[members].max(axis=0) for members in groups])
    shares = inside / np.maximum(inside.sum(axis=0), 1) * weights
    order = np.argsort(-shares.sum(axis=1), kind="stable")
    # A label says what the aspect is about: of its weighty terms those near the need as a whole.
    centre = weights @ vectors
    about = np.clip(vectors @ centre / max(float(np.linalg.norm(centre)), 1e-9), 0.05, None)
    aspects = []
    for number in order:
        ranked = np.argsort(-shares[number] * about, kind="stable")
        words = dict.fromkeys(surface[t] for t in ranked if shares[number, t] > 0)
        aspects.append(
            Aspect(
                tuple(list(words)[:_LABEL_WORDS]),
                tuple(int(p) for p in groups[number]),
                round(float(shares[number].sum()) / total, 4),
            )
        )
    return aspects, shares[order].astype(np.float32)


def _lots(passages: Sequence[Passage]) -> list[list[int]]:
    """Passages by lot, if there are two lots or more; the rest belongs to none."""
    found: dict[str, list[int]] = {}
    for number, passage in enumerate(passages):
        if passage.field.startswith("part:"):
            found.setdefault(passage.field, []).append(number)
    return list(found.values())[:MOST] if len(found) > 1 else []


def _groups(weighted: NDArray[np.float32], vectors: NDArray[np.float32]) -> list[list[int]]:
    """Group passages by average linkage on the cosine of their weighted mean vectors."""
    if len(weighted) < 2:
        return [list(range(len(weighted)))]
    means = weighted @ vectors
    length = np.linalg.norm(means, axis=1, keepdims=True)
    unit = means / np.maximum(length, 1e-9)
    distance = 1 - unit @ unit.T
    condensed = np.clip(distance[np.triu_indices(len(unit), 1)], 0, None)
    tree = linkage(condensed, "average")
    labels = fcluster(tree, _DISTANCE, "distance")
    if labels.max() > MOST:
        labels = fcluster(tree, MOST, "maxclust")
    groups = [np.flatnonzero(labels == n).tolist() for n in range(1, labels.max() + 1)]
    return _without_small(groups, weighted, unit)


def _without_small(
    groups: list[list[int]], weighted: NDArray[np.float32], unit: NDArray[np.float32]
) -> list[list[int]]:
    """Join groups too small to be a part of a need of their own with what they are nearest to."""
    share = weighted.sum(axis=1) / max(float(weighted.sum()), 1e-9)
    while len(groups) > 1:
        sizes = [float(share[g].sum()) for g in groups]
        least = int(np.argmin(sizes))
        if sizes[least] >= _SMALL:
            break
        small = groups.pop(least)
        near = [float((unit[small] @ unit[g].T).mean()) for g in groups]
        nearest = int(np.argmax(near))
        groups[nearest] = sorted(groups[nearest] + small)
    return groups
