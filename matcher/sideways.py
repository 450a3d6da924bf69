"""Beyond need to supplier: needs that could be one dialogue, partners for a joint offer, hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from matcher.compose import coverage
from matcher.pipeline import Hit, Matcher, Ranking, aspect_scores
from matcher.query import Query
from matcher.rank import best_first
from matcher.records import Kind, Need

COVERED = 0.25
"""Coverage of an aspect (0 to 1) from which a supplier is said to cover it."""
LIKE = 4.0
"""Deviations above its usual likeness to other needs from which a pair is shown as one."""


@dataclass(frozen=True)
class Partner:
    """A supplier that covers what another lacks.

    Attributes:
        hit: Its place in the ranking of the need.
        aspects: Numbers of the aspects it adds.
        added: Weight of the need it adds, 0 to 1.
    """

    hit: Hit
    aspects: tuple[int, ...]
    added: float


@dataclass(frozen=True)
class Hint:
    """An aspect of a need near a supplier's profile that the profile says nothing of.

    Attributes:
        need_id: Of the need.
        label: Words that say most of the aspect.
        weight: Share of the need that it makes up, 0 to 1.
    """

    need_id: str
    label: tuple[str, ...]
    weight: float


def same_buyer(one: Need, other: Need) -> bool:
    """Whether two needs share a buyer, by organisation number or by name and country."""
    return bool(_buyer_keys(one) & _buyer_keys(other))


def joint_groups(
    matcher: Matcher, needs: Sequence[Need], queries: Sequence[Query], least: float = LIKE
) -> list[list[str]]:
    """Group needs of different buyers that could be one dialogue.

    Average linkage over :func:`likeness`, so that a chain of neighbours does not make one group.
    Two needs of the same buyer never count as alike.

    Args:
        matcher: Of the serving generation.
        needs: The open needs.
        queries: Prepared from them, in the same order.
        least: Mean likeness from which needs belong together.

    Returns:
        Ids of the needs of each group of two or more, the most alike first.
    """
    if len(needs) < 3:
        return []
    alike = likeness(matcher, needs, queries)
    for one, other in combinations(range(len(needs)), 2):
        if same_buyer(needs[one], needs[other]):
            alike[one, other] = alike[other, one] = 0
    top = max(float(alike.max()), least)
    distance = top - alike
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    labels = fcluster(tree, top - least, "distance")
    members = (np.flatnonzero(labels == label).tolist() for label in np.unique(labels))
    groups = [g for g in members if len(g) > 1]
    groups.sort(key=lambda g: -float(alike[np.ix_(g, g)].sum() / (len(g) * (len(g) - 1))))
    return [[needs[n].id for n in g] for g in groups]


def likeness(
    matcher: Matcher, needs: Sequence[Need], queries: Sequence[Query]
) -> NDArray[np.float64]:
    """Likeness of all pairs of needs, float64[needs, needs], zero on the diagonal.

    The scores two needs give each other are averaged and expressed in deviations from what each
    has with the others (median and median absolute deviation: the few that are truly alike must
    not move the measure), so that a limit means the same in a small store and in a large one.
    """
    number = {need.id: n for n, need in enumerate(needs)}
    score = np.full((len(needs), len(needs)), np.nan)
    for row, query in enumerate(queries):
        ranking = matcher.rank(query, kind=Kind.NEED)
        for record, value in zip(ranking.records, ranking.score, strict=True):
            column = number.get(ranking.side.ids[int(record)])
            if column is not None and column != row:
                score[row, column] = value
    score = (score + score.T) / 2
    usual = np.nanmedian(score, axis=1, keepdims=True)
    spread = 1.4826 * np.nanmedian(np.abs(score - usual), axis=1, keepdims=True)
    deviations = (score - usual) / np.maximum(spread, 1e-6)
    return np.asarray(np.nan_to_num((deviations + deviations.T) / 2))


def partners(matcher: Matcher, query: Query, supplier_id: str, k: int) -> list[Partner]:
    """Rank suppliers by what they add to one supplier's coverage of a need.

    Args:
        matcher: Of the serving generation.
        query: The need.
        supplier_id: Whose partner is sought.
        k: Length of the list; only those who add something stand on it.
    """
    ranking = matcher.rank(query)
    covers = coverage(aspect_scores(ranking))
    weights = np.array([a.weight for a in query.aspects])
    own = np.zeros(len(weights))
    place = _place(ranking, supplier_id)
    if place is not None:
        own = covers[:, place]
    added = weights @ np.maximum(covers - own[:, None], 0) / max(float(weights.sum()), 1e-9)
    if place is not None:
        added[place] = 0
    # Of those who add as much, the better match for the need as a whole.
    order = best_first((added + 1e-4 * ranking.score).astype(np.float32), k)
    order = order[added[order] > 0]
    return [
        Partner(
            hit,
            tuple(int(a) for a in np.flatnonzero(covers[:, i] - own > COVERED)),
            round(float(added[i]), 4),
        )
        for i, hit in zip(order, matcher.hits(ranking, order), strict=True)
    ]


def missing_aspects(matcher: Matcher, query: Query, supplier_id: str) -> list[Hint]:
    """Aspects of a need that a supplier's profile says nothing of, the weightiest first."""
    ranking = matcher.rank(query)
    place = _place(ranking, supplier_id)
    if place is None:
        return []
    covers = coverage(aspect_scores(ranking))[:, place]
    return [
        Hint(query.record_id, aspect.label, round(aspect.weight, 4))
        for aspect, value in zip(query.aspects, covers, strict=True)
        if value < COVERED
    ]


def covered_aspects(hit: Hit) -> NDArray[np.float64]:
    """Coverage of each aspect by a match, 0 to 1."""
    return coverage(np.array(hit.aspects))


def _place(ranking: Ranking, record_id: str) -> int | None:
    number = ranking.side.find_record(record_id)
    if number is None:
        return None
    found = np.flatnonzero(ranking.records == number)
    return int(found[0]) if len(found) else None


def _buyer_keys(need: Need) -> set[str]:
    return {b.organisation_number or f"{b.name.casefold()}|{b.country}" for b in need.buyers}
