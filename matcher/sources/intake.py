"""From a source's items into the store, with a report and a file of what was refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from matcher.records import Record
from matcher.sources.base import Item, Refusal, Report, SetAside
from matcher.store import Store

BATCH = 1000


def take_in(store: Store, items: Iterable[Item], refused_dir: Path) -> Report:
    """Save the records of a source in batches; good records go in whatever happens to others.

    Refused records are written to a JSON Lines file below ``refused_dir``: the record as found,
    with ``_file``, ``_record``, ``_field`` and ``_reason``. Mended, it can be imported again.
    """
    report = Report()
    batch: dict[str, Record] = {}
    for item in items:
        if isinstance(item, Refusal):
            report.refused.append(item)
        elif isinstance(item, SetAside):
            report.set_aside[item.reason] = report.set_aside.get(item.reason, 0) + 1
        else:
            # The same id twice in a batch: save the first before the second replaces it.
            if item.id in batch or len(batch) >= BATCH:
                _save(store, batch, report)
            batch[item.id] = item
    _save(store, batch, report)
    if report.refused:
        report.refused_file = _write_refused(report.refused, refused_dir)
    return report


def _save(store: Store, batch: dict[str, Record], report: Report) -> None:
    result = store.save(list(batch.values()))
    report.new += result.new
    report.changed += result.changed
    report.unchanged += result.unchanged
    for record_id, source in result.taken:
        record = batch[record_id]
        report.refused.append(
            Refusal(
                record.source,
                record_id,
                "id",
                f"the id is already taken by a record from {source!r}",
                record.model_dump(mode="json"),
            )
        )
    batch.clear()


def _write_refused(refused: list[Refusal], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        # What was refused may hold contact data: it is nobody else's to read.
        folder.chmod(0o700)
    path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for r in refused:
            line = {
                **r.content,
                "_file": r.file,
                "_record": r.record,
                "_field": r.field,
                "_reason": r.reason,
            }
            out.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    return path
