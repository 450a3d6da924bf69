"""Measure speed and memory on this machine; prints machine, data, medians and spread.

python scripts/bench.py [--repeat 20]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from matcher.collection import read_collection
from matcher.embed import load_encoder, load_word_encoder
from matcher.index import Generation, build_generation
from matcher.pipeline import PIPELINES, Matcher
from matcher.records import Kind
from matcher.text import TermMaker

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample"


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeat", type=int, default=20, help="runs of each measurement")
    repeat = parser.parse_args().repeat
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    collection = read_collection(SAMPLE)
    print(f"data: {len(collection.needs)} needs, {len(collection.suppliers)} suppliers (sample)")
    encoder = load_encoder("bundled")
    word_encoder = load_word_encoder(encoder)
    term_maker = TermMaker(low_memory=False)
    texts = [s.texts[0].body for s in collection.suppliers] * 20
    words = sum(len(t.split()) for t in texts) / len(texts)
    encoder.encode(texts)
    report(f"encode {len(texts)} texts of {words:.0f} words", lambda: encoder.encode(texts), repeat)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        built = build_generation(
            Path(folder), collection.records, 0, encoder, word_encoder, term_maker
        )
        print(f"index the sample once, dictionaries cold: {time.perf_counter() - started:.2f} s")
        matcher = Matcher(Generation.open(built), encoder, word_encoder, term_maker)
        queries = [matcher.prepare(n, Kind.NEED) for n in collection.needs]
        for stage in PIPELINES:
            report(
                f"rank, stage {stage}",
                lambda stage=stage: [matcher.match(q, 10, stage=stage) for q in queries],
                repeat,
                len(queries),
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: {peak:.0f} MB")


def report(name: str, run: Callable[[], object], repeat: int, count: int = 1) -> None:
    """Time a function and print median, least and most in milliseconds."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - started) / count)
    print(f"{name}: median {statistics.median(times):.2f} ms, {min(times):.2f} to {max(times):.2f}")


if __name__ == "__main__":
    main()
