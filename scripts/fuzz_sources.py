"""Damage good files of every format and read them: no traceback, no hang, bounded memory.

python scripts/fuzz_sources.py [--rounds 10000] [--format eforms] [--seed 1]

Each format runs in a process of its own whose memory is limited; a file that takes longer than
the limit, or raises, is kept in the folder named by --keep.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.fuzzing import check, corpus, damaged, readers

SECONDS = 5
MEMORY = 2_000_000_000


def main() -> None:
    """Run all formats, or one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10_000, help="files per format")
    parser.add_argument("--format", help="one format only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where failures go")
    options = parser.parse_args()
    failed = 0
    for kind in [options.format] if options.format else list(corpus()):
        results: multiprocessing.Queue[tuple[int, float, float, list[str]]] = (
            multiprocessing.Queue()
        )
        process = multiprocessing.Process(
            target=run, args=(kind, options.rounds, options.seed, options.keep, results)
        )
        process.start()
        process.join()
        if process.exitcode:
            print(f"{kind}: the process died with {process.exitcode}")
            failed += 1
            continue
        count, seconds, slowest, failures = results.get()
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"{kind}: {options.rounds} files, {count} items, {seconds:.0f} s, slowest "
            f"{1000 * slowest:.0f} ms, peak memory so far {peak:.0f} MB, {len(failures)} failures"
        )
        for failure in failures[:5]:
            print(f"  {failure}")
        failed += len(failures)
    sys.exit(1 if failed else 0)


def run(kind: str, rounds: int, seed: int, keep: Path, results: object) -> None:
    """Fuzz one format in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _too_long)
    rng, read, good = random.Random(seed), readers()[kind], corpus()[kind]
    count, slowest, failures, started = 0, 0.0, [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            name, data = damaged(good, rng)
            path = Path(folder) / name
            path.write_bytes(data)
            begun = time.monotonic()
            signal.alarm(SECONDS)
            try:
                count += check(path, read)
            except BaseException as error:
                keep.mkdir(parents=True, exist_ok=True)
                kept = keep / f"{kind}-{seed}-{number}{name[1:]}"
                shutil.copy(path, kept)
                failures.append(f"{kept}: {type(error).__name__}: {str(error)[:200]}")
            finally:
                signal.alarm(0)
            slowest = max(slowest, time.monotonic() - begun)
    results.put((count, time.monotonic() - started, slowest, failures))  # type: ignore[attr-defined]


def _too_long(_number: int, _frame: object) -> None:
    raise TimeoutError(f"more than {SECONDS} seconds")


if __name__ == "__main__":
    main()
