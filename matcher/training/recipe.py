"""A run of the training: from a configuration file to a model folder with its card."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from matcher.embed import Role, StaticEncoder
from matcher.errors import InputError
from matcher.training.contrastive import (
    StaticTrainer,
    TrainingConfig,
    piece_frequency,
    tokenise,
    train,
)
from matcher.training.corpus import ParallelCorpus, Source, read_corpus
from matcher.training.export import save_model
from matcher.training.probes import Encode, code_retrieval, translation_retrieval
from matcher.training.teacher import Lessons, teach
from matcher.training.tokenizer import TokenizerConfig, train_tokenizer

Log = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Recipe:
    """All there is to a run.

    Attributes:
        seed: Makes it reproducible.
        sources: Files with their weights.
        held_out: File name -> share kept out of training.
        tokenizer: How the vocabulary is made.
        training: The main training.
        finishing: Training on the ``finishing_sources`` afterwards; None for none.
        finishing_sources: Names of their files.
        teacher: Name or path of a sentence-transformers model; empty for none.
    """

    seed: int
    sources: tuple[Source, ...]
    held_out: dict[str, float]
    tokenizer: TokenizerConfig
    training: TrainingConfig
    finishing: TrainingConfig | None
    finishing_sources: frozenset[str]
    teacher: str

    @classmethod
    def read(cls, path: Path, folders: Sequence[Path], teacher: str | None = None) -> Recipe:
        """Read a configuration file; file names may hold wildcards.

        Args:
            path: The configuration.
            folders: Where its files are looked for, first found wins.
            teacher: In place of the one it names.

        Raises:
            InputError: A file it names is in none of the folders.
        """
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        sources = [
            Source(file, **{k: v for k, v in s.items() if k != "file"})
            for s in values["sources"]
            for file in _find(s["file"], folders)
        ]
        held_out = {
            file.name: float(share)
            for pattern, share in values.get("held_out", {}).items()
            for file in _find(pattern, folders)
        }
        training = TrainingConfig(**values["training"])
        finishing = dict(values.get("finishing", {}))
        patterns = finishing.pop("sources", [])
        return cls(
            int(values["seed"]),
            tuple(sources),
            held_out,
            TokenizerConfig(**values["tokenizer"]),
            training,
            replace(training, **finishing) if finishing else None,
            frozenset(f.name for pattern in patterns for f in _find(pattern, folders)),
            values.get("teacher", "") if teacher is None else teacher,
        )


def run(recipe: Recipe, output: Path, work: Path, log: Log, labels: Path | None = None) -> None:
    """Train a model and write it with its card.

    Args:
        recipe: What to do.
        output: The model's folder.
        work: Holds tokenizer and checkpoints; a run that was cut off goes on from there.
        log: Called with an event and its figures.
        labels: Development CPV labels, measured for the card if given.
    """
    work.mkdir(parents=True, exist_ok=True)
    weights = [s.weight for s in recipe.sources]
    corpus, held_out = read_corpus(recipe.sources, recipe.held_out)
    log("corpus", {"meanings": len(corpus), "texts": len(corpus.texts), "held_out": len(held_out)})
    tokenizer = _tokenizer(recipe, corpus, weights, work / "tokenizer.json")
    tokens = tokenise(corpus, tokenizer, recipe.training.max_pieces)
    log("tokens", {"pieces": len(tokens.pieces), "vocabulary": tokenizer.get_vocab_size()})
    trainer = StaticTrainer(tokenizer.get_vocab_size(), recipe.training, recipe.seed)
    draws = np.array(weights)[corpus.sources]
    lessons = _lessons(recipe, corpus, work / "teacher.npy")
    names = [s.group for s in recipe.sources]
    groups = np.array([names.index(name) for name in names], dtype=np.int32)[corpus.sources]
    train(
        trainer,
        corpus,
        tokens,
        draws,
        recipe.seed,
        lambda figures: log("train", figures),
        checkpoint=work / "checkpoint.npz",
        groups=groups,
        lessons=lessons,
    )
    if recipe.finishing:
        chosen = [s.path.name in recipe.finishing_sources for s in recipe.sources]
        trainer.config = recipe.finishing
        train(
            trainer,
            corpus,
            tokens,
            draws * np.array(chosen)[corpus.sources],
            recipe.seed + 1,
            lambda figures: log("finish", figures),
            groups=groups,
            lessons=lessons,
        )
    vectors = trainer.vectors.numpy()
    frequency = piece_frequency(corpus, tokens, draws, len(vectors))
    save_model(output, tokenizer, vectors, frequency, "")
    encoder = StaticEncoder(output)
    scores = measure(lambda texts: encoder.encode(texts, Role.TEXT), held_out, labels)
    log("scores", scores)
    (output / "README.md").write_text(_card(recipe, corpus, scores), encoding="utf-8")


def measure(encode: Encode, held_out: ParallelCorpus, labels: Path | None) -> dict[str, Any]:
    """Measure an encoder on held-out meanings and, if given, development CPV labels."""
    scores: dict[str, Any] = {"translation": translation_retrieval(encode, held_out)}
    if labels:
        scores["codes"] = code_retrieval(encode, labels)["mean"]
    return scores


def _lessons(recipe: Recipe, corpus: ParallelCorpus, cache: Path) -> Lessons | None:
    if not recipe.teacher or not recipe.training.teacher_weight:
        return None
    share = np.array([s.taught for s in recipe.sources])[corpus.sources]
    return teach(corpus, share, recipe.teacher, recipe.seed, cache)


def _tokenizer(
    recipe: Recipe, corpus: ParallelCorpus, weights: list[float], path: Path
) -> Tokenizer:
    if not path.exists():
        train_tokenizer(corpus, weights, recipe.tokenizer, recipe.seed).save(str(path))
    return Tokenizer.from_file(str(path))


def _find(pattern: str, folders: Sequence[Path]) -> list[Path]:
    for folder in folders:
        if found := sorted(folder.glob(pattern)):
            return found
    raise InputError(f"{pattern}: in none of {', '.join(map(str, folders))}")


def _teaching(recipe: Recipe) -> str:
    if not recipe.teacher or not recipe.training.teacher_weight:
        return ""
    return (
        f"texts drawn towards the vectors that {Path(recipe.teacher).name} gives their English "
        f"counterparts (weight {recipe.training.teacher_weight:g}); "
    )


def _card(recipe: Recipe, corpus: ParallelCorpus, scores: dict[str, Any]) -> str:
    count: NDArray[np.int64] = np.bincount(corpus.sources, minlength=len(recipe.sources))
    rows = [
        f"| {s.path.name} | {n:,} | {s.weight:g} | {s.origin} | {s.licence} |"
        for s, n in zip(recipe.sources, count, strict=True)
    ]
    translation = ", ".join(f"{k} {v:.3f}" for k, v in scores["translation"].items())
    codes = f"{scores['codes']:.3f}" if "codes" in scores else "not measured"
    return f"""---
