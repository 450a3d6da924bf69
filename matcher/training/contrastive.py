"""Contrastive training of a static embedding on translation pairs.

A text is the sum of its pieces' vectors, normalised. In a batch of pairs each text must find
its own counterpart among all others (in-batch softmax over scaled cosines, both directions;
van den Oord et al. 2018, Henderson et al. 2017). Part of the batches are drawn from one group of
sources, so that a word competes with words and a sentence with sentences, which are harder to
tell apart. Where a teacher has a vector for a meaning, both its texts are also drawn towards it.
Only the rows a batch touches are updated, by Adam with lazily updated moments.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from tokenizers import Tokenizer

from matcher.languages import LANGUAGES
from matcher.training.corpus import ParallelCorpus
from matcher.training.teacher import Lessons


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe of one run.

    Attributes:
        dimensions: Length of a vector.
        batch: Pairs in a batch; each pair has ``batch - 1`` negatives in each direction.
        passes: Passes over the corpus, each with another random language pair per meaning.
        scale: Factor on the cosine before the softmax (1 / temperature).
        learning_rate: Of Adam at the start; falls linearly to zero.
        english_share: Share of the pairs in which one side is English, where there is one.
        max_pieces: Longer texts are cut.
        one_group: Share of the pairs that stand in batches of one group of sources.
        teacher_weight: Of the distance to the teacher's vectors in the loss.
        prefixes: Leading dimensions that are trained to stand alone (Matryoshka; Kusupati et
            al. 2022), besides the whole vector.
    """

    dimensions: int = 256
    batch: int = 2048
    passes: float = 8
    scale: float = 24.0
    learning_rate: float = 0.05
    english_share: float = 0.6
    max_pieces: int = 96
    one_group: float = 0.0
    teacher_weight: float = 0.0
    prefixes: tuple[int, ...] = ()


@dataclass(frozen=True)
class TokenisedCorpus:
    """The pieces of every text of a corpus: text ``t`` is ``pieces[offsets[t]:offsets[t + 1]]``."""

    pieces: NDArray[np.int32]
    offsets: NDArray[np.int64]


def tokenise(corpus: ParallelCorpus, tokenizer: Tokenizer, max_pieces: int) -> TokenisedCorpus:
    """Cut all texts of a corpus into pieces."""
    lengths = np.zeros(len(corpus.texts), dtype=np.int64)
    chunks = []
    step = 50_000
    for start in range(0, len(corpus.texts), step):
        encoded = tokenizer.encode_batch_fast(
            list(corpus.texts[start : start + step]), add_special_tokens=False
        )
        ids = [np.array(e.ids[:max_pieces], dtype=np.int32) for e in encoded]
        lengths[start : start + len(ids)] = [len(i) for i in ids]
        chunks.append(np.concatenate(ids) if ids else np.zeros(0, dtype=np.int32))
    return TokenisedCorpus(
        np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.int32),
        np.concatenate([[0], np.cumsum(lengths)]),
    )


def piece_frequency(
    corpus: ParallelCorpus, tokens: TokenisedCorpus, weights: NDArray[np.float64], vocabulary: int
) -> NDArray[np.float32]:
    """Share of each piece in the text drawn, float32[vocabulary]; ``weights`` as in training."""
    per_text = np.repeat(weights, np.diff(corpus.starts))
    per_piece = np.repeat(per_text, np.diff(tokens.offsets))
    counts = np.bincount(tokens.pieces, weights=per_piece, minlength=vocabulary)
    return np.asarray(counts / counts.sum(), dtype=np.float32)


