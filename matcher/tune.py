"""Fit the fusion to judgements: the weights of the signals, and what a score promises.

One logistic model does both: whether a person would grade a pair 2 or 3 of 3, from the signals
of the stages. Its weights are drawn towards those in use (few judgements must not overturn
them), it is judged by cross-validation over needs, and it is refused if it ranks no better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from matcher.errors import InputError
from matcher.evaluate import WORTH_INVITING, Evaluation, interval, measure, paired_test
from matcher.fusion import SIGNALS, Band, Fusion, Scores

LEAST_NEEDS = 12
"""Judged needs below which nothing is fitted."""
_FOLDS = 6
_SHRINKAGE = 0.3
"""Strength of the pull towards the weights in use; at 0 the judgements alone decide."""


@dataclass(frozen=True)
class Judged:
    """The signals of all pairs of judged needs and suppliers.

    Attributes:
        needs, suppliers: Ids, one a pair.
        group: int64[pairs], number of the need.
        signals: float64[pairs, signals] in standard deviations above chance.
        covered: float64[pairs], covered share of the need, 0 to 1.
        grades: int64[pairs], 0 where nobody judged.
    """

    needs: list[str]
    suppliers: list[str]
    group: NDArray[np.int64]
    signals: NDArray[np.float64]
    covered: NDArray[np.float64]
    grades: NDArray[np.int64]

    @classmethod
    def of(cls, evaluation: Evaluation) -> Judged:
        """Take the judged needs of an evaluation at stage ``full``."""
        pairs = [
            (number, need, hit)
            for number, (need, ranking) in enumerate(sorted(evaluation.rankings.items()))
            if need in evaluation.judgements
            for hit in ranking
        ]
        return cls(
            [need for _, need, _ in pairs],
            [hit.record_id for _, _, hit in pairs],
            np.array([number for number, _, _ in pairs]),
            np.array([[hit.signals[s] for s in SIGNALS] for _, _, hit in pairs]),
            np.array([hit.parts["covered"] for _, _, hit in pairs]),
            np.array([evaluation.judgements[n].get(h.record_id, 0) for _, n, h in pairs]),
        )

    @property
    def worth(self) -> NDArray[np.bool_]:
        """Whether each pair was found worth inviting."""
        return np.asarray(self.grades >= WORTH_INVITING)

    def take(self, rows: NDArray[np.int64]) -> Judged:
        """Return some of the pairs."""
        return Judged(
            [self.needs[r] for r in rows],
            [self.suppliers[r] for r in rows],
            self.group[rows],
            self.signals[rows],
            self.covered[rows],
            self.grades[rows],
        )


@dataclass(frozen=True)
class Tuning:
    """What fitting came to, on needs each model had not seen.

    Attributes:
        fusion: Fitted on all judgements.
        needs: That have a relevant supplier.
        before, after: nDCG@10 of the weights in use and of the fitted ones.
        interval: 95 % bootstrap interval of ``after``.
        difference, p: Of the paired test.
        bands: Band -> (matches, probability stated, share found worth inviting).
        unanswered: Needs with nobody worth inviting, and how many were said to have no good
            match: (truly none, said none, both).
        better: Whether the fitted weights rank better; if not, they are refused.
    """

    fusion: Fusion
    needs: int
    before: float
    after: float
    interval: list[float]
    difference: float
    p: float
    bands: dict[str, tuple[int, float, float]]
    unanswered: tuple[int, int, int]
    better: bool


def tune(judged: Judged, prior: Fusion, source: str, keep_weights: bool = False) -> Tuning:
    """Fit weights and bands, and measure both by cross-validation over needs.

    Args:
        judged: Pairs with grades.
        prior: The weights in use.
        source: What the judgements are, kept with the weights.
        keep_weights: Fit only what a score promises, not the weights of the signals.

    Raises:
        InputError: Too few judged needs, or all judged alike.
    """
    needs = len(np.unique(judged.group))
    if needs < LEAST_NEEDS:
        raise InputError(f"{needs} judged needs: at least {LEAST_NEEDS} are needed")
    if not judged.worth.any():
        raise InputError("no supplier was judged worth inviting (grade 2 or 3)")
    score = np.zeros(len(judged.group))
    chance = np.zeros(len(judged.group))
    nobody = np.zeros(len(judged.group), dtype=bool)
    for training, test in _folds(judged):
        fitted = fit(judged.take(training), prior, source, keep_weights)
        score[test], chance[test] = _apply(fitted, judged.take(test))
        nobody[test] = chance[test] < fitted.answered
    before = _ndcg(judged, _apply(prior, judged)[0])
    after = _ndcg(judged, score)
    difference, p = paired_test(before, after)
    bands = _bands(judged, chance, prior)
    fusion = replace(
        fit(judged, prior, source, keep_weights),
        precision={name: round(observed, 2) for name, (_, _, observed) in bands.items()},
    )
    return Tuning(
        fusion=fusion,
        needs=len(before),
        before=float(np.mean(list(before.values()))),
        after=float(np.mean(list(after.values()))),
        interval=interval(np.array(list(after.values()))),
        difference=difference,
        p=p,
        bands=bands,
        unanswered=_unanswered(judged, nobody),
        better=difference > 0,
    )


def fit(judged: Judged, prior: Fusion, source: str, keep_weights: bool = False) -> Fusion:
    """Fit weights and bands on all the pairs given.

    Args:
        judged: Pairs with grades.
        prior: The weights the fitted ones are drawn towards.
        source: Kept with the weights.
        keep_weights: Fit only what a score promises, not the weights of the signals.
    """
    fusion = prior
    if not keep_weights:
        start = np.array([prior.weights.get(name, 0.0) for name in SIGNALS])
        # The score as it is comes in almost free of penalty, departures from it cost.
        features = np.column_stack([10 * judged.signals @ start, judged.signals])
        model = LogisticRegression(C=1 / max(_SHRINKAGE, 1e-6), max_iter=5000)
        coefficients = model.fit(features, judged.worth).coef_[0]
        weights = 10 * coefficients[0] * start + coefficients[1:]
        # A signal can be useless, but never a reason against a supplier.
        weights = np.maximum(weights, 0)
        weights *= start.sum() / max(float(weights.sum()), 1e-6)
        rounded = {n: round(float(w), 3) for n, w in zip(SIGNALS, weights, strict=True)}
        fusion = replace(prior, weights=rounded)
    score, _ = _apply(fusion, judged)
    promise = LogisticRegression(C=100, max_iter=5000)
    promise.fit(np.column_stack([score, judged.covered]), judged.worth)
    fusion = replace(
        fusion,
        intercept=round(float(promise.intercept_[0]), 4),
        score_slope=round(float(promise.coef_[0][0]), 4),
        covered_slope=round(float(promise.coef_[0][1]), 4),
        source=source,
    )
    return replace(fusion, answered=_answered(judged, _apply(fusion, judged)[1], prior.answered))


def _apply(fusion: Fusion, judged: Judged) -> tuple[Scores, Scores]:
    """Score and probability of every pair."""
    signals = {name: judged.signals[:, n] for n, name in enumerate(SIGNALS)}
    score = fusion.score(signals)
    return score, fusion.probability(score, judged.covered)


def _folds(judged: Judged) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    folds = GroupKFold(_FOLDS, shuffle=True, random_state=1)
    yield from folds.split(judged.signals, judged.worth, judged.group)


def _ndcg(judged: Judged, score: Scores) -> dict[str, float]:
    """nDCG@10 of each need that has a relevant supplier."""
    run: dict[str, list[str]] = {}
    qrels: dict[str, dict[str, int]] = {}
    for number in np.unique(judged.group):
        rows = np.flatnonzero(judged.group == number)
        rows = rows[np.argsort(-score[rows], kind="stable")]
        grades = {judged.suppliers[r]: int(judged.grades[r]) for r in rows if judged.grades[r]}
        if grades:
            need = judged.needs[rows[0]]
            run[need] = [judged.suppliers[r] for r in rows]
            qrels[need] = grades
    return measure(run, qrels)["ndcg@10"]


def _bands(judged: Judged, chance: Scores, fusion: Fusion) -> dict[str, tuple[int, float, float]]:
    named = np.array([fusion.band(float(c)) for c in chance])
    rows = {}
    for band in Band:
        inside = named == band
        if inside.any():
            stated, observed = float(chance[inside].mean()), float(judged.worth[inside].mean())
            rows[band.value] = (int(inside.sum()), stated, observed)
    return rows


def _unanswered(judged: Judged, nobody: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Needs that truly have nobody, that are said to, and both."""
    groups = [judged.group == number for number in np.unique(judged.group)]
    truly = np.array([not judged.worth[rows].any() for rows in groups])
    said = np.array([bool(nobody[rows].all()) for rows in groups])
    return int(truly.sum()), int(said.sum()), int((truly & said).sum())


def _answered(judged: Judged, chance: Scores, otherwise: float) -> float:
    """Probability of the best match that best tells answered needs from others (F1).

    Args:
        judged: Pairs with grades.
        chance: Their probabilities.
        otherwise: Returned if all needs are of one sort.
    """
    groups = [judged.group == number for number in np.unique(judged.group)]
    best = np.array([chance[rows].max() for rows in groups])
    truly = np.array([not judged.worth[rows].any() for rows in groups])
    if truly.all() or not truly.any():
        return otherwise
    edges = np.sort(best)
    limits = (edges[1:] + edges[:-1]) / 2
    said = best[None, :] < limits[:, None]
    quality = 2 * (said & truly).sum(axis=1) / (said.sum(axis=1) + truly.sum())
    return round(float(limits[quality.argmax()]), 3)
