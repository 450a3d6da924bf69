"""Simulate feedback: the first five suppliers of each need are judged as the collection says.

python scripts/bench_feedback.py [COLLECTION] [--judged 5]

Prints nDCG@10 of the suppliers that were not judged, before and after, with a paired test.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from matcher.collection import read_collection
from matcher.embed import load_encoder, load_word_encoder
from matcher.evaluate import Bench, interval, measure, paired_test
from matcher.feedback import learn
from matcher.records import Kind

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample"


def main() -> None:
    """Run the simulation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("collection", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--judged", type=int, default=5, help="suppliers judged per need")
    arguments = parser.parse_args()
    collection = read_collection(arguments.collection)
    encoder = load_encoder("bundled")
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    left: dict[str, dict[str, int]] = {}
    with Bench(collection, encoder, load_word_encoder(encoder)) as bench:
        side = bench.matcher.generation.sides[Kind.SUPPLIER]
        everyone = len(collection.suppliers)
        for query in bench.queries:
            grades = collection.judgements.get(query.record_id, {})
            ranked = [h.record_id for h in bench.matcher.match(query, everyone).hits]
            judged = {s: min(2, grades.get(s, 0)) for s in ranked[: arguments.judged]}
            rest = {s: g for s, g in grades.items() if s not in judged}
            if any(rest.values()):
                left[query.record_id] = rest
                before[query.record_id] = ranked[arguments.judged :]
                hits = bench.matcher.match(learn(query, side, judged), everyone).hits
                after[query.record_id] = [h.record_id for h in hits if h.record_id not in judged]
    values = [measure(run, left)["ndcg@10"] for run in (before, after)]
    for name, found in zip(("before", "after"), values, strict=True):
        each = np.array(list(found.values()))
        low, high = interval(each)
        print(f"{name}: nDCG@10 {each.mean():.3f} ({low:.3f} to {high:.3f}), {len(each)} needs")
    difference, p = paired_test(*values)
    print(f"difference {difference:+.3f}, p {p:.4f}")


if __name__ == "__main__":
    main()
