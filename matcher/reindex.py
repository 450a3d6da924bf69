"""The re-index job: a new generation from the store, published only if it is whole."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matcher.embed import Encoder, StaticEncoder
from matcher.errors import LockedError, SamspillError
from matcher.index import Generation, build_generation, prune, publish
from matcher.records import Kind, Record
from matcher.store import Store
from matcher.text import TermMaker

_RUNS = "runs.jsonl"


@dataclass(frozen=True)
class Run:
    """The record of one run of the job.

    Attributes:
        started, ended: ISO 8601.
        seconds: It took.
        outcome: ``published`` or ``failed``.
        generation: That it made, if it did.
        counts: Of the generation.
        peak_memory: Of the process, in bytes.
        error: Why it failed.
    """

    started: str
    ended: str
    seconds: float
    outcome: str
    generation: str
    counts: dict[str, dict[str, int]]
    peak_memory: int
    error: str = ""


def reindex(
    store: Store,
    data_dir: Path,
    encoder: Encoder,
    word_encoder: StaticEncoder,
    progress: Callable[[Kind, int, int], None] = lambda *_: None,
) -> Run:
    """Build a generation of everything in the store, verify and publish it.

    Any failure leaves the serving generation as it is.

    Args:
        store: The records.
        data_dir: Holds generations, lock and run records.
        encoder: Of passages.
        word_encoder: Of terms.
        progress: Called with kind, records read and records in all.

    Raises:
        LockedError: Another process is at it.
    """
    root = data_dir / "generations"
    root.mkdir(parents=True, exist_ok=True)
    with lock(data_dir / "reindex.lock"):
        started = time.monotonic()
        began = _now()
        try:
            sequence = store.last_change()
            folder = build_generation(
                root,
                lambda kind: _counted(store, kind, progress),
                sequence,
                encoder,
                word_encoder,
                TermMaker(low_memory=False),
            )
            generation = Generation.open(folder)
            generation.check(encoder, word_encoder)
            publish(root, generation.name)
            prune(root)
            run = _run(began, started, "published", generation.name, generation.manifest.counts)
        except BaseException as error:
            reason = str(error) if isinstance(error, SamspillError) else repr(error)
            _remember(data_dir, _run(began, started, "failed", "", {}, reason))
            raise
        _remember(data_dir, run)
        return run


def last_runs(data_dir: Path, most: int = 10) -> list[Run]:
    """Return the last runs, the newest first."""
    try:
        lines = (data_dir / _RUNS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Run(**json.loads(line)) for line in reversed(lines[-most:])]


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock file; the system frees it when its holder dies, however it dies.

    Raises:
        LockedError: Held by another process, named in the message.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise LockedError(
                f"another job is at work ({handle.read().strip() or 'unknown'}): "
                "wait until it has ended"
            ) from None
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {socket.gethostname()} since {_now()}")
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)


def _counted(
    store: Store, kind: Kind, progress: Callable[[Kind, int, int], None]
) -> Iterable[Record]:
    total = store.count(kind)
    for done, record in enumerate(store.iterate(kind), start=1):
        if done % 500 == 0 or done == total:
            progress(kind, done, total)
        yield record


def _run(
    began: str,
    started: float,
    outcome: str,
    generation: str,
    counts: dict[str, dict[str, int]],
    error: str = "",
) -> Run:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = round(time.monotonic() - started, 2)
    return Run(began, _now(), seconds, outcome, generation, counts, peak, error)


def _remember(data_dir: Path, run: Run) -> None:
    values: dict[str, Any] = asdict(run)
    with (data_dir / _RUNS).open("a", encoding="utf-8") as out:
        out.write(json.dumps(values) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