def draw_pairs(
    corpus: ParallelCorpus,
    tokens: TokenisedCorpus,
    weights: NDArray[np.float64],
    english_share: float,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw the pairs of one pass, int64[pairs, 2] indices of texts, in random order.

    Each meaning is drawn ``weights`` times (the fraction by chance); each time two different
    texts of it are taken, one of them English in ``english_share`` of the cases.
    """
    count = np.floor(weights + random.random(len(weights))).astype(np.int64)
    meanings = random.permutation(np.repeat(np.arange(len(weights)), count))
    start = corpus.starts[meanings]
    size = corpus.starts[meanings + 1] - start
    one = (random.random(len(meanings)) * size).astype(np.int64)
    english = _english_position(corpus)[meanings]
    forced = (english >= 0) & (random.random(len(meanings)) < english_share)
    one = np.where(forced, english, one)
    step = 1 + (random.random(len(meanings)) * (size - 1)).astype(np.int64)
    other = (one + step) % size
    pairs = np.stack([start + one, start + other], axis=1)
    length = np.diff(tokens.offsets)
    return np.asarray(pairs[(length[pairs] > 0).all(axis=1)])


def _english_position(corpus: ParallelCorpus) -> NDArray[np.int64]:
    """Position of the first English text within each meaning, -1 where there is none."""
    found = np.full(len(corpus), -1, dtype=np.int64)
    english = np.flatnonzero(corpus.languages == LANGUAGES.index("en"))[::-1]
    owner = np.searchsorted(corpus.starts, english, side="right") - 1
    found[owner] = english - corpus.starts[owner]
    return found


class StaticTrainer:
    """Holds the vectors and Adam's moments, and learns from batches of pairs."""

    def __init__(self, vocabulary: int, config: TrainingConfig, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.config = config
        self.vectors = torch.randn(vocabulary, config.dimensions, generator=generator)
        self.vectors *= config.dimensions**-0.5
        self.first = torch.zeros_like(self.vectors)
        self.second = torch.zeros_like(self.vectors)
        self.step = 0

    @classmethod
    def of(cls, vectors: NDArray[np.float32], config: TrainingConfig) -> StaticTrainer:
        """Make a trainer that goes on from given vectors."""
        trainer = cls(1, config, 0)
        trainer.vectors = torch.from_numpy(vectors.copy())
        trainer.first = torch.zeros_like(trainer.vectors)
        trainer.second = torch.zeros_like(trainer.vectors)
        return trainer

    def learn(
        self,
        tokens: TokenisedCorpus,
        pairs: NDArray[np.int64],
        rate: float,
        lessons: Lessons | None = None,
    ) -> float:
        """Take one step on one batch of pairs and return its loss."""
        pieces, offsets = gather(tokens, pairs.T.ravel())
        rows, local = torch.unique(torch.from_numpy(pieces), return_inverse=True)
        table = self.vectors[rows].requires_grad_()
        pooled = torch.nn.functional.embedding_bag(
            local, table, torch.from_numpy(offsets), mode="sum"
        )
        half = len(pairs)
        loss = torch.zeros(())
        for size in (*self.config.prefixes, self.config.dimensions):
            unit = torch.nn.functional.normalize(pooled[:, :size], dim=1)
            scores = self.config.scale * unit[:half] @ unit[half:].T
            target = torch.arange(half)
            loss = loss + torch.nn.functional.cross_entropy(scores, target)
            loss = loss + torch.nn.functional.cross_entropy(scores.T, target)
        loss = loss / (2 * (1 + len(self.config.prefixes)))
        if lessons is not None:
            loss = loss + self.config.teacher_weight * _distance(pooled, pairs, lessons)
        (gradient,) = torch.autograd.grad(loss, table)
        self._adam(rows, gradient, rate)
        return float(loss.detach())

    def _adam(self, rows: torch.Tensor, gradient: torch.Tensor, rate: float) -> None:
        self.step += 1
        beta1, beta2, epsilon = 0.9, 0.999, 1e-8
        first = self.first[rows].mul_(beta1).add_(gradient, alpha=1 - beta1)
        second = self.second[rows].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        self.first[rows] = first
        self.second[rows] = second
        scale = rate * (1 - beta2**self.step) ** 0.5 / (1 - beta1**self.step)
        self.vectors.index_add_(0, rows, first.div_(second.sqrt_().add_(epsilon)), alpha=-scale)

    def save(self, path: Path, progress: dict[str, object]) -> None:
        """Write a checkpoint that :meth:`restore` takes up again."""
        temporary = path.with_suffix(".tmp.npz")
        np.savez(
            temporary,
            vectors=self.vectors.numpy(),
            first=self.first.numpy(),
            second=self.second.numpy(),
            progress=json.dumps({"step": self.step, **progress}),
        )
        temporary.replace(path)

    def restore(self, path: Path) -> dict[str, object]:
        """Take up a checkpoint; return what was saved beside the vectors."""
        with np.load(path) as saved:
            self.vectors = torch.from_numpy(saved["vectors"])
            self.first = torch.from_numpy(saved["first"])
            self.second = torch.from_numpy(saved["second"])
            progress: dict[str, object] = json.loads(str(saved["progress"]))
        self.step = int(str(progress["step"]))
        return progress


def _distance(pooled: torch.Tensor, pairs: NDArray[np.int64], lessons: Lessons) -> torch.Tensor:
    """Mean cosine distance of a batch's texts to the teacher's vectors; zero where it has none."""
    rows = lessons.rows[pairs[:, 0]]
    taught = np.flatnonzero(rows >= 0)
    if not len(taught):
        return torch.zeros(())
    goal = torch.from_numpy(lessons.vectors[rows[taught]].astype(np.float32))
    chosen = torch.from_numpy(taught)
    unit = torch.nn.functional.normalize(pooled, dim=1)
    cosine = (unit[chosen] * goal).sum(1) + (unit[len(pairs) + chosen] * goal).sum(1)
    return (1 - cosine / 2).sum() / len(pairs)


def gather(
    tokens: TokenisedCorpus, texts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Concatenate the pieces of some texts: pieces int64[n] and the offset of each text."""
    start = tokens.offsets[texts]
    length = tokens.offsets[texts + 1] - start
    offsets = np.concatenate([[0], np.cumsum(length)[:-1]])
    index = np.arange(length.sum()) + np.repeat(start - offsets, length)
    return tokens.pieces[index].astype(np.int64), offsets


def train(
    trainer: StaticTrainer,
    corpus: ParallelCorpus,
    tokens: TokenisedCorpus,
    weights: NDArray[np.float64],
    seed: int,
    log: Callable[[dict[str, object]], None],
    checkpoint: Path | None = None,
    groups: NDArray[np.int32] | None = None,
    lessons: Lessons | None = None,
) -> None:
    """Run all passes, from the checkpoint if there is one.

    Args:
        trainer: Fresh, or with vectors to go on from.
        corpus: Parallel text.
        tokens: Its pieces.
        weights: Draws per pass of each meaning.
        seed: Of the pairs drawn; each pass has its own stream, so a resumed run draws the same.
        log: Called with a line of figures every hundred steps.
        checkpoint: Where to save after every pass and to resume from.
        groups: int32[meanings], the group each belongs to, for batches of one group.
        lessons: Vectors of a teacher.
    """
    config = trainer.config
    total = max(1, round(config.passes * weights.sum() / config.batch))
    done = 0
    first_pass = 0
    if checkpoint and checkpoint.exists():
        saved = trainer.restore(checkpoint)
        first_pass, done = int(str(saved["pass"])), int(str(saved["batches"]))
    if groups is None:
        groups = np.zeros(len(corpus), dtype=np.int32)
    owners = np.repeat(np.arange(len(corpus)), np.diff(corpus.starts))
    with _progress() as bar:
        task = bar.add_task("train", total=total, completed=done, loss=0.0)
        started, average = time.monotonic(), 0.0
        for number in range(first_pass, int(np.ceil(config.passes))):
            random = np.random.default_rng([seed, number])
            pairs = draw_pairs(corpus, tokens, weights, config.english_share, random)
            for batch in _batches(pairs, groups[owners[pairs[:, 0]]], config, random):
                if done >= total:
                    break
                rate = config.learning_rate * (1 - done / total)
                loss = trainer.learn(tokens, batch, rate, lessons)
                done += 1
                average = loss if not average else 0.98 * average + 0.02 * loss
                bar.update(task, completed=done, loss=average)
                if done % 100 == 0:
                    log(
                        {
                            "batch": done,
                            "of": total,
                            "loss": round(average, 4),
                            "seconds": round(time.monotonic() - started, 1),
                        }
                    )
            if checkpoint:
                trainer.save(checkpoint, {"pass": number + 1, "batches": done})


def _batches(
    pairs: NDArray[np.int64],
    groups: NDArray[np.int32],
    config: TrainingConfig,
    random: np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    """Cut pairs into batches, some of one group each, in random order."""
    apart = random.random(len(pairs)) < config.one_group
    parts = [pairs[~apart], *(pairs[apart & (groups == g)] for g in np.unique(groups))]
    batches = [
        part[start : start + config.batch]
        for part in parts
        for start in range(0, len(part) - config.batch // 2, config.batch)
    ]
    for number in random.permutation(len(batches)):
        yield batches[number]
    if not batches:
        yield pairs


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )
