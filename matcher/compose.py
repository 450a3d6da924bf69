"""From a ranking to an invitation list.

A good list is not the n best one by one: together they should cover all aspects of the need.
How much a list covers is a facility-location function (for every aspect the best coverage on
the list) plus the mean worth of its members; it is monotone and submodular, so taking at each step
the candidate that adds most gives at least 1 - 1/e, 63 %, of the best possible (Nemhauser,
Wolsey and Fisher 1978). Floors (so many small companies, newcomers, of a region) are kept by
taking, when the places left are all needed for them, only candidates who help meet one.

Whoever is as good as equal is drawn by lot. The draw depends on the seed and the ids alone, not
on their order, so that the list can be made again from the log. Names, buyers and past awards
play no part: a :class:`Candidate` does not have them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from matcher.records import Supplier

SMALL_COMPANY = 50
"""Employees from which a company is no longer small (EU recommendation 2003/361)."""
NEWCOMER_YEARS = 5
"""Years after its founding in which a company counts as new to the market."""
COVERAGE_SHARE = 0.5
"""Share of a list's value that lies in covering the aspects; the rest is the mean worth."""


@dataclass(frozen=True)
class Candidate:
    """What is known of a supplier when a list is made.

    Attributes:
        id: Of the supplier.
        worth: Probability that a person would find it worth inviting, 0 to 1.
        covers: How well it covers each aspect of the need, 0 to 1.
        groups: What floors can ask for: ``small``, ``newcomer``, ``region:Rogaland`` ...
    """

    id: str
    worth: float
    covers: tuple[float, ...] = ()
    groups: frozenset[str] = frozenset()


class Reason(StrEnum):
    """Why a supplier is on a list."""

    COVERS = "covers"
    RANKED = "ranked"
    FLOOR = "floor"
    DRAWN = "drawn"


@dataclass(frozen=True)
class Choice:
    """A place of an invitation list.

    Attributes:
        id: Of the supplier.
        reasons: Why it is on the list.
        aspects: Numbers of the aspects it covers better than all chosen before it.
        floors: Groups whose floor it helps to meet.
        equals: How many were as good when it was drawn, itself included; 1 if none.
        gain: What it added to the list's value.
    """

    id: str
    reasons: tuple[Reason, ...]
    aspects: tuple[int, ...]
    floors: tuple[str, ...]
    equals: int
    gain: float


@dataclass(frozen=True)
class InvitationList:
    """An invitation list that can be made again from what it holds.

    Attributes:
        choices: In the order they were made.
        covered: How well the list covers each aspect, 0 to 1.
        seed: Of the draws.
        unmet: Floors that could not be met: group -> how many are missing.
        pool: How many candidates there were.
    """

    choices: list[Choice]
    covered: tuple[float, ...]
    seed: int
    unmet: dict[str, int] = field(default_factory=dict)
    pool: int = 0


