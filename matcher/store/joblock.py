"""One job at a time on all hosts that share a store: PostgreSQL's advisory locks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import InvalidRequestError

from matcher.errors import LockedError, UnavailableError
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
    engine = store.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        _take(connection, key)
        try:
            yield lambda: _check(connection, key)
        finally:
            # Whoever takes the connection from the pool next must not hold the lock.
            connection.invalidate()


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
_IS_KEY = (
    "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND ((l.classid::bigint << 32) | l.objid::bigint) = :key"
)
_HOLDER = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    f"WHERE {_IS_KEY}"
)
_MINE = text(f"SELECT count(*) FROM pg_locks l WHERE l.pid = pg_backend_pid() AND {_IS_KEY}")


def _held_by(connection: Connection, key: int) -> str | None:
    found: str | None = connection.execute(_HOLDER, {"key": key}).scalar()
    return found


def _check(connection: Connection, key: int) -> None:
    try:
        held = connection.execute(_MINE, {"key": key}).scalar()
    except (UnavailableError, InvalidRequestError):
        held = 0
    if not held:
        raise LockedError(
            "the connection that held the job's lock was lost, and another job may be at work: "
            "nothing was published"
        )
