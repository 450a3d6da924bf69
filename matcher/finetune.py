"""Fine-tuning of a static encoder on a collection's own judgements."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from matcher.collection import Collection
from matcher.embed import StaticEncoder
from matcher.errors import ConflictError, InputError
from matcher.evaluate import evaluate
from matcher.languages import LANGUAGES
from matcher.records import Record
from matcher.text import canonical_text, language_of
from matcher.training.contrastive import StaticTrainer, TrainingConfig, tokenise, train
from matcher.training.corpus import ParallelCorpus, is_held_out
from matcher.training.export import save_model

_HELD_OUT = 0.3
_LEAST_NEEDS = 10
_STAGES = ("dense", "full")


@dataclass(frozen=True)
class Outcome:
    """Before and after, on needs the training never saw.

    Attributes:
        trained_on, measured_on: Numbers of needs.
        before, after: Stage -> nDCG@10 on the held-out needs.
        published: Whether the new model was written.
    """

    trained_on: int
    measured_on: int
    before: dict[str, float]
    after: dict[str, float]
    published: bool


def finetune(
    collection: Collection,
    encoder: StaticEncoder,
    output: Path,
    passes: int = 30,
    learning_rate: float = 0.002,
    progress: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Outcome:
    """Bring the vectors of needs and of suppliers judged worth inviting nearer to each other.

    The new model is written only if it ranks the held-out needs no worse at any stage and better
    at one.

    Args:
        collection: With judgements; 30 % of its needs, chosen by a hash of their ids, are held
            out to measure on.
        encoder: To start from.
        output: Folder of the new model; must not exist.
        passes: Over the training needs.
        learning_rate: Small: a few judgements must not undo what many translations taught.
        progress: Called with figures as the training goes on.

    Raises:
        InputError: Too few judged needs to learn from and to measure on.
        ConflictError: The output folder exists.
    """
    if output.exists():
        raise ConflictError(f"{output} exists: choose another folder")
    needs = [n for n in collection.needs if _relevant(collection, n)]
    held_out = [n for n in needs if is_held_out(n.id, _HELD_OUT)]
    training = [n for n in needs if not is_held_out(n.id, _HELD_OUT)]
    if len(training) < _LEAST_NEEDS or len(held_out) < _LEAST_NEEDS // 2:
        raise InputError(
            f"{len(needs)} needs with a supplier of grade 2 or more: at least "
            f"{2 * _LEAST_NEEDS} are needed to learn from and to measure on"
        )
    measured = replace(collection, needs=held_out)
    before = _measure(measured, encoder)
    config = TrainingConfig(
        dimensions=encoder.dimension,
        batch=min(256, len(training)),
        passes=passes,
        learning_rate=learning_rate,
        english_share=0.0,
        max_pieces=400,
    )
    corpus = _corpus(collection, training)
    trainer = StaticTrainer.of(encoder.table, config)
    tokens = tokenise(corpus, encoder.tokenizer, config.max_pieces)
    train(trainer, corpus, tokens, np.ones(len(corpus)), 1, progress)
    with tempfile.TemporaryDirectory(prefix="samspill-") as folder:
        made = Path(folder) / "model"
        save_model(
            made,
            encoder.tokenizer,
            trainer.vectors.numpy(),
            encoder.frequency,
            _card(collection, encoder),
        )
        after = _measure(measured, StaticEncoder(made))
        better = any(after[s] > before[s] for s in _STAGES)
        worse = any(after[s] < before[s] for s in _STAGES)
        if better and not worse:
            shutil.copytree(made, output)
    return Outcome(len(training), len(held_out), before, after, better and not worse)


def _relevant(collection: Collection, need: Record) -> list[str]:
    grades = collection.judgements.get(need.id, {})
    return [supplier for supplier, grade in grades.items() if grade >= 2]


def _corpus(collection: Collection, needs: list[Record]) -> ParallelCorpus:
    """A need and the suppliers judged worth inviting share a meaning."""
    suppliers = {s.id: s for s in collection.suppliers}
    texts: list[str] = []
    languages: list[int] = []
    starts = [0]
    for need in needs:
        members = [need, *(suppliers[s] for s in _relevant(collection, need) if s in suppliers)]
        for record in members:
            text = canonical_text(record)
            lang = language_of(text)
            texts.append(f"{text.title}\n{text.body}")
            languages.append(LANGUAGES.index(lang) if lang in LANGUAGES else 0)
        starts.append(len(texts))
    return ParallelCorpus(
        texts,
        np.array(languages, dtype=np.uint8),
        np.array(starts, dtype=np.int64),
        np.zeros(len(needs), dtype=np.int32),
    )


def _measure(collection: Collection, encoder: StaticEncoder) -> dict[str, float]:
    found = {}
    for stage in _STAGES:
        metrics = evaluate(collection, stage, encoder, encoder).metrics()
        found[stage] = float(metrics["ndcg@10"])
    return found


def _card(collection: Collection, encoder: StaticEncoder) -> str:
    return (
        "# A fine-tuned Samspill encoder\n\n"
        f"Started from {encoder.name} ({encoder.fingerprint}); fine-tuned by `samspill train` on "
        f"the judgements of a collection of {len(collection.needs)} needs and "
        f"{len(collection.suppliers)} suppliers.\n"
    )
