"""One job at a time on all hosts that share a store: PostgreSQL's advisory locks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import InvalidRequestError

from matcher.errors import LockedError, UnavailableError
from matcher.store.engine import make_single
from matcher.store.runs import holder
from matcher.store.store import Store


@contextmanager
def job_lock(store: Store, job: str) -> Iterator[Callable[[], None]]:
    """Hold a job's lock in a store that hosts share; SQLite's has one host and needs none.

    The lock belongs to a connection: PostgreSQL frees it when that ends, however it ends.

    Yields:
        A function that raises :class:`LockedError` if the lock was lost meanwhile.

    Raises:
        LockedError: Held by another process, named in the message.
    """
    if store.engine.dialect.name != "postgresql":
        yield lambda: None
        return
    key = int.from_bytes(hashlib.blake2b(job.encode(), digest_size=8).digest(), signed=True)
    # Outside of transactions, which would keep the server from cleaning up for as long.
    with make_single(store.engine).connect() as connection:
        _take(connection, key)
        yield lambda: _check(connection, key)


def _take(connection: Connection, key: int) -> None:
    if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
        raise LockedError(
            f"another job is at work ({_held_by(connection, key) or 'unknown'}): "
            "wait until it has ended"
        )
    since = f"{holder()} since {datetime.now(UTC).isoformat(timespec='seconds')}"
    # The one place where others can read who holds a lock.
    name = text("SELECT set_config('application_name', :name, false)")
    connection.execute(name, {"name": since})


# A key of 64 bits is shown as two of 32.
_HOLDERS = text(
    "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND ((l.classid::bigint << 32) | l.objid::bigint) = :key"
)


def _held_by(connection: Connection, key: int) -> str | None:
    row = connection.execute(_HOLDERS, {"key": key}).first()
    return None if row is None else str(row.application_name)


def _check(connection: Connection, key: int) -> None:
    try:
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        row = connection.execute(_HOLDERS, {"key": key}).first()
    except (UnavailableError, InvalidRequestError):
        row = None
    if row is None or row.pid != own:
        raise LockedError(
            "the connection that held the job's lock was lost, and another job may be at work: "
            "nothing was published"
        )