language: [nb, nn, sv, da, fi, is, en, de]
library_name: sentence-transformers
license: apache-2.0
---

# Samspill's bundled encoder

A static multilingual model: a text is the sum of its subwords' vectors, normalised. It encodes
tens of thousands of texts a second on a small processor and was trained for matching public
buyers' needs with suppliers across bokmål, nynorsk, Swedish, Danish, Finnish, Icelandic, English
and German. Loads with sentence-transformers; vectors are int8 with a weight per row.

## Recipe

`scripts/train_encoder.py` with `scripts/encoder.toml`, {time.strftime("%Y-%m-%d")}: a
{recipe.tokenizer.kind} vocabulary of {recipe.tokenizer.vocabulary:,} pieces over a
language-balanced sample (NFKC, lower case, single digits); one vector of
{recipe.training.dimensions} dimensions per piece; in-batch softmax in both directions on
scaled cosines of translation pairs (scale {recipe.training.scale:g}, batch
{recipe.training.batch}, {recipe.training.passes:g} passes, Adam
{recipe.training.learning_rate:g} with linear decay), English on one side of
{recipe.training.english_share:.0%} of the pairs,
{recipe.training.one_group:.0%} of the batches from one group of sources;
{_teaching(recipe)}then passes over terminology.

```json
{json.dumps({"training": vars(recipe.training)}, indent=1)}
```

## Data

| file | meanings | draws per pass | what | licence |
|---|---|---|---|---|
{chr(10).join(rows)}

The texts themselves are not part of the model, except the glossary, which is in `data/glossary`.
Texts written for this project were written with the help of a language model and have not been
read by native speakers of every language.

## Scores

- Held-out tenth of the glossary, nearest text is the translation, to and from English:
  {translation}
- Development CPV labels never seen in training, MRR@10 over all pairs of nb sv da fi en de: {codes}

## Limits

It knows words, not their order: "from A to B" and "from B to A" are the same to it. It knows
best what its data is about: procurement, trade, software, everyday objects. Idioms, names and
rare inflections are weak, Icelandic and nynorsk weaker than the others. No native speaker has
judged it. It must not be used to judge people.
"""
