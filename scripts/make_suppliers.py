"""Make any number of suppliers from the sample's vocabulary, for measurements at a country's size.

    python scripts/make_suppliers.py 1000000 > suppliers.jsonl
    python scripts/make_suppliers.py 1000000 --store sqlite:///var/samspill.sqlite

A supplier's text is a run of sentences of the sample collection and the glossary, in which words
of content are exchanged for others of the same language and, now and then, a name or a compound
that stands nowhere else: lengths, share of rare words and the mix of languages resemble a company
register's, what is said does not make sense. The same number and seed give the same suppliers.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHARES = {"nb": 34, "nn": 4, "sv": 20, "da": 14, "fi": 12, "is": 3, "en": 8, "de": 5}
COUNTRIES = {"nb": "NO", "nn": "NO", "sv": "SE", "da": "DK", "fi": "FI", "is": "IS", "de": "DE"}
UNSTATED = 0.1
"""Share of suppliers whose source does not say their language."""
_MEDIAN_WORDS, _SPREAD, _MOST_WORDS = 21, 0.75, 250
_EXCHANGED, _COINED = 0.3, 0.012
_SYLLABLES = tuple(
    "ba bri dal fjo gre hau ist kja lun mo nor ost ra sko ti ul va yng ør ås".split()  # noqa: SIM905
)


@dataclass
class Language:
    """What texts of one language are made of."""

    sentences: list[list[str]]
    words: list[str]
    cumulative: list[float]

    @classmethod
    def of(cls, sentences: list[str]) -> Language:
        """Count the words of sentences; frequent ones are drawn more often."""
        cut = [re.findall(r"\w+|\W+", s) for s in sentences if s.strip()]
        counts = Counter(w for s in cut for w in s if len(w) > 4 and w[0].islower())
        words = sorted(counts)
        return cls(cut, words, list(accumulate(counts[w] ** 0.7 for w in words)))

    def word(self, draw: random.Random) -> str:
        """Draw a word of content."""
        return draw.choices(self.words, cum_weights=self.cumulative)[0]


def main() -> None:
    """Write suppliers to standard output, or into a store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("count", type=int, help="number of suppliers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", help="SQLAlchemy URL of a store to put them into")
    given = parser.parse_args()
    if given.store:
        fill(given.store, given.count, given.seed)
        return
    for values in make(given.count, given.seed):
        sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")


def fill(url: str, count: int, seed: int = 0) -> None:
    """Put suppliers into a store, made if there is none."""
    from matcher.records import Supplier, Text
    from matcher.store import Store

    store = Store.create(url)
    rows = make(count, seed)
    done = 0
    while batch := list(islice(rows, 10_000)):
        store.save(
            [Supplier(texts=(Text(lang=v.pop("lang"), body=v.pop("text")),), **v) for v in batch]
        )
        done += len(batch)
        print(f"\r{done:,} stored", end="", file=sys.stderr)
    print(file=sys.stderr)
    store.close()


def make(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield suppliers as rows of a collection."""
    languages = {lang: Language.of(found) for lang, found in _sentences().items()}
    draw = random.Random(seed)
    for number in range(count):
        lang = draw.choices(list(SHARES), list(SHARES.values()))[0]
        country = COUNTRIES.get(lang) or draw.choice(["NO", "SE", "DK", "FI", "IS"])
        yield {
            "id": f"m{number:07}",
            "lang": "und" if draw.random() < UNSTATED else lang,
            "name": f"{_coin(draw).capitalize()} {draw.choice(['AS', 'AB', 'ApS', 'Oy', 'ehf.'])}",
            "text": _text(languages[lang], draw),
            "country": country,
            "region": f"Region {draw.randrange(20)}",
            "nace": (f"{draw.randrange(1, 99):02}.{draw.randrange(10)}{draw.randrange(10)}",),
            "cpv": (f"{draw.randrange(3000, 98000):05}000",)[: draw.randrange(2)],
            "employees": int(draw.paretovariate(1.0)) if draw.random() < 0.6 else None,
        }  # fmt: skip


def _text(language: Language, draw: random.Random) -> str:
    wanted = min(_MOST_WORDS, _MEDIAN_WORDS * draw.lognormvariate(0, _SPREAD))
    sentences: list[str] = []
    count = 0.0
    while count < wanted:
        pieces = draw.choice(language.sentences)
        sentences.append("".join(_exchange(p, language, draw) for p in pieces))
        count += len(pieces) / 2
    return " ".join(sentences)


def _exchange(piece: str, language: Language, draw: random.Random) -> str:
    if len(piece) <= 4 or not piece[0].isalpha():
        return piece
    chance = draw.random()
    if chance < _COINED / 2:
        return _coin(draw).capitalize()
    if chance < _COINED:
        return language.word(draw) + language.word(draw)
    return language.word(draw) if chance < _EXCHANGED and piece[0].islower() else piece


def _coin(draw: random.Random) -> str:
    return "".join(draw.choices(_SYLLABLES, k=draw.randrange(2, 5)))


def _sentences() -> dict[str, list[str]]:
    """Sentences by language: of the sample's suppliers and of the glossary."""
    found: dict[str, list[str]] = {lang: [] for lang in SHARES}
    with (ROOT / "data" / "sample" / "suppliers.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            found[row["lang"]] += re.findall(r"[^.!?]+[.!?]?", row["text"])
    for path in sorted((ROOT / "data" / "glossary").glob("sentences-*.tsv")):
        with path.open(encoding="utf-8", newline="") as stream:
            for values in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                for lang in found:
                    found[lang].append(values[lang])
    return {lang: [s.strip() for s in sentences] for lang, sentences in found.items()}


if __name__ == "__main__":
    main()
