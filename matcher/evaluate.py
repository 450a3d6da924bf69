"""Retrieval metrics of the matcher on a collection."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import ir_measures
import numpy as np
from ir_measures import RR, R, Success, nDCG
from numpy.typing import NDArray

from matcher.collection import Collection
from matcher.embed import Encoder, StaticEncoder
from matcher.errors import InputError
from matcher.fusion import Band, Fusion
from matcher.index import Generation, build_generation
from matcher.languages import same_language
from matcher.pipeline import Hit, Matcher
from matcher.records import Kind
from matcher.text import TermMaker, canonical_text, language_of

METRICS = {
    "ndcg@10": nDCG @ 10,
    "recall@10": R @ 10,
    "recall@50": R @ 50,
    "mrr@10": RR @ 10,
    # A supplier worth inviting, not one that is merely in the same field.
    "success@5": Success(rel=2) @ 5,
}
"""As trec_eval defines them. Relevant is grade 1 or more, for success@5 grade 2 or more."""

Run = dict[str, list[str]]

WORTH_INVITING = 2
"""Grade from which a supplier is worth inviting, not merely in the same field."""

_RESAMPLES = 2000
_FLIPS = 10_000


@dataclass(frozen=True)
class Evaluation:
    """Rankings of a collection's needs and what they are judged by.

    Attributes:
        stage: That made the rankings.
        rankings: Need id -> all suppliers, best first.
        need_languages, supplier_languages: Id -> language.
        judgements: Need id -> supplier id -> grade.
        encoder: Name and fingerprint of the encoder.
        seconds: For indexing and ranking.
        fusion: Weights and bands the rankings were made with.
    """

    stage: str
    rankings: dict[str, list[Hit]]
    need_languages: dict[str, str]
    supplier_languages: dict[str, str]
    judgements: dict[str, dict[str, int]]
    encoder: str
    seconds: float
    fusion: Fusion = field(default_factory=Fusion.read)

    def as_dict(self) -> dict[str, Any]:
        """Return the metrics in the form of the contract, and what is known beyond it."""

        def crossing(need: str, supplier: str) -> bool:
            return not same_language(need, supplier)

        pairs = sorted(
            {
                (self.need_languages[n], self.supplier_languages[s])
                for n, grades in self.judgements.items()
                for s, grade in grades.items()
                if grade > 0 and n in self.need_languages and s in self.supplier_languages
            }
        )
        per_need = self.per_need()
        bands = {}
        if self.stage == "full":
            bands = {"reliability": self.reliability(), "no_good_match": self.no_good_match()}
        return {
            "stage": self.stage,
            "needs": len(self.need_languages),
            "suppliers": len(self.supplier_languages),
            "metrics": self.metrics(),
            "intervals": {
                name: interval(np.array(list(values.values()))) for name, values in per_need.items()
            },
            "by_language_pair": {
                f"{one}->{other}": self.metrics(partial(_is_pair, (one, other)))
                for one, other in pairs
            },
            "cross_lingual": self.metrics(crossing),
            "same_language": self.metrics(same_language),
            **bands,
            "per_need": per_need,
            "encoder": self.encoder,
            "seconds": round(self.seconds, 2),
        }

    def metrics(self, keep: Callable[[str, str], bool] = lambda *_: True) -> dict[str, float | int]:
        """Compute the metrics over rankings restricted to some pairs of languages.

        Args:
            keep: Tells for (need's language, supplier's language) whether a supplier stays.

        Returns:
            Metric -> mean over needs that have a relevant supplier left; ``needs`` of them.
        """
        values = self.per_need(keep)
        count = len(next(iter(values.values())))
        means = {
            name: round(float(np.mean(list(v.values()))), 4) if v else 0.0
            for name, v in values.items()
        }
        return {**means, "needs": count}

    def per_need(
        self, keep: Callable[[str, str], bool] = lambda *_: True
    ) -> dict[str, dict[str, float]]:
        """Compute the metrics need by need: metric -> need id -> value."""
        qrels: dict[str, dict[str, int]] = {}
        run: Run = {}
        for need, ranking in sorted(self.rankings.items()):
            lang = self.need_languages[need]
            ids = (hit.record_id for hit in ranking)
            kept = [s for s in ids if keep(lang, self.supplier_languages[s])]
            known = set(kept)
            grades = {s: g for s, g in self.judgements.get(need, {}).items() if s in known}
            if any(grades.values()):
                qrels[need] = grades
                run[need] = kept
        return measure(run, qrels)

    def reliability(self) -> list[dict[str, Any]]:
        """Compare what each band promises with what people said, over all judged needs.

        A supplier nobody judged counts as one not worth inviting, as in the metrics.
        """
        chances, worth = self._chances()
        strong, possible = self.fusion.strong, self.fusion.possible
        rows = []
        for band, low, high in (
            (Band.STRONG, strong, 1.01),
            (Band.POSSIBLE, possible, strong),
            (Band.WEAK, 0.0, possible),
        ):
            inside = (chances >= low) & (chances < high)
            rows.append(
                {
                    "band": band.value,
                    "matches": int(inside.sum()),
                    "stated": self.fusion.precision.get(band.value),
                    "predicted": _mean(chances[inside]),
                    "observed": _mean(worth[inside]),
                }
            )
        return rows

    def no_good_match(self) -> dict[str, Any]:
        """How well needs that nobody answers are told from the others.

        It is said of a need whose best match is less likely than ``Fusion.answered``. It is true
        of one that was judged without any supplier found worth inviting.
        """
        said, truly = [], []
        for need, ranking in self.rankings.items():
            if need in self.judgements and ranking:
                best = max(hit.probability or 0.0 for hit in ranking)
                said.append(best < self.fusion.answered)
                truly.append(max(self.judgements[need].values()) < WORTH_INVITING)
        right = sum(s and t for s, t in zip(said, truly, strict=True))
        return {
            "needs": len(truly),
            "unanswered": sum(truly),
            "precision": round(right / sum(said), 4) if any(said) else None,
            "recall": round(right / sum(truly), 4) if any(truly) else None,
        }

    def _chances(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        chances, worth = [], []
        for need, ranking in self.rankings.items():
            if grades := self.judgements.get(need):
                chances += [hit.probability or 0.0 for hit in ranking]
                worth += [grades.get(hit.record_id, 0) >= WORTH_INVITING for hit in ranking]
        return np.array(chances), np.array(worth, dtype=np.float64)


class Bench:
    """A collection indexed in a temporary folder, to be ranked in as many ways as wanted.

    A context manager. The judgements are not looked at for a ranking.

    Raises:
        InputError: No need has a judgement.
    """

    def __init__(
        self, collection: Collection, encoder: Encoder, word_encoder: StaticEncoder
    ) -> None:
        if not any(n.id in collection.judgements for n in collection.needs):
            raise InputError("the collection's qrels.tsv judges none of its needs")
        started = time.perf_counter()
        self.collection = collection
        self._folder = tempfile.TemporaryDirectory(prefix="samspill-")
        term_maker = TermMaker(low_memory=False)
        built = build_generation(
            Path(self._folder.name), collection.records, 0, encoder, word_encoder, term_maker
        )
        self.matcher = Matcher(Generation.open(built), encoder, word_encoder, term_maker)
        self.queries = [self.matcher.prepare(need, Kind.NEED) for need in collection.needs]
        self._indexing = time.perf_counter() - started
        self._encoder = f"{encoder.name} {encoder.fingerprint}"

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def run(
        self,
        stage: str,
        fusion: Fusion | None = None,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> Evaluation:
        """Rank all suppliers for every need.

        Args:
            stage: ``lexical``, ``dense``, ``hybrid`` or ``full``.
            fusion: In place of the weights that ship.
            progress: Called with needs done and needs in all.
        """
        started = time.perf_counter()
        self.matcher.fusion = fusion or Fusion.read()
        rankings = {}
        for done, query in enumerate(self.queries, start=1):
            found = self.matcher.match(query, len(self.collection.suppliers), stage=stage)
            rankings[query.record_id] = found.hits
            progress(done, len(self.queries))
        return Evaluation(
            stage,
            rankings,
            {n.id: language_of(canonical_text(n)) for n in self.collection.needs},
            {s.id: language_of(canonical_text(s)) for s in self.collection.suppliers},
            self.collection.judgements,
            self._encoder,
            self._indexing + time.perf_counter() - started,
            self.matcher.fusion,
        )


def evaluate(
    collection: Collection, stage: str, encoder: Encoder, word_encoder: StaticEncoder
) -> Evaluation:
    """Index a collection in a temporary folder and rank all suppliers for every need."""
    with Bench(collection, encoder, word_encoder) as bench:
        return bench.run(stage)


def measure(run: Run, qrels: dict[str, dict[str, int]]) -> dict[str, dict[str, float]]:
    """Compute the metrics of rankings: metric -> need id -> value.

    Args:
        run: Need id -> supplier ids, best first.
        qrels: Need id -> supplier id -> grade, for the same needs.
    """
    scored = {
        need: {s: float(len(ranking) - place) for place, s in enumerate(ranking)}
        for need, ranking in run.items()
    }
    found: dict[str, dict[str, float]] = {}
    for name, metric in METRICS.items():
        values = {m.query_id: m.value for m in ir_measures.iter_calc([metric], qrels, scored)}
        found[name] = {need: round(float(values[need]), 6) for need in qrels}
    return found


def interval(values: NDArray[np.float64]) -> list[float]:
    """95 % bootstrap interval of a mean over needs (percentile method, fixed seed)."""
    if not len(values):
        return [0.0, 0.0]
    random = np.random.default_rng(1)
    means = values[random.integers(0, len(values), (_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return [round(float(low), 4), round(float(high), 4)]


def paired_test(one: dict[str, float], other: dict[str, float]) -> tuple[float, float]:
    """Compare two configurations on the needs both measured (Fisher's randomisation test).

    Args:
        one: Need id -> value of one metric.
        other: The same of the other configuration.

    Returns:
        Mean of ``other - one``, and the share of random swaps of the two that give a
        difference at least as large (two-sided p, Smucker et al. 2007).

    Raises:
        InputError: They have no need in common.
    """
    needs = sorted(one.keys() & other.keys())
    if not needs:
        raise InputError("the two results have no need in common")
    difference = np.array([other[n] - one[n] for n in needs])
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (_FLIPS, len(needs)))
    extreme = np.abs((signs * difference).mean(axis=1)) >= abs(difference.mean()) - 1e-12
    return round(float(difference.mean()), 4), round(float((extreme.sum() + 1) / (_FLIPS + 1)), 4)


def _mean(values: NDArray[np.float64]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None


def _is_pair(pair: tuple[str, str], need: str, supplier: str) -> bool:
    return (need, supplier) == pair
