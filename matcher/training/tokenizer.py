"""The subword vocabulary of the bundled encoder."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from matcher.languages import LANGUAGES
from matcher.training.corpus import ParallelCorpus


@dataclass(frozen=True)
class TokenizerConfig:
    """How the vocabulary is made.

    Attributes:
        kind: ``unigram``, ``bpe`` or ``wordpiece``.
        vocabulary: Number of pieces.
        characters_per_language: Size of the sample the vocabulary is learned from. The same
            for each language, so that none crowds the others out; small languages repeat.
    """

    kind: str = "unigram"
    vocabulary: int = 64_000
    characters_per_language: int = 6_000_000


def train_tokenizer(
    corpus: ParallelCorpus, weights: list[float], config: TokenizerConfig, seed: int
) -> Tokenizer:
    """Learn a subword vocabulary from a language-balanced sample of the corpus.

    Text is NFKC-normalised and lowercased; words are runs of letters, digits stand alone,
    everything else separates words and is dropped. A word is cut the same way wherever it
    stands, which is what lets the encoder cut each distinct word once.

    Args:
        corpus: Parallel text.
        weights: Sampling weight of each source, as in training.
        config: Kind and size.
        seed: Makes the sample reproducible.
    """
    model, trainer = _model(config)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[^\p{L}\p{M}\p{N}]+"), "removed"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Metaspace(prepend_scheme="always", split=False),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(
        _balanced_sample(corpus, weights, config.characters_per_language, seed), trainer
    )
    return tokenizer


def _model(config: TokenizerConfig) -> tuple[models.Model, trainers.Trainer]:
    special = ["[UNK]"]
    if config.kind == "unigram":
        return models.Unigram(), trainers.UnigramTrainer(
            vocab_size=config.vocabulary,
            special_tokens=special,
            unk_token="[UNK]",
            max_piece_length=24,
            shrinking_factor=0.75,
            show_progress=True,
        )
    if config.kind == "bpe":
        return models.BPE(unk_token="[UNK]"), trainers.BpeTrainer(
            vocab_size=config.vocabulary, special_tokens=special, min_frequency=3
        )
    if config.kind == "wordpiece":
        return models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(
            vocab_size=config.vocabulary, special_tokens=special, min_frequency=3
        )
    raise ValueError(f"tokenizer kind {config.kind!r}: expected unigram, bpe or wordpiece")


def _balanced_sample(
    corpus: ParallelCorpus, weights: list[float], characters: int, seed: int
) -> Iterator[str]:
    generator = random.Random(seed)
    meaning_of_text = np.repeat(np.arange(len(corpus)), np.diff(corpus.starts))
    weight_of_text = np.array(weights)[corpus.sources[meaning_of_text]]
    for lang in range(len(LANGUAGES)):
        members = np.flatnonzero(corpus.languages == lang)
        if not len(members):
            continue
        picks = generator.choices(
            members.tolist(), weights=weight_of_text[members].tolist(), k=2 * len(members)
        )
        taken = 0
        for index in picks:
            text = corpus.texts[index]
            yield text
            taken += len(text)
            if taken >= characters:
                break
