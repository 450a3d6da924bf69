"""Measure the encoder: across languages, on codes and notices never seen, and its speed.

python scripts/bench_encoder.py [--eval FOLDER] [--peer MODEL]

Without arguments it measures what the repository holds: the tenth of the glossary that no
training saw, and speed. ``--eval`` names a folder with ``cpv/labels.tsv`` and ``notices/`` (a
collection), ``--peer`` a sentence-transformers model that is timed and measured beside it, such
as ``sentence-transformers/all-MiniLM-L6-v2``.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.collection import read_collection
from matcher.embed import Encoder, Role, StaticEncoder, load_encoder
from matcher.evaluate import Bench
from matcher.glossary import FOLDER
from matcher.training.corpus import Source, read_corpus
from matcher.training.probes import code_retrieval, translation_retrieval

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample"
HELD_OUT = 0.1
"""Share of the glossary that the training leaves out, as in encoder.toml."""
WORDS = 60


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="bundled", help="what to measure")
    parser.add_argument("--eval", type=Path, help="folder with cpv/labels.tsv and notices/")
    parser.add_argument("--peer", help="model measured beside it")
    parser.add_argument("--repeat", type=int, default=7, help="runs of each timing")
    arguments = parser.parse_args()
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    encoder = load_encoder(arguments.model)
    peer = load_encoder(arguments.peer) if arguments.peer else None
    for each in filter(None, (encoder, peer)):
        print(f"\n{each.name}: {each.dimension} dimensions, fingerprint {each.fingerprint}")
        quality(each, arguments.eval)
    if isinstance(encoder, StaticEncoder):
        rankings(encoder, arguments.eval)
    print()
    speed(encoder, peer, arguments.repeat)


def quality(encoder: Encoder, folder: Path | None) -> None:
    """Print how well texts find their translations, and labels those of the same code."""

    def encode(texts: list[str]) -> NDArray[np.float32]:
        return encoder.encode(texts, Role.TEXT)

    for kind in ("terms", "sentences"):
        files = sorted(FOLDER.glob(f"{kind}-*.tsv"))
        sources = [Source(f, 1.0, "", "") for f in files]
        seen, unseen = read_corpus(sources, {f.name: HELD_OUT for f in files})
        found = translation_retrieval(encode, unseen, seen)
        by_language = " ".join(f"{lang} {value:.3f}" for lang, value in found.items())
        print(
            f"held-out {kind} found among all, to and from English: "
            f"{np.mean(list(found.values())):.3f} ({by_language}; "
            f"{len(unseen)} of {len(seen) + len(unseen)} meanings)"
        )
    if folder and (folder / "cpv" / "labels.tsv").exists():
        pairs = code_retrieval(encode, folder / "cpv" / "labels.tsv")
        low, high = min(pairs.values()), max(pairs.values())
        print(f"CPV labels never seen, MRR@10: {pairs['mean']:.3f} (pairs {low:.3f} to {high:.3f})")


def rankings(encoder: StaticEncoder, folder: Path | None) -> None:
    """Print nDCG@10 of rankings by the encoder alone and by all stages."""
    folders = {"sample": SAMPLE}
    if folder and (folder / "notices").exists():
        folders["notices"] = folder / "notices"
    for name, path in folders.items():
        with Bench(read_collection(path), encoder, encoder) as bench:
            values = {s: bench.run(s).metrics()["ndcg@10"] for s in ("dense", "full")}
        print(f"{name}: nDCG@10 {values['dense']:.3f} dense, {values['full']:.3f} full")


def speed(encoder: Encoder, peer: Encoder | None, repeat: int) -> None:
    """Print texts a second, and the ratio to the peer's."""
    texts = _texts(20_000)
    rate = _rate(lambda: encoder.encode(texts), len(texts), repeat)
    print(f"{encoder.name}: {rate:,.0f} texts of {WORDS} words a second (median of {repeat})")
    if peer is not None:
        few = texts[:128]
        beside = _rate(lambda: peer.encode(few), len(few), 3)
        print(f"{peer.name}: {beside:,.0f} (median of 3); ratio {rate / beside:,.0f}")


def _rate(run: Callable[[], object], count: int, repeat: int) -> float:
    run()
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    print(
        f"  {statistics.median(seconds):.3f} s for {count} "
        f"({min(seconds):.3f} to {max(seconds):.3f})"
    )
    return count / statistics.median(seconds)


def _texts(count: int) -> list[str]:
    """Texts of sixty words drawn from the sample's, so that words repeat as in a language."""
    random = np.random.default_rng(1)
    collection = read_collection(SAMPLE)
    bodies = [r.texts[0].body.split() for r in [*collection.needs, *collection.suppliers]]
    texts = []
    for number in random.integers(0, len(bodies), count):
        words = bodies[number]
        start = int(random.integers(0, max(1, len(words) - WORDS)))
        texts.append(" ".join(words[start : start + WORDS]))
    return texts


if __name__ == "__main__":
    main()
