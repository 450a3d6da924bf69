"""The re-index job: a new generation from the store, published only if it is whole."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from matcher.embed import Encoder, StaticEncoder
from matcher.errors import BuildError, LockedError, NoGenerationError, SamspillError
from matcher.index import Generation, open_verified, prune, publish
from matcher.index.generation import SideInput, build, made_by
from matcher.index.shards import prepare_shards
from matcher.index.update import updated_side
from matcher.records import Kind
from matcher.store import Store
from matcher.store.joblock import job_lock
from matcher.store.runs import DONE, FAILED, Run, RunLog, holder
from matcher.store.snapshot import Snapshot, decode_rows, decoder
from matcher.text import TermMaker

Progress = Callable[[Kind, int, int], None]

JOB = "reindex"
_MOST_UPDATED = 0.2
"""Share of records after whose change everything is built anew: centres and quantisers drift."""


def reindex(
    store: Store,
    data_dir: Path,
    encoder: Encoder,
    word_encoder: StaticEncoder,
    progress: Progress = lambda *_: None,
    full: bool = False,
    jobs: int = 1,
) -> Run:
    """Build a generation of everything in the store, verify and publish it.

    What did not change since the serving generation is taken over from it. Any failure leaves
    the serving generation as it is.

    Args:
        store: The records.
        data_dir: Holds generations and lock.
        encoder: Of passages.
        word_encoder: Of terms.
        progress: Called with kind, records prepared and records to prepare in all.
        full: Prepare everything anew, whatever is unchanged.
        jobs: Number of processes that prepare texts.

    Raises:
        LockedError: Another process is at it.
        BuildError: The new generation cannot be written or did not pass its checks.
    """
    root = data_dir / "generations"
    with lock(data_dir / f"{JOB}.lock", store) as make_sure_of_lock:
        log = RunLog(store, JOB)
        try:
            root.mkdir(parents=True, exist_ok=True)
            prune(root)
            with store.snapshot() as now:
                job = _Job(root, now, encoder, word_encoder, progress, jobs)
                generation = job.run(full)
            make_sure_of_lock()
            publish(root, generation.name)
            prune(root)
        except BaseException as error:
            reason = str(error) if isinstance(error, SamspillError | OSError) else repr(error)
            log.end(FAILED, error=reason)
            if isinstance(error, OSError):
                raise BuildError(
                    f"the new index cannot be written: {error}; nothing was published"
                ) from error
            raise
        return log.end(DONE, generation.name, generation.manifest.counts, job.changes)


class _Job:
    """One build: what it starts from and what it makes."""

    def __init__(
        self,
        root: Path,
        now: Snapshot,
        encoder: Encoder,
        word_encoder: StaticEncoder,
        progress: Progress,
        jobs: int,
    ) -> None:
        self.changes = 0
        self._root = root
        self._now = now
        self._encoder = encoder
        self._word_encoder = word_encoder
        self._progress = progress
        self._jobs = jobs

    def run(self, full: bool) -> Generation:
        """Build, by an update if that is possible, else in full."""
        earlier = None if full else self._earlier()
        if earlier is not None:
            try:
                return self._build(self._update(earlier), earlier.manifest.updated + self.changes)
            except BuildError:
                # Old quantisers may not fit the new records: what was built afresh will.
                pass
        self.changes = sum(self._now.count(kind) for kind in Kind)
        return self._build(self._full, 0)

    def _build(self, inputs: Callable[[Kind, Path], SideInput], updated: int) -> Generation:
        folder = build(
            self._root,
            inputs,
            self._now.sequence,
            self._encoder,
            self._word_encoder,
            updated,
            self._now.count,
        )
        return Generation.open(folder)

    def _earlier(self) -> Generation | None:
        """Return the generation to start from, if there is one that will do."""
        try:
            earlier, _ = open_verified(self._root)
        except NoGenerationError:
            return None
        manifest = earlier.manifest
        since = manifest.sequence
        if not made_by(manifest, self._encoder, self._word_encoder) or since > self._now.sequence:
            return None
        self.changes = sum(len(self._now.changed_ids(kind, since)) for kind in Kind)
        records = sum(self._now.count(kind) for kind in Kind)
        few = manifest.updated + self.changes <= _MOST_UPDATED * records
        return earlier if few else None

    def _full(self, kind: Kind, shards: Path) -> SideInput:
        total = self._now.count(kind)
        done = 0

        def seen(count: int) -> None:
            nonlocal done
            done += count
            self._progress(kind, done, total)

        parts = prepare_shards(
            self._now.rows(kind),
            total,
            decoder(kind),
            shards,
            self._encoder,
            lambda: TermMaker(low_memory=False),
            self._jobs,
            seen,
        )
        return SideInput(parts)

    def _update(self, earlier: Generation) -> Callable[[Kind, Path], SideInput]:
        maker = TermMaker(low_memory=self.changes < _FEW)

        def inputs(kind: Kind, shards: Path) -> SideInput:
            since = earlier.manifest.sequence
            records = decode_rows(kind, list(self._now.changed_rows(kind, since)))
            ids = self._now.changed_ids(kind, since)
            side = updated_side(earlier, kind, ids, records, self._encoder, maker)
            self._progress(kind, len(records), len(records))
            return side

        return inputs


_FEW = 2000
"""Changed records below which loading the fast dictionaries takes longer than they save."""


@contextmanager
def lock(path: Path, store: Store | None = None) -> Iterator[Callable[[], None]]:
    """Hold a lock file; the system frees it when its holder dies, however it dies.

    Args:
        path: The file, named by the job.
        store: Where other hosts share it, they are kept out too.

    Yields:
        A function that raises :class:`LockedError` if the lock was lost meanwhile.

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
        handle.write(f"{holder()} since {datetime.now(UTC).isoformat(timespec='seconds')}")
        handle.flush()
        try:
            with nullcontext(lambda: None) if store is None else job_lock(store, path.stem) as held:
                yield held
        finally:
            handle.truncate(0)
