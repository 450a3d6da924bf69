"""Retrieval metrics of the matcher on a collection."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from ir_measures import RR, R, Success, nDCG

from matcher.collection import Collection
from matcher.embed import Encoder, StaticEncoder
from matcher.errors import InputError
from matcher.index import Generation, build_generation
from matcher.languages import same_language
from matcher.pipeline import Matcher
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


@dataclass(frozen=True)
class Evaluation:
    """Rankings of a collection's needs and what they are judged by.

    Attributes:
        stage: That made the rankings.
        rankings: Need id -> ids of all suppliers, best first.
        need_languages, supplier_languages: Id -> language.
        judgements: Need id -> supplier id -> grade.
        encoder: Name and fingerprint of the encoder.
        seconds: For indexing and ranking.
    """

    stage: str
    rankings: Run
    need_languages: dict[str, str]
    supplier_languages: dict[str, str]
    judgements: dict[str, dict[str, int]]
    encoder: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the metrics in the form of the contract."""

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
        return {
            "stage": self.stage,
            "needs": len(self.need_languages),
            "suppliers": len(self.supplier_languages),
            "metrics": self.metrics(lambda *_: True),
            "by_language_pair": {
                f"{one}->{other}": self.metrics(partial(_is_pair, (one, other)))
                for one, other in pairs
            },
            "cross_lingual": self.metrics(crossing),
            "same_language": self.metrics(same_language),
            "encoder": self.encoder,
            "seconds": round(self.seconds, 2),
        }

    def metrics(self, keep: Callable[[str, str], bool]) -> dict[str, float | int]:
        """Compute the metrics over rankings restricted to some pairs of languages.

        Args:
            keep: Tells for (need's language, supplier's language) whether a supplier stays.

        Returns:
            Metric -> mean over needs that have a relevant supplier left; ``needs`` of them.
        """
        values = self.per_need(keep)
        count = len(next(iter(values.values())))
        means = {name: round(float(np.mean(v)), 4) if v else 0.0 for name, v in values.items()}
        return {**means, "needs": count}

    def per_need(self, keep: Callable[[str, str], bool]) -> dict[str, list[float]]:
        """Compute the metrics need by need, in order of the needs' ids."""
        qrels: dict[str, dict[str, int]] = {}
        run: dict[str, dict[str, float]] = {}
        for need, ranking in sorted(self.rankings.items()):
            lang = self.need_languages[need]
            kept = [s for s in ranking if keep(lang, self.supplier_languages[s])]
            known = set(kept)
            grades = {s: g for s, g in self.judgements.get(need, {}).items() if s in known}
            if any(grades.values()):
                qrels[need] = grades
                run[need] = {s: float(len(kept) - place) for place, s in enumerate(kept)}
        found: dict[str, list[float]] = {}
        for name, measure in METRICS.items():
            by_need = {m.query_id: m.value for m in ir_measures.iter_calc([measure], qrels, run)}
            found[name] = [float(by_need[need]) for need in qrels]
        return found


def evaluate(
    collection: Collection,
    stage: str,
    encoder: Encoder,
    word_encoder: StaticEncoder,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Evaluation:
    """Index a collection in a temporary folder and rank all suppliers for every need.

    The judgements are not looked at for this.

    Raises:
        InputError: No need has a judgement.
    """
    if not any(n.id in collection.judgements for n in collection.needs):
        raise InputError("the collection's qrels.tsv judges none of its needs")
    started = time.perf_counter()
    term_maker = TermMaker(low_memory=False)
    with tempfile.TemporaryDirectory(prefix="samspill-") as folder:
        built = build_generation(
            Path(folder), collection.records, 0, encoder, word_encoder, term_maker
        )
        matcher = Matcher(Generation.open(built), encoder, word_encoder, term_maker)
        rankings: Run = {}
        for done, need in enumerate(collection.needs, start=1):
            query = matcher.prepare(need, Kind.NEED)
            result = matcher.match(query, k=len(collection.suppliers), stage=stage)
            rankings[need.id] = [hit.record_id for hit in result.hits]
            progress(done, len(collection.needs))
    return Evaluation(
        stage,
        rankings,
        {n.id: language_of(canonical_text(n)) for n in collection.needs},
        {s.id: language_of(canonical_text(s)) for s in collection.suppliers},
        collection.judgements,
        f"{encoder.name} {encoder.fingerprint}",
        time.perf_counter() - started,
    )


def _is_pair(pair: tuple[str, str], need: str, supplier: str) -> bool:
    return (need, supplier) == pair
