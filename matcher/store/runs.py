"""The record of what jobs did: one row a run, written when it begins and when it ends."""

from __future__ import annotations

import os
import resource
import socket
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update

from matcher.store import schema
from matcher.store.store import Store

RUNNING, DONE, FAILED, DIED = "running", "done", "failed", "died"


@dataclass(frozen=True)
class Run:
    """One run of a job.

    Attributes:
        job: ``reindex``, ``backup``, ``nightly``.
        holder: Process and host that ran it.
        started, ended: ISO 8601; ``ended`` is empty while it runs or if it died.
        seconds: It took, by a clock that does not jump.
        outcome: ``running``, ``done``, ``failed``, or ``died``: killed without a word.
        generation: That it made or kept, if any.
        counts: Of the generation: side -> what -> how many. Other jobs: step -> outcome.
        changes: Records taken in since the generation before.
        peak_memory: Of the process and its children, bytes.
        error: Why it failed.
    """

    job: str
    holder: str
    started: str
    ended: str
    seconds: float
    outcome: str
    generation: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    changes: int = 0
    peak_memory: int = 0
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the run for JSON."""
        return asdict(self)


class RunLog:
    """Records one run of a job.

    Begin only while holding the job's lock: whatever is recorded as running then has died.
    """

    def __init__(self, store: Store, job: str) -> None:
        self._store = store
        self._clock = time.monotonic()
        table = schema.job_run
        with self._store.writing() as connection:
            connection.execute(
                update(table)
                .where(table.c.job == job, table.c.outcome == RUNNING)
                .values(outcome=DIED, error="ended without a word: killed, or the machine stopped")
            )
            added = connection.execute(
                insert(table).values(
                    job=job, holder=holder(), started=datetime.now(UTC), seconds=0.0,
                    outcome=RUNNING, generation="", counts={}, changes=0, peak_memory=0, error="",
                )
            )  # fmt: skip
            self._id: int = (added.inserted_primary_key or (0,))[0]

    def end(
        self,
        outcome: str,
        generation: str = "",
        counts: dict[str, Any] | None = None,
        changes: int = 0,
        error: str = "",
    ) -> Run:
        """Record how the run ended."""
        table = schema.job_run
        with self._store.writing() as connection:
            connection.execute(
                update(table)
                .where(table.c.id == self._id)
                .values(
                    ended=datetime.now(UTC),
                    seconds=round(time.monotonic() - self._clock, 2),
                    outcome=outcome,
                    generation=generation,
                    counts=counts or {},
                    changes=changes,
                    peak_memory=peak_memory(),
                    error=error,
                )
            )
            row = connection.execute(select(table).where(table.c.id == self._id)).one()
        return _run(row)


def last_runs(store: Store, most: int = 10, job: str | None = None) -> list[Run]:
    """Return the last runs of all jobs, or of one, the newest first."""
    table = schema.job_run
    query = select(table).order_by(table.c.id.desc()).limit(most)
    with store.engine.connect() as connection:
        rows = connection.execute(query if job is None else query.where(table.c.job == job))
        return [_run(row) for row in rows]


def last_done(store: Store, job: str) -> Run | None:
    """Return the last run of a job that succeeded."""
    table = schema.job_run
    query = select(table).where(table.c.job == job, table.c.outcome == DONE)
    with store.engine.connect() as connection:
        row = connection.execute(query.order_by(table.c.id.desc()).limit(1)).first()
    return None if row is None else _run(row)


def holder() -> str:
    """Return which process this is, for people."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def peak_memory() -> int:
    """Return the peak memory of this process and its largest child together, in bytes."""
    usage = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_maxrss for u in usage) * 1024


def _run(row: Any) -> Run:
    def iso(moment: datetime | None) -> str:
        return moment.replace(tzinfo=UTC).isoformat(timespec="seconds") if moment else ""

    values = {k: v for k, v in row._mapping.items() if k != "id"}
    return Run(**{**values, "started": iso(row.started), "ended": iso(row.ended)})
