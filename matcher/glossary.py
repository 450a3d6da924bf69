"""The glossary: the field's terms in all eight languages."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matcher.embed import Role, StaticEncoder
from matcher.errors import InputError
from matcher.languages import LANGUAGES
from matcher.text import fold

FOLDER = Path(__file__).parent.parent / "data" / "glossary"


@dataclass(frozen=True)
class Concept:
    """One concept: language -> its words, the usual one first; and the theme it stands under."""

    words: dict[str, tuple[str, ...]]
    theme: str


@dataclass(frozen=True)
class Found:
    """A concept that was looked up, and how near it is: 1 for the word itself."""

    concept: Concept
    similarity: float


class Glossary:
    """Looks terms up, by the word itself and by likeness.

    Args:
        concepts: All of them.
    """

    def __init__(self, concepts: Sequence[Concept]) -> None:
        self.concepts = concepts
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for number, concept in enumerate(concepts):
            for word in {fold(w) for words in concept.words.values() for w in words}:
                self._by_word[word].append(number)

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Glossary:
        """Read the ``terms-*.tsv`` files of a folder.

        Raises:
            InputError: There are none.
        """
        concepts = []
        for path in sorted(folder.glob("terms-*.tsv")):
            theme = path.stem.removeprefix("terms-")
            with path.open(encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                    words = {lang: tuple(row[lang].split(" / ")) for lang in LANGUAGES}
                    concepts.append(Concept(words, theme))
        if not concepts:
            raise InputError(f"{folder} holds no glossary (terms-*.tsv)")
        return cls(concepts)

    def exact(self, word: str, lang: str | None = None) -> list[Concept]:
        """Return the concepts that a word names, in one language or in any."""
        folded = fold(word.strip())
        found = [self.concepts[n] for n in self._by_word.get(folded, ())]
        if lang is None:
            return found
        return [c for c in found if folded in map(fold, c.words[lang])]

    def look_up(
        self, word: str, encoder: StaticEncoder, lang: str | None = None, most: int = 5
    ) -> list[Found]:
        """Return the concepts a word names, then those whose words are most like it.

        Args:
            word: In any of the languages.
            encoder: Compares words that are not in the glossary.
            lang: The word's language, any if not given.
            most: Length of the list.

        Raises:
            InputError: There is nothing to look up.
        """
        if not fold(word).strip():
            raise InputError("there is no word to look up")
        found = [Found(c, 1.0) for c in self.exact(word, lang)][:most]
        languages = [lang] if lang else list(LANGUAGES)
        best = np.full(len(self.concepts), -1.0, dtype=np.float32)
        query = encoder.encode([word], Role.TEXT)[0]
        for each in languages:
            names = [c.words[each][0] for c in self.concepts]
            vectors = encoder.encode(names, Role.TEXT)
            best = np.maximum(best, vectors @ query)
        known = [f.concept for f in found]
        for number in np.argsort(-best, kind="stable"):
            if len(found) >= most or best[number] <= 0:
                break
            if self.concepts[number] not in known:
                found.append(Found(self.concepts[number], round(float(best[number]), 3)))
        return found
