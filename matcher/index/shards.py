"""Text preparation of many records: in this process, or by several over shards on disk."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Any

from matcher.embed import Encoder, StaticEncoder, load_encoder
from matcher.errors import SamspillError
from matcher.index.part import Part, prepare
from matcher.records import Record
from matcher.text import TermMaker

SHARD = 20_000
"""Records a shard."""
_WORTH_PROCESSES = 20_000
"""Below this many records, starting processes takes longer than they save."""

Decode = Callable[[Sequence[Any]], Sequence[Record]]
Seen = Callable[[int], None]


def prepare_shards(
    rows: Iterable[Any],
    total: int,
    decode: Decode,
    folder: Path,
    encoder: Encoder,
    term_maker: Callable[[], TermMaker],
    jobs: int = 1,
    seen: Seen = lambda _: None,
) -> list[Part]:
    """Prepare records, a shard at a time.

    Args:
        rows: What the store gives; becomes records where they are prepared.
        total: Number of rows, about.
        decode: Makes records of rows; must be importable by name, for other processes.
        folder: Takes shards, if there are several.
        encoder: Of passages. Other than a static one it is not loaded more than once: such
            models use all cores by themselves.
        term_maker: Makes the term maker.
        jobs: Number of processes.
        seen: Called with the number of records prepared since it was called last.

    Returns:
        At least one part, in the order of the rows.

    Raises:
        SamspillError: A process died.
    """
    shards = _batched(rows, SHARD)
    if jobs > 1 and total >= _WORTH_PROCESSES and isinstance(encoder, StaticEncoder):
        return _by_processes(shards, decode, folder, encoder, jobs, seen)
    parts = []
    maker = term_maker()
    for number, shard in enumerate(shards):
        part = prepare(decode(shard), encoder, maker)
        seen(len(shard))
        if total > SHARD:
            part.save(folder / str(number))
            part = Part.open(folder / str(number))
        parts.append(part)
    return parts or [prepare([], encoder, maker)]


def _by_processes(
    shards: Iterator[list[Any]],
    decode: Decode,
    folder: Path,
    encoder: Encoder,
    jobs: int,
    seen: Seen,
) -> list[Part]:
    context = multiprocessing.get_context("spawn")
    folders: list[Path] = []
    pending: deque[Future[int]] = deque()
    with ProcessPoolExecutor(jobs, context, _start, (encoder.name, decode)) as pool:
        try:
            for number, shard in enumerate(shards):
                folders.append(folder / str(number))
                pending.append(pool.submit(_prepare_shard, shard, folders[-1]))
                # A few wait, so that no process does; not all, for they take memory.
                while len(pending) > jobs + 1:
                    seen(pending.popleft().result())
            while pending:
                seen(pending.popleft().result())
        except BrokenProcessPool as error:
            raise SamspillError(
                "a process preparing texts died, most likely for want of memory: "
                "free some, or take fewer with `--jobs`"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [Part.open(f) for f in folders]


_worker: tuple[Encoder, Decode, TermMaker]


def _start(encoder_name: str, decode: Decode) -> None:
    """Load in a new process what all its shards need."""
    global _worker
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = load_encoder(encoder_name), decode, TermMaker(low_memory=False)


def _end_with_parent() -> None:
    """End when the job was killed: it cannot tell its processes to any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _prepare_shard(rows: list[Any], folder: Path) -> int:
    encoder, decode, maker = _worker
    prepare(decode(rows), encoder, maker).save(folder)
    return len(rows)


def _batched(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