def compose(
    candidates: Sequence[Candidate],
    size: int,
    aspect_weights: Sequence[float] = (),
    floors: Mapping[str, int] | None = None,
    seed: int = 0,
    tolerance: float = 0.02,
) -> InvitationList:
    """Choose suppliers that together cover a need.

    Args:
        candidates: Whom to choose from, in any order.
        size: Length of the list; shorter only if there are fewer candidates.
        aspect_weights: Weight of each aspect; they are scaled to sum to one.
        floors: Group -> least number of its members on the list. One member can count for
            several groups.
        seed: Of the draws among equals.
        tolerance: Candidates are equals whose gains differ by less than this much worth.

    Raises:
        InputError: The floors ask for more places than there are, or coverage and aspects differ
            in number.
    """
    floors = {group: n for group, n in (floors or {}).items() if n > 0}
    if any(n > size for n in floors.values()):
        raise InputError(f"a floor asks for more than the {size} places of the list")
    weights = np.array(aspect_weights, dtype=np.float64)
    if any(len(c.covers) != len(weights) for c in candidates):
        raise InputError("each candidate needs one coverage per aspect")
    weights = weights / max(float(weights.sum()), 1e-9)
    pool = sorted(candidates, key=lambda c: _lot(seed, c.id))
    covers = np.array([c.covers for c in pool], dtype=np.float64).reshape(len(pool), len(weights))
    worth = np.array([c.worth for c in pool])
    share = COVERAGE_SHARE if len(weights) else 0.0
    worth *= (1 - share) / size
    tolerance *= (1 - share) / size
    covered = np.zeros(len(weights))
    free = np.ones(len(pool), dtype=bool)
    missing = _reachable(pool, floors)
    choices: list[Choice] = []
    while len(choices) < size and free.any():
        gain = share * (np.maximum(covers, covered) - covered) @ weights + worth
        allowed = free & _helps(pool, free, missing, size - len(choices))
        best = float(gain[allowed].max())
        equals = np.flatnonzero(allowed & (gain >= best - tolerance))
        # The pool stands in the order of the lots: the first of the equals is the one drawn.
        taken = int(equals[0])
        floored = tuple(g for g in sorted(missing) if missing[g] > 0 and g in pool[taken].groups)
        # The floor is a reason only where it kept somebody better out.
        decisive = bool(floored) and best < float(gain[free].max()) - tolerance
        improved = covers[taken] > covered + 0.05
        choices.append(
            Choice(
                pool[taken].id,
                _reasons(bool(improved.any()), decisive, len(equals)),
                tuple(int(a) for a in np.flatnonzero(improved)),
                floored,
                len(equals),
                round(float(gain[taken]), 4),
            )
        )
        covered = np.maximum(covered, covers[taken])
        free[taken] = False
        for group in floored:
            missing[group] -= 1
    on_list = {c.id for c in choices}
    chosen = [c for c in pool if c.id in on_list]
    unmet = {g: n - sum(g in c.groups for c in chosen) for g, n in floors.items()}
    return InvitationList(
        choices,
        tuple(round(float(c), 4) for c in covered),
        seed,
        {group: n for group, n in unmet.items() if n > 0},
        len(pool),
    )


def draw(ids: Sequence[str], count: int, seed: int | str) -> list[str]:
    """Draw some of a pool of equals; the same for the same seed and ids in any order.

    Raises:
        InputError: More are wanted than there are.
    """
    if not 0 < count <= len(ids):
        raise InputError(f"{count} cannot be drawn from a pool of {len(ids)}")
    return sorted(ids, key=lambda i: _lot(seed, i))[:count]


def coverage(z: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn aspect scores (standard deviations above chance) into coverage between 0 and 1.

    Two deviations, what one record in forty reaches by chance, count as nothing; six as full.
    """
    return np.clip((np.asarray(z, dtype=np.float64) - 2) / 4, 0, 1)


def _lot(seed: int | str, record_id: str) -> bytes:
    return hashlib.blake2b(f"{seed}:{record_id}".encode(), digest_size=16).digest()


def _reachable(pool: Sequence[Candidate], floors: Mapping[str, int]) -> dict[str, int]:
    """Floors cut down to what the pool can meet."""
    return {g: min(n, sum(g in c.groups for c in pool)) for g, n in floors.items()}


def _helps(
    pool: Sequence[Candidate], free: NDArray[np.bool_], missing: Mapping[str, int], places: int
) -> NDArray[np.bool_]:
    """Whom the floors allow now: everyone, as long as enough places are left to meet them."""
    needed = {group for group, n in missing.items() if n > 0}
    if sum(missing[group] for group in needed) < places:
        return np.ones(len(pool), dtype=bool)
    helps = np.array([len(needed & c.groups) for c in pool])
    return np.asarray(helps == helps[free].max())


def _reasons(covers: bool, floor: bool, equals: int) -> tuple[Reason, ...]:
    reasons = [Reason.COVERS] if covers else [Reason.RANKED]
    if floor:
        reasons.append(Reason.FLOOR)
    if equals > 1:
        reasons.append(Reason.DRAWN)
    return tuple(reasons)


def supplier_groups(supplier: Supplier, year: int) -> frozenset[str]:
    """Groups that a floor of an invitation list can ask for.

    Args:
        supplier: The supplier; what it does not say of itself puts it in no group.
        year: The present one.
    """
    groups = set()
    if supplier.employees is not None and supplier.employees < SMALL_COMPANY:
        groups.add("small")
    if supplier.founded is not None and supplier.founded > year - NEWCOMER_YEARS:
        groups.add("newcomer")
    if supplier.region:
        groups.add(f"region:{supplier.region}")
    if supplier.country:
        groups.add(f"country:{supplier.country}")
    return frozenset(groups)
