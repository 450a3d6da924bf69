"""Measure speed, memory and recall on this machine, beside the floor and a peer.

    python -m scripts.bench                      20,000 generated suppliers
    python -m scripts.bench --suppliers 1000000  a country's size

Prints machine, data, medians and spread. The floor is what cannot be avoided: one pass over the
vectors at the memory's speed, tokenising the text once. The peer is txtai, if it is installed
(`pip install txtai`), on the same suppliers with the same encoder.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from matcher.collection import read_collection
from matcher.embed import load_encoder, load_word_encoder
from matcher.pipeline import Matcher
from matcher.records import Kind, Record, Supplier, Text
from matcher.reindex import reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.store import Store
from matcher.text import tokens
from scripts.make_suppliers import fill, make

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample"
RATE = 10
"""Questions a second, sent at fixed times whether or not the last is answered."""
THREADS = 40
"""As many as the web server answers with."""
_JUDGED = 20


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--suppliers", type=int, default=20_000, help="number of suppliers")
    parser.add_argument("--seconds", type=int, default=30, help="length of each load")
    parser.add_argument("--data", type=Path, help="folder with a filled store, made if not there")
    parser.add_argument("--no-peer", action="store_true", help="leave txtai out")
    given = parser.parse_args()
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"machine: {_processor()}, {os.cpu_count()} cores, load before {load}")
    with tempfile.TemporaryDirectory() as temporary:
        settings = Settings(data_dir=given.data or Path(temporary), _env_file=None)
        if not (settings.data_dir / "samspill.sqlite").exists():
            fill(settings.store_url, given.suppliers)
        store = Store.create(settings.store_url)
        print(f"data: {store.count(Kind.SUPPLIER):,} suppliers made by scripts/make_suppliers.py")
        full = index(store, settings, full=True)
        change(store, store.count(Kind.SUPPLIER) // 100)
        update = index(store, settings, full=False)
        print(f"  update / full: {update[1] / full[1]:.3f} of processor time")
        service = Service(settings)
        needs = read_collection(SAMPLE).needs
        recall(service.matcher, needs)
        asked = processor_time(service, needs)
        quiet = load_test("questions", service, needs, given.seconds)
        job = multiprocessing.get_context("spawn").Process(target=_reindex_nicely, args=(settings,))
        job.start()
        busy = load_test("questions during a re-index", service, needs, given.seconds)
        if not job.is_alive():
            print("  (the re-index ended before the questions did)")
        job.terminate()
        job.join()
        print(f"  99th percentile during / without: {busy / quiet:.2f}")
        print(f"memory of the service: {_memory(os.getpid())}")
        floor(store, full[1], asked, service)
        if not given.no_peer:
            peer(needs, settings)


def index(store: Store, settings: Settings, full: bool) -> tuple[float, float]:
    """Re-index and print what it took; return seconds of wall and of processor time."""
    encoder = load_encoder(settings.encoder)
    word_encoder = load_word_encoder(encoder)
    stop = threading.Event()
    peak = [0]
    watcher = threading.Thread(target=_watch_memory, args=(stop, peak))
    watcher.start()
    before = os.times()
    started = time.perf_counter()
    jobs = os.cpu_count() or 1
    run = reindex(store, settings.data_dir, encoder, word_encoder, full=full, jobs=jobs)
    seconds = time.perf_counter() - started
    after = os.times()
    stop.set()
    watcher.join()
    used = sum(after[:4]) - sum(before[:4])
    print(
        f"{'full' if full else 'updating'} re-index, {run.changes:,} prepared: {seconds:.1f} s, "
        f"{used:.1f} s of processor, peak {peak[0] / 1e6:.0f} MB (all processes, shared "
        f"pages once), counts {run.counts['suppliers']}"
    )
    return seconds, used


def change(store: Store, count: int) -> None:
    """Save so many suppliers with other words."""
    # Another seed whenever this is run again on the same store: else nothing would have changed.
    changed = [
        Supplier(id=v["id"], name=v["name"], texts=(Text(lang=v["lang"], body=v["text"]),))
        for v in make(count, seed=store.last_change())
    ]
    for start in range(0, count, 5000):
        store.save(changed[start : start + 5000])


def recall(matcher: Matcher, needs: list[Record]) -> None:
    """Compare the first ten with those of a ranking of every supplier."""
    hits = []
    for need in needs[:_JUDGED]:
        query = matcher.prepare(need, Kind.NEED)
        found = {h.record_id for h in matcher.match(query, 10, stage="hybrid").hits}
        side = matcher.generation.sides[Kind.SUPPLIER]
        exact = matcher.match(query, len(side), stage="hybrid").hits[:10]
        hits.append(len(found & {h.record_id for h in exact}) / 10)
    print(f"recall@10 against a ranking of every supplier (hybrid): {np.mean(hits):.3f}")


def load_test(name: str, service: Service, needs: list[Record], seconds: int) -> float:
    """Ask at fixed times; print the time from when each was due to its list, return the 99th %."""
    for need in needs:
        service.matcher.match(service.matcher.prepare(need, Kind.NEED))
    took: list[float] = []
    begin = time.perf_counter()

    def ask(number: int) -> None:
        matcher = service.matcher
        matcher.match(matcher.prepare(needs[number % len(needs)], Kind.NEED))
        took.append(1000 * (time.perf_counter() - begin - number / RATE))

    with ThreadPoolExecutor(THREADS) as pool:
        asked = []
        for number in range(seconds * RATE):
            time.sleep(max(0.0, begin + number / RATE - time.perf_counter()))
            asked.append(pool.submit(ask, number))
        for question in asked:
            question.result()
    slowest = float(np.percentile(took, 99))
    print(
        f"{name}, {RATE} a second for {seconds} s: median {statistics.median(took):.1f} ms, "
        f"95 % {np.percentile(took, 95):.1f}, 99 % {slowest:.1f}, most {max(took):.1f}"
    )
    return slowest


def floor(store: Store, indexed: float, asked: float, service: Service) -> None:
    """Print how far from what cannot be avoided indexing and asking are.

    Args:
        store: The records.
        indexed: Seconds of processor time a full re-index took.
        asked: Median milliseconds of processor time of a question.
        service: Answers questions.
    """
    folder = service.matcher.generation.folder
    vectors = np.load(folder / "suppliers" / "vectors.npy", mmap_mode="r")
    block = np.array(vectors[:500_000], dtype=np.float32)
    query = np.ones(block.shape[1], dtype=np.float32)
    scan = 1000 * _median(lambda: block @ query, 5) * len(vectors) / max(1, len(block))
    records = [r for _, r in zip(range(5000), store.iterate(Kind.SUPPLIER), strict=False)]
    cut = _median(lambda: [tokens(r.texts[0].body) for r in records], 5) / len(records)
    whole = cut * store.count(Kind.SUPPLIER)
    print(f"floor: tokenising once {whole:.1f} s; full re-index / floor: {indexed / whole:.0f}")
    print(f"floor: one pass over the vectors {scan:.1f} ms; question / floor: {asked / scan:.1f}")


def processor_time(service: Service, needs: list[Record]) -> float:
    """Print and return the median milliseconds of processor time of a question, stages besides."""
    matcher = service.matcher
    took = []
    for need in needs:
        before = time.process_time()
        matcher.match(matcher.prepare(need, Kind.NEED))
        took.append(1000 * (time.process_time() - before))
    median = statistics.median(took)
    low, high = np.percentile(took, [25, 75])
    print(f"a question alone: {median:.1f} ms of processor, quartiles {low:.1f} and {high:.1f}")
    return median


def peer(needs: list[Record], settings: Settings) -> None:
    """Index and ask txtai and this program with the same 20,000 suppliers and encoder."""
    if importlib.util.find_spec("txtai") is None:
        print("peer: txtai is not installed (pip install txtai); left out")
        return
    from txtai.embeddings import Embeddings

    encoder = load_encoder(settings.encoder)
    rows = [(v["id"], v["text"], None) for v in make(20_000)]
    questions = [n.texts[0].body for n in needs]

    def vectors(texts: list[str]) -> np.ndarray:
        return encoder.encode(texts)

    started = time.perf_counter()
    other = Embeddings(method="external", transform=vectors, hybrid=True, content=True)
    other.index(rows)
    print(f"peer txtai (hybrid), 20,000 suppliers: index {time.perf_counter() - started:.1f} s")
    times = [_timed(lambda q=q: other.search(q, 10)) for q in questions]
    print(f"  question: median {1000 * statistics.median(times):.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        own = Settings(data_dir=Path(folder), _env_file=None)
        fill(own.store_url, 20_000)
        store = Store.open(own.store_url)
        index(store, own, full=True)
        service = Service(own)
        matcher = service.matcher
        times = [
            _timed(lambda n=n: matcher.match(matcher.prepare(n, Kind.NEED), 10)) for n in needs
        ]
        print(f"  this program, question: median {1000 * statistics.median(times):.1f} ms")


def _reindex_nicely(settings: Settings) -> None:
    os.nice(settings.job_nice)
    store = Store.open(settings.store_url)
    encoder = load_encoder(settings.encoder)
    jobs = os.cpu_count() or 1
    reindex(store, settings.data_dir, encoder, load_word_encoder(encoder), full=True, jobs=jobs)


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _median(run: Callable[[], object], repeat: int) -> float:
    return statistics.median(_timed(run) for _ in range(repeat))


def _watch_memory(stop: threading.Event, peak: list[int]) -> None:
    while not stop.wait(0.5):
        ids = [os.getpid(), *_children(os.getpid())]
        peak[0] = max(peak[0], sum(_field(i, "Pss") for i in ids))


def _memory(pid: int) -> str:
    return f"{_field(pid, 'Pss') / 1e6:.0f} MB, of it {_field(pid, 'Pss_Anon') / 1e6:.0f} its own"


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(x) for x in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def _field(pid: int, name: str) -> int:
    """Proportional memory of a process in bytes: pages shared with others count in part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(x.split()[1]) * 1024 for x in lines if x.startswith(f"{name}:"))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
