"""Measure intake on this machine: notices a second, a register in one stream, bombs.

python scripts/bench_sources.py [--entities 1000000] [--repeat 7]

Times are medians with least and most; beside the notices stands what bare XML parsing of the
same files takes, so that machines can be compared.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from lxml import etree

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from matcher.sources.brreg import read_brreg
from matcher.sources.intake import take_in
from matcher.sources.notices import read_notices
from matcher.store import Store
from scripts.generate_register import write
from tests.notices import eforms, ted


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--entities", type=int, default=1_000_000, help="size of the register")
    parser.add_argument("--repeat", type=int, default=7, help="runs of each measurement")
    parser.add_argument("--only-register", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_register:
        register(options.only_register)
        return
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        notices(Path(folder), options.repeat)
        bombs(Path(folder), options.repeat)
        path = Path(folder) / "register.json.gz"
        write(path, options.entities)
        print(f"register: {options.entities} entities, {path.stat().st_size / 1e6:.0f} MB gzipped")
        # In a process of its own, so that its peak memory is its own.
        subprocess.run([sys.executable, __file__, "--only-register", str(path)], check=True)


def timed(name: str, run: Callable[[], object], repeat: int, count: int = 1) -> float:
    """Time a function; print median, least and most in milliseconds per item."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) / count)
    median = statistics.median(times)
    rate = f", {1 / median:.0f} a second" if count > 1 else ""
    print(
        f"{name}: median {1000 * median:.2f} ms, "
        f"{1000 * min(times):.2f} to {1000 * max(times):.2f}{rate}"
    )
    return median


def notices(folder: Path, repeat: int) -> None:
    """Read and store notices of a usual and of a large size."""
    sizes = {"eForms, 3 lots, 2 languages": {"buyers": 2, "lots": 3,
                                             "languages": ("NOB", "ENG")},
             "eForms, 100 lots, 17 buyers": {"buyers": 17, "lots": 100}}  # fmt: skip
    for name, size in sizes.items():
        count = 200 if size["lots"] == 3 else 20
        inside = folder / name.replace(" ", "-")
        inside.mkdir()
        for n in range(count):
            (inside / f"{n}.xml").write_text(eforms(n, **size), encoding="utf-8")  # type: ignore[arg-type]
        files = sorted(inside.iterdir())
        parse = timed(f"{name}: bare XML parsing", lambda f=files: [etree.parse(p) for p in f],
                      repeat, count)  # fmt: skip
        read = timed(f"{name}: reading", lambda i=inside: list(read_notices([i])), repeat, count)
        print(f"  reading takes {read / parse:.1f} times as long as bare parsing")

        def save(inside: Path = inside) -> None:
            with tempfile.TemporaryDirectory() as where:
                store = Store.create(f"sqlite:///{where}/s.sqlite")
                take_in(store, read_notices([inside]), Path(where))
                store.close()

        timed(f"{name}: reading and storing", save, repeat, count)
    inside = folder / "ted"
    inside.mkdir()
    for n in range(200):
        (inside / f"{n}.xml").write_text(ted(lots=3, doc=f"{n}-2020"), encoding="utf-8")
    timed("TED XML, 3 lots: reading", lambda: list(read_notices([inside])), repeat, 200)


def bombs(folder: Path, repeat: int) -> None:
    """Refuse what would fill the memory."""
    path = folder / "b.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a.xml", "w") as member,
    ):
        _zeros(member)
    with gzip.open(folder / "b.xml.gz", "wb", 1) as packed:
        _zeros(packed)
    laughs = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(20))
    (folder / "b.xml").write_text(f'<!DOCTYPE n [<!ENTITY a "lol">{laughs}]><n>&u;</n>')
    (folder / "deep.xml").write_text("<a>" * 1_000_000)
    for path in sorted(folder.glob("*.*")):
        timed(f"bomb {path.name} refused", lambda p=path: list(read_notices([p])), repeat)


def _zeros(out: IO[bytes]) -> None:
    """Write a gigabyte of text in small pieces: this process's own peak must stay low."""
    out.write(b"<a>")
    for _ in range(1000):
        out.write(b"0" * 1_000_000)


def register(path: Path) -> None:
    """Read a register's bulk file into an empty store."""
    started = time.perf_counter()
    count = sum(1 for _ in read_brreg([path]))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"register read: {seconds:.0f} s, {count / seconds:.0f} a second, peak {peak:.0f} MB")
    with tempfile.TemporaryDirectory() as where:
        store = Store.create(f"sqlite:///{where}/s.sqlite")
        for name in ("into an empty store", "again, unchanged"):
            started = time.perf_counter()
            report = take_in(store, read_brreg([path]), Path(where))
            seconds = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"register {name}: {seconds:.0f} s, {report.read / seconds:.0f} a second, peak "
                f"{peak:.0f} MB ({report.new} new, {report.unchanged} unchanged, "
                f"{sum(report.set_aside.values())} set aside)"
            )


if __name__ == "__main__":
    main()
