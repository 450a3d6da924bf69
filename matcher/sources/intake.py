"""From a source's items into the store, with a report and a file of what was refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from matcher.records import AwardNotice, Need, Record
from matcher.sources.base import Item, Refusal, Remark, Report, SetAside
from matcher.store import Store
from matcher.store.history import save_award_notices

BATCH = 1000


def take_in(store: Store, items: Iterable[Item], refused_dir: Path, check: bool = False) -> Report:
    """Save the records of a source in batches; good records go in whatever happens to others.

    Refused records are written to a JSON Lines file below ``refused_dir``: the record as found,
    with ``_file``, ``_record``, ``_field`` and ``_reason``. Mended, it can be imported again.

    Args:
        store: Where they go.
        items: What a source yields.
        refused_dir: Folder of the file of refused records; nothing is made if none is refused.
        check: Only tell what would happen; neither store nor folder is written.
    """
    intake = Intake(store, refused_dir, check)
    try:
        for item in items:
            intake.take(item)
        intake.flush()
    finally:
        intake.close()
    return intake.report


class Intake:
    """Batches, counts and the file of refused records of one run.

    ``take`` items, ``flush`` whenever what was taken must be in the store, ``close`` at the end;
    ``report`` is right after a flush.
    """

    def __init__(self, store: Store, refused_dir: Path, check: bool) -> None:
        self.report = Report(checked_only=check)
        self._store, self._folder, self._check = store, refused_dir, check
        self._batch: dict[str, Record] = {}
        self._history: list[AwardNotice] = []
        self._gone: dict[str, None] = {}
        self._cancelled: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._file: IO[str] | None = None

    def take(self, item: Item) -> None:
        """Take one item."""
        if isinstance(item, Refusal):
            self._refuse(item)
        elif isinstance(item, Remark):
            self.report.remark(item)
        elif isinstance(item, SetAside):
            self._put_aside(item)
        elif self._is_cancelled(item):
            self.report.put_aside("cancelled by a notice read before")
        else:
            # The same id twice in a batch: save the first before the second replaces it. A
            # change of a notice in the batch must find that notice in the store.
            if (
                item.id in self._batch
                or len(self._batch) >= BATCH
                or getattr(item, "replaces", "") in self._batch
                or item.id in self._gone
            ):
                self.flush()
            self._batch[item.id] = item

    def flush(self) -> None:
        """Write what waits."""
        if self._history and not self._check:
            save_award_notices(self._store, self._history)
        if self._gone and not self._check:
            self.report.removed += self._store.discard(self._gone)
        self._history, self._gone = [], {}
        if not self._batch:
            return
        records = list(self._batch.values())
        if self._check:
            result = self._store.compare(records, self._seen)
        else:
            result = self._store.save(records)
        self.report.new += result.new
        self.report.changed += result.changed
        self.report.unchanged += result.unchanged
        self.report.merged += result.merged
        for reason, count in result.older.items():
            self.report.put_aside(reason, count)
        for record_id, source in result.taken:
            record = self._batch[record_id]
            reason = f"the id is already taken by a record from {source!r}"
            content = record.model_dump(mode="json")
            self._refuse(Refusal(record.source, record_id, "id", reason, content))
        self._batch = {}

    def close(self) -> None:
        """Close the file of refused records."""
        if self._file is not None:
            self._file.close()

    def _put_aside(self, item: SetAside) -> None:
        self.report.put_aside(item.reason)
        if item.history is not None:
            self._history.append(item.history)
            if len(self._history) >= BATCH:
                self.flush()
        if item.removes:
            if item.removes in self._batch or len(self._gone) >= BATCH:
                self.flush()
            self._gone[item.removes] = None
            self._cancelled[item.removes] = item.version

    def _is_cancelled(self, record: Record) -> bool:
        """Tell whether this run has read that a notice is no more: files come in any order."""
        if not isinstance(record, Need) or record.id not in self._cancelled:
            return False
        version = self._cancelled[record.id]
        return not version or record.notice_version <= version

    def _refuse(self, refusal: Refusal) -> None:
        self.report.refuse(refusal)
        if self._check:
            return
        if self._file is None:
            self._file = self._open()
        line = {
            **refusal.content,
            "_file": refusal.file,
            "_record": refusal.record,
            "_field": refusal.field,
            "_reason": refusal.reason,
        }
        try:
            text = json.dumps(line, ensure_ascii=False, default=str)
        except (RecursionError, ValueError):
            # Nested too deeply to be written again: the reason remains.
            kept = {k: v for k, v in line.items() if k.startswith("_")}
            text = json.dumps(kept, ensure_ascii=False, default=str)
        # Half a character may have been cut out of a text; it cannot be written as UTF-8.
        self._file.write(text.encode("utf-8", "replace").decode() + "\n")

    def _open(self) -> IO[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            # What was refused may hold contact data: it is nobody else's to read.
            self._folder.chmod(0o700)
        path = self._folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}.jsonl"
        self.report.refused_file = path
        return path.open("w", encoding="utf-8")
