"""Parallel text: files of texts that share a meaning, read, cleaned, deduplicated and balanced.

Two file forms are read, plain or gzip: long (header ``key lang text``; the same key is the
same meaning in another language) and wide (one column a language, one row a meaning, two
common words for it parted by `` / ``).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.languages import LANGUAGES

_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Source:
    """One file of parallel text.

    Attributes:
        path: The file.
        weight: How many times each of its meanings is drawn per pass (0.5 draws half of them).
        licence: Named in the model card.
        origin: What it is and where it comes from, for the model card.
        group: What kind of text it is: some batches are drawn from one group alone.
        taught: Share of its meanings for which a teacher is asked.
    """

    path: Path
    weight: float
    licence: str
    origin: str
    group: str = ""
    taught: float = 0.0


@dataclass(frozen=True)
class ParallelCorpus:
    """Texts grouped by meaning, as flat arrays.

    Attributes:
        texts: All texts, those of one meaning side by side.
        languages: uint8[texts], index into ``LANGUAGES``.
        starts: int64[meanings + 1]; meaning ``m`` owns ``texts[starts[m]:starts[m + 1]]``.
        sources: int32[meanings], index of the source each meaning came from.
    """

    texts: Sequence[str]
    languages: NDArray[np.uint8]
    starts: NDArray[np.int64]
    sources: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.sources)


def clean(text: str) -> str:
    """Normalise a text to NFKC with single spaces; the tokenizer lowercases later."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def is_held_out(key: str, share: float) -> bool:
    """Tell whether a meaning belongs to the held-out share, by a hash of its key.

    Stable under reordering and extension of the files, so a meaning never wanders from the
    held-out part into training when a glossary grows.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
    return int.from_bytes(digest) < share * 2**32


def read_meanings(path: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield ``(key, [(language, text), ...])`` for each meaning of one file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        header = next(rows)
        if header[:3] == ["key", "lang", "text"]:
            grouped: dict[str, list[tuple[str, str]]] = {}
            for row in rows:
                if len(row) == 3 and row[1] in LANGUAGES:
                    grouped.setdefault(row[0], []).append((row[1], row[2]))
            yield from grouped.items()
        else:
            for row in rows:
                pairs = [
                    (lang, word)
                    for lang, cell in zip(header, row, strict=False)
                    if lang in LANGUAGES
                    for word in cell.split(" / ")
                    if word.strip()
                ]
                # The English cell names a row: unlike a row number it survives insertions.
                named = dict(zip(header, row, strict=False))
                yield named.get("en", row[0]).casefold(), pairs


def read_corpus(
    sources: Sequence[Source], held_out: dict[str, float] | None = None
) -> tuple[ParallelCorpus, ParallelCorpus]:
    """Read, clean and deduplicate the sources.

    Args:
        sources: The files.
        held_out: File name -> share of its meanings that is kept out of training.

    Returns:
        The training corpus and the held-out corpus.
    """
    held_out = held_out or {}
    seen: set[int] = set()
    train = _Builder()
    test = _Builder()
    for number, source in enumerate(sources):
        share = held_out.get(source.path.name, 0.0)
        for key, pairs in read_meanings(source.path):
            kept = _usable(pairs)
            if len(kept) < 2:
                continue
            fingerprint = {hash(pair) for pair in kept}
            if fingerprint <= seen:
                continue
            seen |= fingerprint
            (test if is_held_out(key, share) else train).add(kept, number)
    return train.build(), test.build()


def _usable(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = []
    for lang, text in pairs:
        text = clean(text)
        if _WORD.search(text) and (lang, text) not in kept:
            kept.append((lang, text))
    return kept


class _Builder:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.languages: list[int] = []
        self.starts = [0]
        self.sources: list[int] = []

    def add(self, pairs: list[tuple[str, str]], source: int) -> None:
        for lang, text in pairs:
            self.texts.append(text)
            self.languages.append(LANGUAGES.index(lang))
        self.starts.append(len(self.texts))
        self.sources.append(source)

    def build(self) -> ParallelCorpus:
        return ParallelCorpus(
            self.texts,
            np.array(self.languages, dtype=np.uint8),
            np.array(self.starts, dtype=np.int64),
            np.array(self.sources, dtype=np.int32),
        )
