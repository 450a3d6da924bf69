"""From the signals of the stages to one score, and from the score to a promise.

The weights are data: a file fitted on judgements by :mod:`matcher.tune`. What ships was fitted
on the sample collection; `samspill tune` fits them to a user's own judgements.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from matcher.errors import SettingsError

SHIPPED = Path(__file__).parent / "fusion.json"

SIGNALS = ("covered", "answering", "lexical", "dense", "topic")
"""What the stages measure of a supplier for a need, in standard deviations above chance:
``covered``, how much of the need its text covers; ``answering``, how much of its text the need
calls for; ``lexical``, words in common; ``dense``, passages that answer passages; ``topic``,
likeness as a whole."""

Scores = NDArray[np.floating[Any]]


class Band(StrEnum):
    """How good a match is likely to be."""

    STRONG = "strong"
    POSSIBLE = "possible"
    WEAK = "weak"


@dataclass(frozen=True)
class Fusion:
    """How the signals are weighed, and how likely a score means a supplier worth inviting.

    Attributes:
        weights: Signal -> what it counts in the score.
        intercept, score_slope, covered_slope: Of the logistic model of the probability that a
            person would grade the pair 2 or 3 of 3, given the score and the covered share
            (0 to 1) of the need.
        strong, possible: Probabilities from which a match is in the band.
        answered: Probability that the best match must reach; below it nobody fits.
        precision: Band -> share of its matches that were graded 2 or 3, in cross-validation.
        source: What it was fitted on.
    """

    weights: Mapping[str, float]
    intercept: float
    score_slope: float
    covered_slope: float
    strong: float
    possible: float
    answered: float
    precision: Mapping[str, float]
    source: str

    @classmethod
    def read(cls, path: Path = SHIPPED) -> Fusion:
        """Read a file that :meth:`write` wrote.

        Raises:
            SettingsError: It is none.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(
                f"{path} holds no weights of a ranking ({error}); delete it to use those that "
                "ship, or make it anew with `samspill tune`"
            ) from error

    @classmethod
    def serving(cls, path: Path) -> Fusion:
        """Read a user's own file if there is one, else what ships."""
        return cls.read(path if path.exists() else SHIPPED)

    def without(self, names: Collection[str]) -> Fusion:
        """Leave some signals out."""
        kept = {name: 0.0 if name in names else w for name, w in self.weights.items()}
        return replace(self, weights=kept)

    def among(self, names: Collection[str]) -> Fusion:
        """Weigh some signals only."""
        return replace(self, weights={n: w for n, w in self.weights.items() if n in names})

    def write(self, path: Path) -> None:
        """Write to a file."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def score(self, signals: Mapping[str, Scores]) -> Scores:
        """Add the signals up: float[records]."""
        total = np.zeros_like(next(iter(signals.values())))
        for name, weight in self.weights.items():
            total += weight * signals[name]
        return total

    def probability(self, score: Scores, covered: Scores) -> Scores:
        """Probability that a person would grade a match 2 or 3: float[records]."""
        logit = self.intercept + self.score_slope * score + self.covered_slope * covered
        return np.asarray(expit(logit))

    def band(self, probability: float) -> Band:
        """Band of a match."""
        if probability >= self.strong:
            return Band.STRONG
        return Band.POSSIBLE if probability >= self.possible else Band.WEAK
